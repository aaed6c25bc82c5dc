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
 *   A segment is a `SharedArrayBuffer` of 1 GiB (see `reserve`), had when the ones before it are
 *   full and committed by the OS when touched. (A growable or larger one would take the JIT off
 *   its fast path; having all of them from the start would make the garbage collector, which
 *   counts them as live, let hundreds of MB of garbage pile up.)
 *
 * Layout
 *   A segment is cut in pages of 64 KiB. A page is
 *     - a slab: blocks of one size class, for blocks up to 32 KiB;
 *     - or part of a run of pages that holds one large block;
 *     - or part of a free run.
 *   What a page is stands in the page table, 8 words a page:
 *     0 kind: slab = class 1..80, LARGE, FREE (first page of a run), FREE_TAIL (last), or 0
 *     1 slab: first free block (ref; its word 0 links to the next)
 *     2 slab: live blocks;  large: size in units
 *     3, 4 previous and next page in the list of slabs with room, or of free runs of this bin
 *     5 pages in the run (on FREE_TAIL too)
 *     6 slab: first unit that was never handed out
 *   Size classes: every 8 bytes up to 128, then 8 per doubling, so at most 12.5 % is padding.
 *
 * Invariants (asserted by `check()`)
 *   Runs tile each segment; no two free runs touch; a slab with room is in its class's list, a
 *   full one is not; live blocks + free list + untouched units = capacity; usedBytes is the sum
 *   of the sizes of live blocks, activeBytes that of the runs that are not free.
 *
 * Cost
 *   alloc and free of small blocks are a few loads and stores; an empty slab goes back to the
 *   runs, so memory moves between classes. Page 0 of segment 0 is never handed out.
 */
import { assert } from "../base/assert.ts";

export const SEGMENT_BYTES = 1 << 30;
export const SEGMENT_SHIFT = 27;
export const UNIT_MASK = (1 << SEGMENT_SHIFT) - 1;
const PAGE_SHIFT = 13;
const PAGE_UNITS = 1 << PAGE_SHIFT;
const PAGE_BYTES = PAGE_UNITS * 8;
const PAGES_PER_SEGMENT = 1 << (SEGMENT_SHIFT - PAGE_SHIFT);
const SMALL_UNITS_MAX = 4096;
const CLASS_COUNT = 80;
const LARGE = 100;
const FREE = 101;
const FREE_TAIL = 102;
const BIN_COUNT = 15;
/** The largest block, in bytes: all of a segment but its first page. */
export const BLOCK_BYTES_MAX = (PAGES_PER_SEGMENT - 1) * PAGE_UNITS * 8;

/** A page of WebAssembly's memory. */
const WASM_PAGE_BYTES = 1 << 16;

/** Thrown when no segment has room; `call()` turns it into an -OOM reply. */
export class OutOfMemory extends Error {}

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
  return (units <= SMALL_UNITS_MAX ? CLASS_UNITS[classOf(units)]! : (units + 511) & ~511) * 8;
}

/**
 * Zeros in shared memory that the OS commits when they are touched. WebAssembly's memory is always
 * fresh from the OS. A plain SharedArrayBuffer may be given what has been freed just before, which
 * is then overwritten with zeros: for a segment that takes a second, and all of it is resident
 * afterwards. It has to do where the engine's bound on the former is reached, which is three
 * times the memory of the machine.
 */
function reserve(bytes: number): SharedArrayBuffer {
  const pages = bytes / WASM_PAGE_BYTES;
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return memory.buffer as unknown as SharedArrayBuffer;
  } catch {
    return new SharedArrayBuffer(bytes);
  }
}

export class Heap {
  /** Byte view of each segment: the byte offset of a ref is `(ref & UNIT_MASK) << 3`. */
  readonly bytes: Uint8Array[] = [];
  /** Word view (int32) of each segment: the word of a ref is `(ref & UNIT_MASK) << 1`. */
  readonly words: Int32Array[] = [];
  readonly #segmentCount: number;
  #pages: Int32Array;
  /** Head page of the slabs with room, per class. */
  #slabs = new Int32Array(new SharedArrayBuffer((CLASS_COUNT + 1) * 4));
  /** Head page of the free runs of 2^bin .. 2^(bin+1)-1 pages. */
  #bins = new Int32Array(new SharedArrayBuffer(BIN_COUNT * 4));
  /** 0: used bytes, 1: the most there ever were; 2: pages in use, 3: pages that have been touched. */
  #counters = new Float64Array(new SharedArrayBuffer(32));

  /** `segmentCount`: how many segments there may be, 1 to 32. */
  constructor(segmentCount = 32) {
    assert(segmentCount >= 1 && segmentCount <= 32, "1 to 32 segments");
    this.#segmentCount = segmentCount;
    this.#pages = new Int32Array(reserve(segmentCount * PAGES_PER_SEGMENT * 32));
    this.#addSegment();
  }

  /** Reserves one more segment, which takes about 30 µs. */
  #addSegment(): void {
    const shared = reserve(SEGMENT_BYTES);
    const index = this.bytes.length;
    this.bytes.push(new Uint8Array(shared));
    this.words.push(new Int32Array(shared));
    // Page 0 of every segment stays out, so no block spans a segment's start and ref 0 is null.
    this.#pushFree(index * PAGES_PER_SEGMENT + 1, PAGES_PER_SEGMENT - 1);
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
    return this.#counters[2]! * PAGE_BYTES;
  }

  /**
   * Bytes of the pages that blocks have been in, which the OS keeps resident: the most pages that
   * were in use at once, since a page that is free is taken before a fresh one.
   */
  get residentBytes(): number {
    return this.#counters[3]! * PAGE_BYTES;
  }

  /** Bytes that the page table reserves, for all segments that there may be. */
  get pageTableBytes(): number {
    return this.#segmentCount * PAGES_PER_SEGMENT * 32;
  }

  /** Bytes that blocks can ever have. */
  get capacityBytes(): number {
    return this.#segmentCount * BLOCK_BYTES_MAX;
  }

  /** Whether a whole segment can still be had. */
  get canGrow(): boolean {
    return this.bytes.length < this.#segmentCount;
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
    try {
      this.free(this.alloc(bytes));
      return true;
    } catch (error) {
      if (error instanceof OutOfMemory) return false;
      throw error;
    }
  }

  free(ref: number): void {
    const pages = this.#pages;
    const page = ref >>> PAGE_SHIFT;
    const p = page << 3;
    const cls = pages[p]!;
    if (cls === LARGE) {
      this.#counters[0] = this.#counters[0]! - pages[p + 2]! * 8;
      this.#freeRun(page, pages[p + 5]!);
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
      this.#freeRun(page, 1);
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
    const units = (((bytes + 7) >>> 3) + 511) & ~511;
    const have = pages[p + 5]!;
    const want = (units + PAGE_UNITS - 1) >>> PAGE_SHIFT;
    if (want > have) {
      const next = page + have;
      if ((next & (PAGES_PER_SEGMENT - 1)) === 0 || pages[next << 3] !== FREE) return false;
      const room = pages[(next << 3) + 5]!;
      if (have + room < want) return false;
      this.#popFree(next);
      if (have + room > want) this.#pushFree(page + want, have + room - want);
      pages[p + 5] = want;
      this.#countPages(want - have);
    }
    this.#counters[0] = this.#counters[0]! + (units - pages[p + 2]!) * 8;
    pages[p + 2] = units;
    return true;
  }

  /** Frees every block at once, in time proportional to the runs there are. */
  reset(): void {
    const pages = this.#pages;
    for (let s = 0; s < this.bytes.length; s++) {
      const end = (s + 1) * PAGES_PER_SEGMENT;
      for (let page = s * PAGES_PER_SEGMENT + 1; page < end; ) {
        const count = pages[(page << 3) + 5]!;
        pages[page << 3] = 0;
        pages[(page + count - 1) << 3] = 0;
        page += count;
      }
    }
    this.#slabs.fill(0);
    this.#bins.fill(0);
    this.#counters[0] = 0;
    this.#counters[2] = 0;
    // All segments but the first go back to the OS.
    this.#counters[3] = Math.min(this.#counters[3]!, PAGES_PER_SEGMENT - 1);
    this.bytes.length = 1;
    this.words.length = 1;
    this.#pushFree(1, PAGES_PER_SEGMENT - 1);
  }

  /** Takes all blocks of another heap over, which must not be used again, in place of its own. */
  adopt(other: Heap): void {
    assert(other.#segmentCount === this.#segmentCount, "both heaps may have as many segments");
    this.bytes.length = 0;
    this.words.length = 0;
    this.bytes.push(...other.bytes);
    this.words.push(...other.words);
    this.#pages = other.#pages;
    this.#slabs = other.#slabs;
    this.#bins = other.#bins;
    this.#counters = other.#counters;
  }

  #allocLarge(bytes: number): number {
    // Also, the arithmetic on units would not hold much more.
    if (bytes > BLOCK_BYTES_MAX) throw new OutOfMemory("no block is that large");
    const rounded = (((bytes + 7) >>> 3) + 511) & ~511;
    const count = (rounded + PAGE_UNITS - 1) >>> PAGE_SHIFT;
    const page = this.#allocRun(count);
    const p = page << 3;
    const pages = this.#pages;
    pages[p] = LARGE;
    pages[p + 2] = rounded;
    pages[p + 5] = count;
    this.#counters[0] = this.#counters[0]! + rounded * 8;
    return (page << PAGE_SHIFT) | 0;
  }

  #newSlab(cls: number): number {
    const page = this.#allocRun(1);
    const p = page << 3;
    const pages = this.#pages;
    pages[p] = cls;
    pages[p + 1] = 0;
    pages[p + 2] = 0;
    pages[p + 5] = 1;
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
    this.#unlink(page, this.#slabs, cls);
  }

  #unlink(page: number, heads: Int32Array, index: number): void {
    const pages = this.#pages;
    const prev = pages[(page << 3) + 3]!;
    const next = pages[(page << 3) + 4]!;
    if (prev !== 0) pages[(prev << 3) + 4] = next;
    else heads[index] = next;
    if (next !== 0) pages[(next << 3) + 3] = prev;
  }

  #allocRun(count: number): number {
    const pages = this.#pages;
    for (let bin = 31 - Math.clz32(count); bin < BIN_COUNT; bin++) {
      for (let page = this.#bins[bin]!; page !== 0; page = pages[(page << 3) + 4]!) {
        const room = pages[(page << 3) + 5]!;
        if (room < count) continue;
        this.#popFree(page);
        if (room > count) this.#pushFree(page + count, room - count);
        this.#countPages(count);
        return page;
      }
    }
    if (this.bytes.length === this.#segmentCount || count >= PAGES_PER_SEGMENT) {
      throw new OutOfMemory("the heap is full");
    }
    this.#addSegment();
    return this.#allocRun(count);
  }

  #countPages(more: number): void {
    const counters = this.#counters;
    counters[2] = counters[2]! + more;
    if (counters[2]! > counters[3]!) counters[3] = counters[2]!;
  }

  #freeRun(page: number, count: number): void {
    const pages = this.#pages;
    this.#counters[2] = this.#counters[2]! - count;
    pages[page << 3] = 0;
    let first = page;
    let length = count;
    const next = page + count;
    if ((next & (PAGES_PER_SEGMENT - 1)) !== 0 && pages[next << 3] === FREE) {
      length += pages[(next << 3) + 5]!;
      this.#popFree(next);
    }
    // Page 0 of a segment is never free, so looking one back stays inside the segment.
    const before = (page - 1) << 3;
    const kind = pages[before]!;
    if (kind === FREE_TAIL || kind === FREE) {
      const room = pages[before + 5]!;
      first = page - room;
      length += room;
      this.#popFree(first);
    }
    this.#pushFree(first, length);
  }

  #pushFree(page: number, count: number): void {
    const pages = this.#pages;
    const tail = (page + count - 1) << 3;
    pages[tail] = FREE_TAIL;
    pages[tail + 5] = count;
    const p = page << 3;
    pages[p] = FREE;
    pages[p + 5] = count;
    const bin = 31 - Math.clz32(count);
    const head = this.#bins[bin]!;
    pages[p + 3] = 0;
    pages[p + 4] = head;
    if (head !== 0) pages[(head << 3) + 3] = page;
    this.#bins[bin] = page;
  }

  #popFree(page: number): void {
    const pages = this.#pages;
    const count = pages[(page << 3) + 5]!;
    this.#unlink(page, this.#bins, 31 - Math.clz32(count));
    pages[(page + count - 1) << 3] = 0;
    pages[page << 3] = 0;
  }

  /** Walks everything and asserts the invariants. Returns the number of live blocks. */
  check(): number {
    const pages = this.#pages;
    let used = 0;
    let active = 0;
    let blocks = 0;
    const withRoom = new Map<number, number>();
    for (let s = 0; s < this.bytes.length; s++) {
      const end = (s + 1) * PAGES_PER_SEGMENT;
      let lastWasFree = false;
      for (let page = s * PAGES_PER_SEGMENT + 1; page < end; ) {
        const p = page << 3;
        const kind = pages[p]!;
        assert(kind !== 0, `page ${page} is part of no run`);
        const count = pages[p + 5]!;
        assert(count > 0 && page + count <= end, `run at page ${page} leaves its segment`);
        if (kind === FREE) {
          assert(!lastWasFree, `free runs touch at page ${page}`);
          assert(pages[((page + count - 1) << 3) + 5] === count, `free run's tail at ${page}`);
        } else if (kind === LARGE) {
          used += pages[p + 2]! * 8;
          blocks++;
        } else {
          const size = CLASS_UNITS[kind]!;
          let free = 0;
          for (let ref = pages[p + 1]!; ref !== 0; free++) {
            assert(ref >>> PAGE_SHIFT === page, `free block outside its slab, page ${page}`);
            assert(free <= PAGE_UNITS, `free list of page ${page} has a cycle`);
            ref = this.words[ref >>> SEGMENT_SHIFT]![(ref & UNIT_MASK) << 1]!;
          }
          const live = pages[p + 2]!;
          assert((live + free) * size === pages[p + 6], `slab count of page ${page}`);
          used += live * size * 8;
          blocks += live;
          if (free > 0 || pages[p + 6]! + size <= PAGE_UNITS) withRoom.set(page, kind);
        }
        lastWasFree = kind === FREE;
        if (!lastWasFree) active += count;
        page += count;
      }
    }
    assert(active * PAGE_BYTES === this.activeBytes, "the count of pages in use");
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
