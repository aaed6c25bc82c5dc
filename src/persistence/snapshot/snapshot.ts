/**
 * A snapshot: the keyspace as it is at one moment, written to a file without stopping the server
 * and without a copy of the data. The walk (store/walk.ts) says what to write; here it becomes
 * RDB, or commands, in pieces that a thread of the system's writes to disk.
 */

import { writeInt64 } from "../../base/number-text.ts";
import { Element } from "../../memory/element.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../../memory/heap.ts";
import { CommandWriter } from "../../protocol/command-writer.ts";
import type { Database } from "../../store/database.ts";
import { isInteger, LIST } from "../../store/entry.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { Walk } from "../../store/walk.ts";
import { Crc64 } from "../rdb/crc64.ts";
import { RdbWriter } from "../rdb/writer.ts";

const PIECE_BYTES = 1 << 16;
/** More than this on its way to the disk makes the walk wait. */
const QUEUED_BYTES_MAX = 1 << 22;
const POOLED_BYTES_MAX = 1 << 18;
const POOLED_MAX = 64;
const ENTRIES_PER_STEP = 16;
const ELEMENTS_PER_COMMAND = 64;

/** Values above this are written piece by piece, a piece a step. */
const LONG_NODES = 32;
const LONG_TEXT_BYTES = 1 << 18;

/** Turns entries into a file's bytes. */
interface Encoder {
  readonly out: { bytes: Uint8Array<ArrayBuffer>; at: number };
  begin(): void;
  entry(index: number, ref: number): void;
  /** Goes on with a value that is written piece by piece; false where there is none. */
  step(): boolean;
  end(): void;
  /** Sees every piece before it leaves. */
  piece(bytes: Uint8Array, to: number): void;
}

/** A value that is being written piece by piece. */
interface LongValue {
  /** Writes a piece; returns whether it was the last. */
  step(out: RdbWriter): boolean;
  /** Takes a copy of what is left: the value is about to change. */
  detach(): void;
}

class LongText implements LongValue {
  #bytes: Uint8Array;
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array, at: number, length: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = at + length;
  }

  step(out: RdbWriter): boolean {
    const count = Math.min(PIECE_BYTES, this.#end - this.#at);
    out.raw(this.#bytes, this.#at, count);
    this.#at += count;
    return this.#at === this.#end;
  }

  detach(): void {
    this.#bytes = this.#bytes.slice(this.#at, this.#end);
    this.#end -= this.#at;
    this.#at = 0;
  }
}

class LongList implements LongValue {
  readonly #space: Keyspace;
  #node: number;
  /** Copies of the nodes that are left, once detached: entries, and their number. */
  #copies: { readonly bytes: Uint8Array; readonly entries: number }[] | null = null;

  constructor(space: Keyspace, head: number) {
    this.#space = space;
    this.#node = head;
  }

  step(out: RdbWriter): boolean {
    const copies = this.#copies;
    if (copies !== null) {
      const { bytes, entries } = copies.shift()!;
      out.node(bytes, 0, bytes.length, entries);
      return copies.length === 0;
    }
    const { chain, heap } = this.#space;
    const node = this.#node;
    const start = chain.startOf(node);
    const base = (node & UNIT_MASK) << 3;
    const length = chain.endOf(node) - start;
    out.node(heap.bytes[node >>> SEGMENT_SHIFT]!, base + start, length, chain.entriesOf(node));
    this.#node = chain.nextNode(node);
    return this.#node === 0;
  }

  detach(): void {
    const { chain, heap } = this.#space;
    this.#copies = [];
    for (let node = this.#node; node !== 0; node = chain.nextNode(node)) {
      const base = (node & UNIT_MASK) << 3;
      const from = heap.bytes[node >>> SEGMENT_SHIFT]!;
      const bytes = from.slice(base + chain.startOf(node), base + chain.endOf(node));
      this.#copies.push({ bytes, entries: chain.entriesOf(node) });
    }
  }
}

class RdbEncoder implements Encoder {
  readonly out = new RdbWriter();
  /** Entries that come while a long value is being written go behind it. */
  readonly #aside = new RdbWriter();
  readonly #space: Keyspace;
  readonly #crc = new Crc64();
  readonly #options: SnapshotOptions;
  #long: LongValue | null = null;
  #index = -1;

  constructor(space: Keyspace, options: SnapshotOptions) {
    this.#space = space;
    this.#options = options;
    this.out.compressing = options.compressing;
    // What is set aside is in a hurry.
    this.#aside.compressing = false;
  }

  begin(): void {
    this.out.header(this.#options.aux);
  }

  entry(index: number, ref: number): void {
    const db = this.#space.databases[index]!;
    const out = this.#long === null ? this.out : this.#aside;
    if (index !== this.#index) {
      this.#index = index;
      out.selectDatabase(index);
    }
    if (this.#long === null && !this.#options.immediate) {
      this.#long = this.#longValue(db, ref);
      if (this.#long !== null) {
        const long = this.#long;
        this.#space.walk?.hold(ref, () => long.detach());
        return;
      }
    }
    out.entry(this.#space, db, ref);
  }

  /** Begins the entry if its value is long; null, with nothing done, if it is not. */
  #longValue(db: Database, ref: number): LongValue | null {
    const { chain } = this.#space;
    if (db.typeOf(ref) === LIST) {
      db.openList(ref);
      if (chain.nodes <= LONG_NODES) return null;
      this.out.entryHead(db, ref);
      this.out.length(chain.nodes);
      return new LongList(this.#space, chain.head);
    }
    if (isInteger(db.metaOf(ref)) || db.textLength(ref) <= LONG_TEXT_BYTES) return null;
    this.out.entryHead(db, ref);
    this.out.length(db.textLength(ref));
    return new LongText(db.bytesOf(ref), db.textAt(ref), db.textLength(ref));
  }

  step(): boolean {
    const long = this.#long;
    if (long === null) return false;
    if (!long.step(this.out)) return true;
    this.#long = null;
    const { walk } = this.#space;
    if (walk !== null && walk.heldRef !== 0) walk.drop();
    this.out.raw(this.#aside.bytes, 0, this.#aside.at);
    this.#aside.reset();
    return true;
  }

  piece(bytes: Uint8Array, to: number): void {
    if (this.#options.checking) this.#crc.update(bytes, 0, to);
  }

  end(): void {
    this.out.end();
  }

  /** The 8 bytes behind everything else. */
  checksum(): Uint8Array {
    const bytes = new Uint8Array(8);
    if (this.#options.checking) this.#crc.write(bytes, 0);
    return bytes;
  }
}

/** The same data as commands: `aof-use-rdb-preamble no`. */
class CommandEncoder implements Encoder {
  readonly out = new CommandWriter();
  readonly #space: Keyspace;
  readonly #element = new Element();
  readonly #digits = new Uint8Array(20);
  #index = -1;

  constructor(space: Keyspace) {
    this.#space = space;
  }

  begin(): void {}
  end(): void {}
  piece(): void {}

  step(): boolean {
    return false;
  }

  entry(index: number, ref: number): void {
    const { out } = this;
    const db = this.#space.databases[index]!;
    if (index !== this.#index) {
      this.#index = index;
      out.begin(2);
      out.text("SELECT");
      out.integer(index);
    }
    const key = () => out.argument(db.bytesOf(ref), db.keyAt(ref), db.keyLength(ref));
    if (db.typeOf(ref) === LIST) {
      this.#list(index, ref, key);
    } else {
      out.begin(3);
      out.text("SET");
      key();
      if (isInteger(db.metaOf(ref))) {
        const length = writeInt64(this.#digits, 0, db.integerLow(ref), db.integerHigh(ref));
        out.argument(this.#digits, 0, length);
      } else out.argument(db.bytesOf(ref), db.textAt(ref), db.textLength(ref));
    }
    const expireAtMs = db.expiryOf(ref);
    if (expireAtMs < 0) return;
    out.begin(3);
    out.text("PEXPIREAT");
    key();
    out.integer(expireAtMs);
  }

  #list(index: number, ref: number, key: () => void): void {
    const { out } = this;
    const { chain, databases } = this.#space;
    databases[index]!.openList(ref);
    chain.seek(0);
    for (let left = chain.length; left > 0; ) {
      const count = Math.min(left, ELEMENTS_PER_COMMAND);
      out.begin(count + 2);
      out.text("RPUSH");
      key();
      for (let i = 0; i < count; i++) {
        chain.readNext(this.#element);
        const { bytes, from, high, isInteger: isNumber, length, low } = this.#element;
        if (isNumber) out.argument(this.#digits, 0, writeInt64(this.#digits, 0, low, high));
        else out.argument(bytes, from, length);
      }
      left -= count;
    }
  }
}

/** Where a snapshot's bytes go. */
export interface SnapshotSink {
  /** Bytes handed over that have not left yet. */
  readonly queuedBytes: number;
  /** It takes no more. */
  readonly failed: boolean;
  /** Takes the bytes over: they must not change until `recycle` is called. */
  append(bytes: Uint8Array, recycle: () => void): void;
}

export interface SnapshotOptions {
  /** As RDB, or as commands. */
  readonly rdb: boolean;
  readonly aux: readonly (readonly [string, string])[];
  readonly compressing: boolean;
  readonly checking: boolean;
  /** All of it will be encoded at once, by `encodeNow`. */
  readonly immediate: boolean;
}

export class Snapshot {
  readonly #encoder: Encoder;
  readonly #sink: SnapshotSink;
  /** Buffers that have been written and can be filled again. */
  readonly #pool: Uint8Array<ArrayBuffer>[] = [];
  readonly walk: Walk;

  /** Begins a snapshot of this moment. */
  constructor(space: Keyspace, sink: SnapshotSink, options: SnapshotOptions) {
    this.#sink = sink;
    const encoder = options.rdb ? new RdbEncoder(space, options) : new CommandEncoder(space);
    this.#encoder = encoder;
    encoder.begin();
    this.walk = new Walk(space, (index, ref) => {
      encoder.entry(index, ref);
      if (encoder.out.at >= PIECE_BYTES) this.#pass();
    });
  }

  /** Hands what is encoded to the sink. */
  #pass(): void {
    const { out } = this.#encoder;
    const { bytes } = out;
    this.#encoder.piece(bytes, out.at);
    // The buffers go round: garbage would be more than the data that they carry.
    this.#sink.append(bytes.subarray(0, out.at), () => {
      if (bytes.length <= POOLED_BYTES_MAX && this.#pool.length < POOLED_MAX)
        this.#pool.push(bytes);
    });
    out.bytes = this.#pool.pop() ?? new Uint8Array(PIECE_BYTES * 2);
    out.at = 0;
  }

  /** Works until `endMs` (of performance.now) at most; returns whether all entries are encoded. */
  advance(endMs: number): boolean {
    if (this.#sink.failed) this.walk.ignoreRest();
    while (this.#sink.queuedBytes < QUEUED_BYTES_MAX) {
      if (this.#encoder.step()) {
        if (this.#encoder.out.at >= PIECE_BYTES) this.#pass();
      } else if (this.walk.done) return true;
      else this.walk.advance(ENTRIES_PER_STEP);
      if (performance.now() >= endMs) break;
    }
    return false;
  }

  /** Encodes what comes behind the entries: to be called when all of them are. */
  end(): void {
    this.#encoder.end();
    this.#pass();
    if (this.#encoder instanceof RdbEncoder) this.#sink.append(this.#encoder.checksum(), () => {});
  }

  /** Encodes all of it at once. */
  encodeNow(): void {
    while (!this.walk.done) this.walk.advance(1000);
    this.end();
  }

  /** Nobody wants it any more; the walk has still to be advanced to its end. */
  abandon(): void {
    this.walk.ignoreRest();
  }
}
