/**
 * The heap's pages: segments of shared memory, cut in pages of 64 KiB, and runs of such pages.
 *
 * What
 *   A segment is a `SharedArrayBuffer` of 1 GiB (see `reserve`), had when the ones before it are
 *   full and committed by the OS when touched. (A growable or larger one would take the JIT off
 *   its fast path; having all of them from the start would make the garbage collector, which
 *   counts them as live, let hundreds of MB of garbage pile up.) Every page but the first of a
 *   segment is part of one run: free, or handed out by `alloc`.
 *
 * Layout
 *   The page table has 8 words a page:
 *     0 kind: FREE (first page of a free run), FREE_TAIL (its last), 0, or what the owner writes
 *     1, 2, 6 the owner's
 *     3, 4 previous and next page in the list of free runs of this bin; in a run that is handed
 *          out they are the owner's
 *     5 pages in the run (on FREE_TAIL too)
 *   Behind it stands one byte a page, the state of its memory:
 *     CLEAN   free, and nothing of it is resident: never handed out, or given back to the OS
 *     IN_USE  handed out
 *     FREED + n  free, and perhaps resident, since n rounds of `sweep`
 *
 * Giving memory back
 *   A round of `sweep` looks at every page once. A page that has been free for REST_ROUNDS rounds
 *   is given back, so that what comes and goes does not do so by way of the OS, and KEPT_PAGES
 *   free ones of the first segment stay in any case. Looking and giving are done in slices. A last
 *   segment without a resident page is dropped at the end of a round.
 *
 * Invariants (asserted by `check()`)
 *   Runs tile each segment; no two free runs touch; pages that are handed out are IN_USE, free ones
 *   are not; activeBytes and residentFreeBytes are what the states say.
 *
 * Cost
 *   `alloc` takes the first run that fits from the bins; `free` merges with the neighbours. Both
 *   write a byte for each page.
 */
import { assert } from "../base/assert.ts";

export const SEGMENT_BYTES = 1 << 30;
export const SEGMENT_SHIFT = 27;
export const UNIT_MASK = (1 << SEGMENT_SHIFT) - 1;
export const PAGE_SHIFT = 13;
/** Units of 8 bytes in a page. */
export const PAGE_UNITS = 1 << PAGE_SHIFT;
export const PAGES_PER_SEGMENT = 1 << (SEGMENT_SHIFT - PAGE_SHIFT);
const PAGE_BYTES = PAGE_UNITS * 8;
const PAGE_MASK = PAGES_PER_SEGMENT - 1;
const TABLE_BYTES = PAGES_PER_SEGMENT * 32;
const BIN_COUNT = 15;
/** The bin of a run that is a whole segment. */
const SEGMENT_BIN = 31 - Math.clz32(PAGES_PER_SEGMENT - 1);

export const FREE = 101;
const FREE_TAIL = 102;

const CLEAN = 0;
const IN_USE = 1;
const FREED = 2;
const REST_ROUNDS = 3;
/** Rounds after which a page has been given back that was freed before the first of them. */
export const ROUNDS_TO_GIVE = REST_ROUNDS + 1;
/** Free pages that stay resident, so that a small server need not ask the OS again and again. */
const KEPT_PAGES = 64;
/** The most that a slice of a round gives back (about 0.1 ms), and looks at. */
const GIVEN_PAGES = 16;
const SEEN_PAGES = 8192;

/** A page of WebAssembly's memory. */
const WASM_PAGE_BYTES = 1 << 16;

/** Thrown when no segment has room; `call()` turns it into an -OOM reply. */
export class OutOfMemory extends Error {}

/**
 * Tells the OS that nobody needs the content of `bytes` bytes of the segment; they may read as
 * anything afterwards. Returns false if that is not possible.
 */
export type GiveBack = (segment: Uint8Array, from: number, bytes: number) => boolean;

/** Told of each segment that is reserved, before anything of it is touched. */
export type SegmentListener = (segment: Uint8Array, index: number) => void;

/**
 * Zeros in shared memory that the OS commits when they are touched. WebAssembly's memory is always
 * fresh from the OS. A plain SharedArrayBuffer may be given what has been freed just before, which
 * is then overwritten with zeros: for a segment that takes a second, and all of it is resident
 * afterwards. It has to do where the engine's bound on the former is reached, which is three
 * times the memory of the machine.
 */
function reserve(bytes: number): SharedArrayBuffer {
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return memory.buffer as unknown as SharedArrayBuffer;
  } catch {
    return new SharedArrayBuffer(bytes);
  }
}

export class Pages {
  /** Byte view of each segment. */
  readonly bytes: Uint8Array[] = [];
  /** Word view (int32) of each segment. */
  readonly words: Int32Array[] = [];
  table: Int32Array;
  readonly #segmentCount: number;
  readonly #onSegment: SegmentListener;
  #states: Uint8Array;
  /** Head page of the free runs of 2^bin .. 2^(bin+1)-1 pages. */
  #bins = new Int32Array(new SharedArrayBuffer(BIN_COUNT * 4));
  /** Pages that are IN_USE. */
  #active = 0;
  /** Pages that are free and not CLEAN. */
  #residentFree = 0;
  /** How many pages the round of `sweep` has still to look at; 0 between two rounds. */
  #unswept = 0;

  /** `segmentCount`: how many segments there may be, 1 to 32. */
  constructor(segmentCount: number, onSegment: SegmentListener) {
    assert(segmentCount >= 1 && segmentCount <= 32, "1 to 32 segments");
    this.#segmentCount = segmentCount;
    this.#onSegment = onSegment;
    const pages = segmentCount * PAGES_PER_SEGMENT;
    const shared = reserve(this.tableBytes);
    this.table = new Int32Array(shared, 0, pages * 8);
    this.#states = new Uint8Array(shared, segmentCount * TABLE_BYTES, pages);
    this.#addSegment();
  }

  /** Reserves one more segment, which takes about 30 µs. */
  #addSegment(): void {
    let shared: SharedArrayBuffer;
    try {
      shared = reserve(SEGMENT_BYTES);
    } catch {
      throw new OutOfMemory("the system has no memory for another segment");
    }
    const bytes = new Uint8Array(shared);
    this.#onSegment(bytes, this.bytes.length);
    this.#append(bytes, new Int32Array(shared));
  }

  /** Adds a segment of which every page is free. */
  #append(bytes: Uint8Array, words: Int32Array): void {
    this.bytes.push(bytes);
    this.words.push(words);
    this.#pushSegment(this.bytes.length - 1);
  }

  /** Makes one free run of the segment, the last of its bin, so that segments fill in their order. */
  #pushSegment(index: number): void {
    const { table } = this;
    // Page 0 of every segment stays out, so no block spans a segment's start and ref 0 is null.
    const page = index * PAGES_PER_SEGMENT + 1;
    const first = this.#bins[SEGMENT_BIN]!;
    this.#bins[SEGMENT_BIN] = 0;
    this.#pushFree(page, PAGES_PER_SEGMENT - 1);
    if (first === 0) return;
    this.#bins[SEGMENT_BIN] = first;
    let last = first;
    while (table[(last << 3) + 4] !== 0) last = table[(last << 3) + 4]!;
    table[(last << 3) + 4] = page;
    table[(page << 3) + 3] = last;
  }

  /** Bytes that are reserved for the page table and the states. */
  get tableBytes(): number {
    return this.#segmentCount * (TABLE_BYTES + PAGES_PER_SEGMENT);
  }

  get segmentCountMax(): number {
    return this.#segmentCount;
  }

  /** Whether a whole segment can still be had. */
  get canGrow(): boolean {
    return this.bytes.length < this.#segmentCount;
  }

  get activeBytes(): number {
    return this.#active * PAGE_BYTES;
  }

  /** Bytes in free pages that the OS may still count as the process's. */
  get residentFreeBytes(): number {
    return this.#residentFree * PAGE_BYTES;
  }

  // ── Runs ───────────────────────────────────────────────────────────────────────────────────

  /** Whether a run of `count` pages can be had now. */
  has(count: number): boolean {
    if (this.#find(count) !== 0) return true;
    try {
      this.#grow(count);
      return true;
    } catch (error) {
      if (error instanceof OutOfMemory) return false;
      throw error;
    }
  }

  /** Hands out a run; returns its first page, whose words 0, 1, 2 and 6 are the caller's to write. */
  alloc(count: number): number {
    let page = this.#find(count);
    if (page === 0) {
      this.#grow(count);
      page = this.#find(count);
    }
    const { table } = this;
    const room = table[(page << 3) + 5]!;
    this.#popFree(page);
    if (room > count) this.#pushFree(page + count, room - count);
    table[(page << 3) + 5] = count;
    this.#use(page, count);
    return page;
  }

  /** Makes the run that starts at `page` one of `count` pages, if those behind it are free. */
  extend(page: number, count: number): boolean {
    const { table } = this;
    const have = table[(page << 3) + 5]!;
    const next = page + have;
    if ((next & PAGE_MASK) === 0 || table[next << 3] !== FREE) return false;
    const room = table[(next << 3) + 5]!;
    if (have + room < count) return false;
    this.#popFree(next);
    if (have + room > count) this.#pushFree(page + count, have + room - count);
    table[(page << 3) + 5] = count;
    this.#use(next, count - have);
    return true;
  }

  free(page: number): void {
    const { table } = this;
    const count = table[(page << 3) + 5]!;
    this.#states.fill(FREED, page, page + count);
    this.#active -= count;
    this.#residentFree += count;
    table[page << 3] = 0;
    let first = page;
    let length = count;
    const next = page + count;
    if ((next & PAGE_MASK) !== 0 && table[next << 3] === FREE) {
      length += table[(next << 3) + 5]!;
      this.#popFree(next);
    }
    // Page 0 of a segment is never free, so looking one back stays inside the segment.
    const before = (page - 1) << 3;
    const kind = table[before]!;
    if (kind === FREE_TAIL || kind === FREE) {
      const room = table[before + 5]!;
      first = page - room;
      length += room;
      this.#popFree(first);
    }
    this.#pushFree(first, length);
  }

  /** Frees every run at once, in time proportional to the runs there are. */
  reset(): void {
    const { table } = this;
    for (let s = 0; s < this.bytes.length; s++) {
      const end = (s + 1) * PAGES_PER_SEGMENT;
      for (let page = s * PAGES_PER_SEGMENT + 1; page < end; ) {
        const count = table[(page << 3) + 5]!;
        table[page << 3] = 0;
        table[(page + count - 1) << 3] = 0;
        page += count;
      }
    }
    this.#bins.fill(0);
    for (let s = 0; s < this.bytes.length; s++) this.#pushSegment(s);
    this.#freeStates(0, this.bytes.length);
    this.#active = 0;
  }

  /**
   * Takes all pages of another heap over, which must not be used again, in place of its own. Its
   * own segments become free ones where there is room for them: `sweep` gives them back in
   * slices, while the garbage collector would unmap each at once, which takes 0.1 s.
   */
  adopt(other: Pages): void {
    assert(other.#segmentCount === this.#segmentCount, "both heaps may have as many segments");
    const ownBytes = this.bytes.splice(0);
    const ownWords = this.words.splice(0);
    const ownStates = this.#states;
    this.bytes.push(...other.bytes);
    this.words.push(...other.words);
    this.table = other.table;
    this.#states = other.#states;
    this.#bins = other.#bins;
    this.#active = other.#active;
    this.#residentFree = other.#residentFree;
    this.#unswept = 0;
    const first = this.bytes.length;
    for (let s = 0; s < ownBytes.length && this.canGrow; s++) {
      const from = s * PAGES_PER_SEGMENT;
      const states = ownStates.subarray(from, from + PAGES_PER_SEGMENT);
      this.#states.set(states, this.bytes.length * PAGES_PER_SEGMENT);
      this.#append(ownBytes[s]!, ownWords[s]!);
    }
    this.#freeStates(first, this.bytes.length);
  }

  /** Pages of these segments that were in use are free now. */
  #freeStates(fromSegment: number, toSegment: number): void {
    const states = this.#states;
    const end = toSegment * PAGES_PER_SEGMENT;
    for (let page = fromSegment * PAGES_PER_SEGMENT; page < end; page++) {
      if (states[page] === IN_USE) states[page] = FREED;
    }
    this.#residentFree = this.#countResidentFree();
  }

  #countResidentFree(): number {
    const states = this.#states;
    let count = 0;
    const end = this.bytes.length * PAGES_PER_SEGMENT;
    for (let page = 0; page < end; page++) if (states[page]! >= FREED) count++;
    return count;
  }

  #use(page: number, count: number): void {
    const states = this.#states;
    const end = page + count;
    this.#active += count;
    for (let i = page; i < end; i++) {
      if (states[i] !== CLEAN) this.#residentFree--;
      states[i] = IN_USE;
    }
  }

  /** A free run with `count` pages or more; 0 if there is none. */
  #find(count: number): number {
    const { table } = this;
    for (let bin = 31 - Math.clz32(count); bin < BIN_COUNT; bin++) {
      for (let page = this.#bins[bin]!; page !== 0; page = table[(page << 3) + 4]!) {
        if (table[(page << 3) + 5]! >= count) return page;
      }
    }
    return 0;
  }

  /** Adds a segment, for a run of `count` pages. */
  #grow(count: number): void {
    if (!this.canGrow || count >= PAGES_PER_SEGMENT) throw new OutOfMemory("the heap is full");
    this.#addSegment();
  }

  #pushFree(page: number, count: number): void {
    const { table } = this;
    const tail = (page + count - 1) << 3;
    table[tail] = FREE_TAIL;
    table[tail + 5] = count;
    const p = page << 3;
    table[p] = FREE;
    table[p + 5] = count;
    const bin = 31 - Math.clz32(count);
    const head = this.#bins[bin]!;
    table[p + 3] = 0;
    table[p + 4] = head;
    if (head !== 0) table[(head << 3) + 3] = page;
    this.#bins[bin] = page;
  }

  #popFree(page: number): void {
    const { table } = this;
    const count = table[(page << 3) + 5]!;
    this.unlink(page, this.#bins, 31 - Math.clz32(count));
    table[(page + count - 1) << 3] = 0;
    table[page << 3] = 0;
  }

  /** Takes a page out of the list, linked by words 3 and 4, that starts at `heads[index]`. */
  unlink(page: number, heads: Int32Array, index: number): void {
    const { table } = this;
    const prev = table[(page << 3) + 3]!;
    const next = table[(page << 3) + 4]!;
    if (prev !== 0) table[(prev << 3) + 4] = next;
    else heads[index] = next;
    if (next !== 0) table[(next << 3) + 3] = prev;
  }

  // ── Giving memory back ─────────────────────────────────────────────────────────────────────

  /** Whether a round is under way. */
  get sweeping(): boolean {
    return this.#unswept !== 0;
  }

  /** Begins a round, if there is enough that could be given back. */
  beginSweep(): void {
    if (this.#residentFree <= KEPT_PAGES && this.bytes.length === 1) return;
    this.#unswept = this.bytes.length * PAGES_PER_SEGMENT;
  }

  /** Does a slice of the round; it begins at the end, so that the last segments become free. */
  sweep(giveBack: GiveBack): void {
    const states = this.#states;
    const stop = Math.max(0, this.#unswept - SEEN_PAGES);
    let end = this.#unswept;
    while (end > stop) {
      const state = states[end - 1]!;
      if (state < FREED) end--;
      else if (state < FREED + REST_ROUNDS) states[--end] = state + 1;
      else if (this.#mayGive(end) <= 0) end--;
      else {
        const count = this.#restedBefore(end);
        const page = end - count;
        const segment = this.bytes[Math.floor(page / PAGES_PER_SEGMENT)]!;
        if (giveBack(segment, (page & PAGE_MASK) * PAGE_BYTES, count * PAGE_BYTES)) {
          states.fill(CLEAN, page, end);
          this.#residentFree -= count;
          end = page;
        } else end = 0;
        break;
      }
    }
    this.#unswept = end;
    if (end > 0) return;
    while (this.bytes.length > 1 && this.#isUntouched(this.bytes.length - 1)) this.#dropSegment();
  }

  /** How many pages before this one may be given back in a slice. Those kept are in segment 0. */
  #mayGive(end: number): number {
    return end > PAGES_PER_SEGMENT
      ? GIVEN_PAGES
      : Math.min(GIVEN_PAGES, this.#residentFree - KEPT_PAGES);
  }

  /** How many of them have rested long enough; the one just before has. */
  #restedBefore(end: number): number {
    const most = this.#mayGive(end);
    let count = 1;
    // Page 0 of a segment is never free, so all are of one segment.
    while (count < most && this.#states[end - count - 1] === FREED + REST_ROUNDS) count++;
    return count;
  }

  #isUntouched(segment: number): boolean {
    const from = segment * PAGES_PER_SEGMENT;
    const first = (from + 1) << 3;
    if (this.table[first] !== FREE || this.table[first + 5] !== PAGES_PER_SEGMENT - 1) return false;
    for (let page = from; page <= (from | PAGE_MASK); page++) {
      if (this.#states[page] !== CLEAN) return false;
    }
    return true;
  }

  #dropSegment(): void {
    this.bytes.pop();
    this.words.pop();
    this.#popFree(this.bytes.length * PAGES_PER_SEGMENT + 1);
  }

  /** Asserts the invariants; calls `visit` with the first page of each run that is handed out. */
  check(visit: (page: number) => void): void {
    const { table } = this;
    const states = this.#states;
    let active = 0;
    for (let s = 0; s < this.bytes.length; s++) {
      const end = (s + 1) * PAGES_PER_SEGMENT;
      let lastWasFree = false;
      for (let page = s * PAGES_PER_SEGMENT + 1; page < end; ) {
        const kind = table[page << 3]!;
        assert(kind !== 0, `page ${page} is part of no run`);
        const count = table[(page << 3) + 5]!;
        assert(count > 0 && page + count <= end, `run at page ${page} leaves its segment`);
        for (let i = page; i < page + count; i++) {
          if ((states[i] === IN_USE) !== (kind !== FREE)) assert(false, `state of page ${i}`);
        }
        if (kind === FREE) {
          assert(!lastWasFree, `free runs touch at page ${page}`);
          assert(table[((page + count - 1) << 3) + 5] === count, `free run's tail at ${page}`);
        } else {
          active += count;
          visit(page);
        }
        lastWasFree = kind === FREE;
        page += count;
      }
    }
    assert(this.#active === active, "pages in use");
    assert(this.#residentFree === this.#countResidentFree(), "pages that are free and resident");
  }
}
