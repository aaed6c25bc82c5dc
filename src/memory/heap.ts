/**
 * The heap: all data of a server, in fixed shared segments outside the JS heap.
 *
 * What
 *   A block is named by a ref, a 32-bit integer in units of 8 bytes; 0 is null. Refs are kept as
 *   signed int32, so that the JIT stays in integer registers; compare them only for equality.
 *
 *     ref      31      27 26                    13 12            0
 *             +----------+------------------------+---------------+
 *             | segment  |  page in the segment   | unit in page  |
 *             +----------+------------------------+---------------+
 *
 *   Segments and pages are those of `pages.ts`.
 *
 * Layout
 *   A page of 64 KiB is
 *     - a slab: blocks of one size class, for blocks up to 32 KiB;
 *     - or part of a run of pages that holds one large block;
 *     - or part of a free run.
 *   In the page table the heap's words are
 *     0 kind: slab = class 1..80, LARGE
 *     1 slab: first free block (ref; its word 0 links to the next)
 *     2 slab: live blocks;  large: size in units
 *     3, 4 slab: previous and next page in the list of slabs with room
 *     6 slab: first unit that was never handed out
 *   Size classes: every 8 bytes up to 128, then 8 per doubling, so at most 12.5 % is padding.
 *
 * Invariants (asserted by `check()`)
 *   Those of the pages; a slab with room is in its class's list, a full one is not; live blocks +
 *   free list + untouched units = capacity; usedBytes is the sum of the sizes of live blocks.
 *
 * Cost
 *   alloc and free of small blocks are a few loads and stores; an empty slab goes back to the
 *   runs, so memory moves between classes. Page 0 of segment 0 is never handed out.
 */
import { assert } from "../base/assert.ts";
import {
  type GiveBack,
  OutOfMemory,
  PAGE_SHIFT,
  PAGE_UNITS,
  PAGES_PER_SEGMENT,
  Pages,
  SEGMENT_SHIFT,
  type SegmentListener,
  UNIT_MASK,
} from "./pages.ts";

export { OutOfMemory, ROUNDS_TO_GIVE, SEGMENT_BYTES, SEGMENT_SHIFT, UNIT_MASK } from "./pages.ts";

const SMALL_UNITS_MAX = 4096;
const CLASS_COUNT = 80;
const LARGE = 100;
/** The largest block, in bytes: all of a segment but its first page. */
export const BLOCK_BYTES_MAX = (PAGES_PER_SEGMENT - 1) * PAGE_UNITS * 8;

function classOf(units: number): number {
  if (units <= 16) return units;
  const e = 31 - Math.clz32(units - 1);
  return 9 + ((e - 4) << 3) + ((units - 1) >>> (e - 3));
}

const CLASS_UNITS = (() => {
  const units = new Int32Array(CLASS_COUNT + 1);
  for (let u = 1; u <= SMALL_UNITS_MAX; u++) units[classOf(u)] = u;
  return units;
})();

/** The bytes a block for `bytes` will really have. */
export function roundedBytes(bytes: number): number {
  const units = (bytes + 7) >>> 3;
  return (units <= SMALL_UNITS_MAX ? CLASS_UNITS[classOf(units)]! : roundedUnits(bytes)) * 8;
}

/** The units of a large block: whole pieces of 4 KiB. */
function roundedUnits(bytes: number): number {
  return (((bytes + 7) >>> 3) + 511) & ~511;
}

function pagesFor(units: number): number {
  return (units + PAGE_UNITS - 1) >>> PAGE_SHIFT;
}

export class Heap {
  /** Byte view of each segment: the byte offset of a ref is `(ref & UNIT_MASK) << 3`. */
  readonly bytes: Uint8Array[];
  /** Word view (int32) of each segment: the word of a ref is `(ref & UNIT_MASK) << 1`. */
  readonly words: Int32Array[];
  readonly #runs: Pages;
  /** The page table. */
  #pages: Int32Array;
  /** Head page of the slabs with room, per class. */
  #slabs = new Int32Array(new SharedArrayBuffer((CLASS_COUNT + 1) * 4));
  /** 0: used bytes, 1: the most there ever were. */
  #counters = new Float64Array(new SharedArrayBuffer(16));

  /** `segmentCount`: how many segments there may be, 1 to 32. */
  constructor(segmentCount = 32, onSegment: SegmentListener = () => {}) {
    this.#runs = new Pages(segmentCount, onSegment);
    this.#pages = this.#runs.table;
    this.bytes = this.#runs.bytes;
    this.words = this.#runs.words;
  }

  /** Bytes in live blocks, padding to the size class included. */
  get usedBytes(): number {
    return this.#counters[0]!;
  }

  get peakBytes(): number {
    return Math.max(this.#counters[1]!, this.#counters[0]!);
  }

  /** Bytes of the pages that hold blocks: slabs with what is free in them, and large blocks. */
  get activeBytes(): number {
    return this.#runs.activeBytes;
  }

  /** Bytes of free pages that the OS may still keep resident. */
  get residentFreeBytes(): number {
    return this.#runs.residentFreeBytes;
  }

  /** Bytes of all pages that the OS may keep resident. */
  get residentBytes(): number {
    return this.activeBytes + this.residentFreeBytes;
  }

  /** Bytes that the page table reserves, for all segments that there may be. */
  get pageTableBytes(): number {
    return this.#runs.tableBytes;
  }

  /** Bytes that blocks can ever have. */
  get capacityBytes(): number {
    return this.#runs.segmentCountMax * BLOCK_BYTES_MAX;
  }

  /** Whether a whole segment can still be had. */
  get canGrow(): boolean {
    return this.#runs.canGrow;
  }

  notePeak(): void {
    if (this.#counters[0]! > this.#counters[1]!) this.#counters[1] = this.#counters[0]!;
  }

  /** A block of at least `bytes` bytes; its content is arbitrary. */
  alloc(bytes: number): number {
    if (bytes > SMALL_UNITS_MAX * 8) return this.#allocLarge(bytes);
    const units = (bytes + 7) >>> 3;
    const cls = classOf(units);
    const pages = this.#pages;
    let page = this.#slabs[cls]!;
    if (page === 0) page = this.#newSlab(cls);
    const p = page << 3;
    const size = CLASS_UNITS[cls]!;
    let ref = pages[p + 1]!;
    if (ref !== 0) {
      pages[p + 1] = this.words[ref >>> SEGMENT_SHIFT]![(ref & UNIT_MASK) << 1]!;
    } else {
      const fresh = pages[p + 6]!;
      ref = ((page << PAGE_SHIFT) + fresh) | 0;
      pages[p + 6] = fresh + size;
    }
    pages[p + 2] = pages[p + 2]! + 1;
    if (pages[p + 1] === 0 && pages[p + 6]! + size > PAGE_UNITS) this.#unlinkSlab(page, cls);
    this.#counters[0] = this.#counters[0]! + size * 8;
    return ref;
  }

  /** Whether a block of `bytes` bytes can be had now. */
  hasRoomFor(bytes: number): boolean {
    const units = (bytes + 7) >>> 3;
    if (bytes > SMALL_UNITS_MAX * 8)
      return bytes <= BLOCK_BYTES_MAX && this.#runs.has(pagesFor(units));
    return this.#slabs[classOf(units)] !== 0 || this.#runs.has(1);
  }

  free(ref: number): void {
    const pages = this.#pages;
    const page = ref >>> PAGE_SHIFT;
    const p = page << 3;
    const cls = pages[p]!;
    if (cls === LARGE) {
      this.#counters[0] = this.#counters[0]! - pages[p + 2]! * 8;
      this.#runs.free(page);
      return;
    }
    const size = CLASS_UNITS[cls]!;
    const wasFull = pages[p + 1] === 0 && pages[p + 6]! + size > PAGE_UNITS;
    this.words[ref >>> SEGMENT_SHIFT]![(ref & UNIT_MASK) << 1] = pages[p + 1]!;
    pages[p + 1] = ref;
    const live = pages[p + 2]! - 1;
    pages[p + 2] = live;
    this.#counters[0] = this.#counters[0]! - size * 8;
    if (wasFull) this.#linkSlab(page, cls);
    // The last slab of a class is kept, so that one block coming and going does not move pages.
    if (live === 0 && (this.#slabs[cls] !== page || pages[p + 4] !== 0)) {
      this.#unlinkSlab(page, cls);
      this.#runs.free(page);
    }
  }

  /** The bytes the block really has, at least what was asked for. */
  usableBytes(ref: number): number {
    const p = (ref >>> PAGE_SHIFT) << 3;
    const cls = this.#pages[p]!;
    return (cls === LARGE ? this.#pages[p + 2]! : CLASS_UNITS[cls]!) * 8;
  }

  /** Grows a large block where it stands, if the pages behind it are free. */
  growInPlace(ref: number, bytes: number): boolean {
    const pages = this.#pages;
    const page = ref >>> PAGE_SHIFT;
    const p = page << 3;
    if (pages[p] !== LARGE || bytes > BLOCK_BYTES_MAX) return false;
    const units = roundedUnits(bytes);
    const want = pagesFor(units);
    if (want > pages[p + 5]! && !this.#runs.extend(page, want)) return false;
    this.#counters[0] = this.#counters[0]! + (units - pages[p + 2]!) * 8;
    pages[p + 2] = units;
    return true;
  }

  /** Frees every block at once, in time proportional to the runs of pages there are. */
  reset(): void {
    this.#runs.reset();
    this.#slabs.fill(0);
    this.#counters[0] = 0;
  }

  /** Takes all blocks of another heap over, which must not be used again, in place of its own. */
  adopt(other: Heap): void {
    this.#runs.adopt(other.#runs);
    this.#pages = this.#runs.table;
    this.#slabs = other.#slabs;
    this.#counters = other.#counters;
  }

  /** Whether a round that gives free pages back to the OS is under way. */
  get sweeping(): boolean {
    return this.#runs.sweeping;
  }

  /** Begins such a round, if there is enough to give back; pages are given back after some rounds. */
  beginSweep(): void {
    this.#runs.beginSweep();
  }

  /** Does a slice of the round, which takes some 0.1 ms. */
  sweep(giveBack: GiveBack): void {
    this.#runs.sweep(giveBack);
  }

  #allocLarge(bytes: number): number {
    // Also, the arithmetic on units would not hold much more.
    if (bytes > BLOCK_BYTES_MAX) throw new OutOfMemory("no block is that large");
    const rounded = roundedUnits(bytes);
    const page = this.#runs.alloc(pagesFor(rounded));
    const p = page << 3;
    const pages = this.#pages;
    pages[p] = LARGE;
    pages[p + 2] = rounded;
    this.#counters[0] = this.#counters[0]! + rounded * 8;
    return (page << PAGE_SHIFT) | 0;
  }

  #newSlab(cls: number): number {
    const page = this.#runs.alloc(1);
    const p = page << 3;
    const pages = this.#pages;
    pages[p] = cls;
    pages[p + 1] = 0;
    pages[p + 2] = 0;
    pages[p + 6] = 0;
    this.#linkSlab(page, cls);
    return page;
  }

  #linkSlab(page: number, cls: number): void {
    const pages = this.#pages;
    const head = this.#slabs[cls]!;
    pages[(page << 3) + 3] = 0;
    pages[(page << 3) + 4] = head;
    if (head !== 0) pages[(head << 3) + 3] = page;
    this.#slabs[cls] = page;
  }

  #unlinkSlab(page: number, cls: number): void {
    this.#runs.unlink(page, this.#slabs, cls);
  }

  /**
   * Walks everything and asserts the invariants. Hands every live block to `visit` and returns how
   * many there are.
   */
  check(visit: (ref: number) => void = () => {}): number {
    const pages = this.#pages;
    let used = 0;
    let blocks = 0;
    const withRoom = new Map<number, number>();
    this.#runs.check((page) => {
      const p = page << 3;
      const kind = pages[p]!;
      if (kind === LARGE) {
        used += pages[p + 2]! * 8;
        blocks++;
        visit((page << PAGE_SHIFT) | 0);
        return;
      }
      const size = CLASS_UNITS[kind]!;
      let free = 0;
      const isFree = new Set<number>();
      for (let ref = pages[p + 1]!; ref !== 0; free++) {
        assert(ref >>> PAGE_SHIFT === page, `free block outside its slab, page ${page}`);
        assert(!isFree.has(ref), `free list of page ${page} has a cycle`);
        isFree.add(ref);
        ref = this.words[ref >>> SEGMENT_SHIFT]![(ref & UNIT_MASK) << 1]!;
      }
      const live = pages[p + 2]!;
      assert((live + free) * size === pages[p + 6], `slab count of page ${page}`);
      used += live * size * 8;
      blocks += live;
      for (let unit = 0; unit < pages[p + 6]!; unit += size) {
        const ref = ((page << PAGE_SHIFT) + unit) | 0;
        if (!isFree.has(ref)) visit(ref);
      }
      if (free > 0 || pages[p + 6]! + size <= PAGE_UNITS) withRoom.set(page, kind);
    });
    for (let cls = 1; cls <= CLASS_COUNT; cls++) {
      let prev = 0;
      for (let page = this.#slabs[cls]!; page !== 0; page = pages[(page << 3) + 4]!) {
        assert(withRoom.get(page) === cls, `page ${page} is in the list of class ${cls}`);
        assert(pages[(page << 3) + 3] === prev, `back link of page ${page}`);
        withRoom.delete(page);
        prev = page;
      }
    }
    assert(withRoom.size === 0, "a slab with room is in no list");
    assert(used === this.usedBytes, `usedBytes ${this.usedBytes}, blocks hold ${used}`);
    return blocks;
  }
}
