/**
 * A snapshot: the keyspace as it is at one moment, written to a file or a replica without stopping the
 * server and without a copy of the data. The walk (store/walk.ts) says what to write; here it becomes
 * RDB, or commands.
 *
 * What
 *   A short value is encoded at its visit. A long one is given a `ValueWalk` at its visit, which is
 *   told of changes to it, and is put into a queue; `advance` encodes the first of the queue piece by
 *   piece. Values of both kinds that are visited while a long one is being encoded are complete in
 *   themselves, but cannot stand in the middle of it: short ones are encoded aside and follow it.
 */
import { CommandWriter } from "../../protocol/command-writer.ts";
import type { Database } from "../../store/database.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { Ref } from "../../store/value-type.ts";
import { Walk } from "../../store/walk.ts";
import { Crc64 } from "../rdb/crc64.ts";
import { RdbWriter } from "../rdb/writer.ts";
import { formatOf } from "../values/index.ts";
import type { KeyBytes, SlicedValue } from "../values/value-format.ts";
import { saveEntry, saveEntryHead } from "./entry-writer.ts";

const PIECE_BYTES = 1 << 16;
/** More than this on its way to the disk makes the walk wait. */
const QUEUED_BYTES_MAX = 1 << 22;
const POOLED_BYTES_MAX = 1 << 18;
const POOLED_MAX = 64;
const ENTRIES_PER_STEP = 16;

/** A long value that will be encoded in slices, with what was true of its entry at the visit. */
interface LongEntry {
  readonly index: number;
  readonly valueWord: number;
  readonly expireAtMs: number;
  /** The entry up to its value, as RDB; or the key, for commands. */
  readonly head: KeyBytes;
  readonly value: SlicedValue;
}

/** Turns entries into a file's bytes. */
abstract class Encoder<Writer extends RdbWriter | CommandWriter> {
  abstract readonly out: Writer;
  /** Takes what is visited while a long value is being encoded. */
  protected abstract readonly aside: Writer;
  protected readonly space: Keyspace;
  readonly #long: LongEntry[] = [];
  #hasBegun = false;
  /** The database of the last entry of each writer. */
  #index = -1;
  #asideIndex = -1;

  constructor(space: Keyspace) {
    this.space = space;
  }

  abstract begin(): void;
  abstract end(): void;
  protected abstract selectDatabase(index: number, out: Writer): void;
  protected abstract short(db: Database, ref: Ref, out: Writer): void;
  /** The entry's bytes that are needed when the value is encoded; a copy. */
  protected abstract headOf(db: Database, ref: Ref): KeyBytes;
  protected abstract beginLong(entry: LongEntry): void;
  /** Encodes a piece; returns whether it was the last. */
  protected abstract longSome(entry: LongEntry): boolean;
  protected abstract endLong(entry: LongEntry): void;

  /** Encodes the entry whole. */
  entry(index: number, ref: Ref): void {
    const db = this.space.databases[index]!;
    if (this.#hasBegun) {
      if (index !== this.#asideIndex) this.selectDatabase(index, this.aside);
      this.#asideIndex = index;
      this.short(db, ref, this.aside);
    } else {
      this.#select(index);
      this.short(db, ref, this.out);
    }
  }

  /** Puts the entry into the queue if its value is long; else returns false. */
  queueLong(walk: Walk, index: number, ref: Ref): boolean {
    const db = this.space.databases[index]!;
    const valueWalk = this.space.typeAt(ref).walk(ref);
    if (valueWalk === null) return false;
    const valueWord = db.valueWord(ref);
    walk.beginValue(valueWord, valueWalk);
    this.#long.push({
      index,
      valueWord,
      expireAtMs: db.expiryOf(ref),
      head: this.headOf(db, ref),
      value: formatOf(db.metaOf(ref)).slices(valueWalk, this.space, ref),
    });
    return true;
  }

  /** Encodes a piece of the first value of the queue; false where the queue is empty. */
  step(walk: Walk): boolean {
    const entry = this.#long[0];
    if (entry === undefined) return false;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#select(entry.index);
      this.beginLong(entry);
    }
    if (!this.longSome(entry)) return true;
    this.endLong(entry);
    this.#hasBegun = false;
    this.#long.shift();
    walk.endValue(entry.valueWord);
    if (this.aside.at > 0) {
      this.out.raw(this.aside.bytes, 0, this.aside.at);
      this.aside.reset();
      this.#index = this.#asideIndex;
    }
    this.#asideIndex = -1;
    return true;
  }

  /** Nobody wants the queue any more. */
  dropLong(walk: Walk): void {
    for (const { valueWord } of this.#long) walk.endValue(valueWord);
    this.#long.length = 0;
  }

  get hasLong(): boolean {
    return this.#long.length > 0;
  }

  #select(index: number): void {
    if (index !== this.#index) this.selectDatabase(index, this.out);
    this.#index = index;
  }

  /** Sees every piece before it leaves. */
  piece(_bytes: Uint8Array, _to: number): void {}
}

class RdbEncoder extends Encoder<RdbWriter> {
  readonly out = new RdbWriter();
  protected readonly aside = new RdbWriter();
  readonly #head = new RdbWriter();
  readonly #crc = new Crc64();
  readonly #options: SnapshotOptions;

  constructor(space: Keyspace, options: SnapshotOptions) {
    super(space);
    this.#options = options;
    this.out.compressing = options.compressing;
    this.aside.compressing = options.compressing;
    for (const writer of [this.out, this.aside, this.#head]) writer.isValkey = options.isValkey;
  }

  begin(): void {
    this.out.header(this.#options.aux, this.space.fields.totalHashCount > 0);
  }

  end(): void {
    this.out.end();
  }

  protected selectDatabase(index: number, out: RdbWriter): void {
    out.selectDatabase(index);
  }

  protected short(db: Database, ref: Ref, out: RdbWriter): void {
    saveEntry(this.space, db, ref, out);
  }

  protected headOf(db: Database, ref: Ref): KeyBytes {
    const head = this.#head;
    head.reset();
    saveEntryHead(this.space, db, ref, head);
    return { bytes: head.bytes.slice(0, head.at), from: 0, length: head.at };
  }

  protected beginLong({ head }: LongEntry): void {
    this.out.raw(head.bytes, head.from, head.length);
  }

  protected longSome({ value }: LongEntry): boolean {
    return value.saveSome(this.out);
  }

  protected endLong(): void {}

  override piece(bytes: Uint8Array, to: number): void {
    if (this.#options.checking) this.#crc.update(bytes, 0, to);
  }

  /** The 8 bytes behind everything else. */
  checksum(): Uint8Array {
    const bytes = new Uint8Array(8);
    if (this.#options.checking) this.#crc.write(bytes, 0);
    return bytes;
  }
}

/** The same data as commands: `aof-use-rdb-preamble no`. */
class CommandEncoder extends Encoder<CommandWriter> {
  readonly out = new CommandWriter();
  protected readonly aside = new CommandWriter();

  begin(): void {}
  end(): void {}

  protected selectDatabase(index: number, out: CommandWriter): void {
    out.begin(2);
    out.text("SELECT");
    out.integer(index);
  }

  protected short(db: Database, ref: Ref, out: CommandWriter): void {
    const key = { bytes: db.bytesOf(ref), from: db.keyAt(ref), length: db.keyLength(ref) };
    formatOf(db.metaOf(ref)).rewrite(this.space, ref, key, out);
    writeExpiry(key, db.expiryOf(ref), out);
  }

  protected headOf(db: Database, ref: Ref): KeyBytes {
    const at = db.keyAt(ref);
    const length = db.keyLength(ref);
    return { bytes: db.bytesOf(ref).slice(at, at + length), from: 0, length };
  }

  protected beginLong(): void {}

  protected longSome({ head, value }: LongEntry): boolean {
    return value.rewriteSome(head, this.out);
  }

  protected endLong({ expireAtMs, head }: LongEntry): void {
    writeExpiry(head, expireAtMs, this.out);
  }
}

function writeExpiry(key: KeyBytes, expireAtMs: number, out: CommandWriter): void {
  if (expireAtMs < 0) return;
  out.begin(3);
  out.text("PEXPIREAT");
  out.argument(key.bytes, key.from, key.length);
  out.integer(expireAtMs);
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
  /** `rdb-dialect`. */
  readonly isValkey: boolean;
  readonly checking: boolean;
  /** All of it will be encoded at once, by `encodeNow`. */
  readonly immediate: boolean;
}

export class Snapshot {
  readonly #encoder: RdbEncoder | CommandEncoder;
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
      if (!options.immediate && encoder.queueLong(this.walk, index, ref)) return;
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
    if (this.#sink.failed) this.abandon();
    while (this.#sink.queuedBytes < QUEUED_BYTES_MAX) {
      if (this.#encoder.step(this.walk)) {
        if (this.#encoder.out.at >= PIECE_BYTES) this.#pass();
      } else if (this.walk.done) return true;
      else this.walk.advance(ENTRIES_PER_STEP);
      if (performance.now() >= endMs) break;
    }
    return false;
  }

  /** Encodes what comes behind the entries, once all of them are encoded. */
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

  /** Nobody wants it any more. The walk has still to be advanced to its end. */
  abandon(): void {
    this.walk.ignoreRest();
    this.#encoder.dropLong(this.walk);
  }
}
