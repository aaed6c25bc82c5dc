/**
 * A snapshot: the keyspace as it is at one moment, written to a file without stopping the server
 * and without a copy of the data. The walk (store/walk.ts) says what to write; here it becomes
 * RDB, or commands, in pieces that a thread of the system's writes to disk.
 */

import { writeInt64 } from "../base/number-text.ts";
import { Element } from "../memory/listpack.ts";
import { CommandWriter } from "../protocol/command-writer.ts";
import { isInteger, LIST } from "../store/entry.ts";
import type { Keyspace } from "../store/keyspace.ts";
import { Walk } from "../store/walk.ts";
import { Crc64 } from "./crc64.ts";
import { GrowingFile } from "./files.ts";
import { RdbWriter } from "./rdb-writer.ts";

const PIECE_BYTES = 1 << 16;
/** More than this on its way to the disk makes the walk wait. */
const QUEUED_BYTES_MAX = 1 << 23;
const ENTRIES_PER_STEP = 16;
const ELEMENTS_PER_COMMAND = 64;

/** Turns entries into a file's bytes. */
interface Encoder {
  readonly out: { bytes: Uint8Array; at: number; reset(): void };
  begin(): void;
  entry(index: number, ref: number): void;
  end(): void;
  /** Sees every piece before it leaves. */
  piece(bytes: Uint8Array, to: number): void;
}

class RdbEncoder implements Encoder {
  readonly out = new RdbWriter();
  readonly #space: Keyspace;
  readonly #crc = new Crc64();
  readonly #aux: readonly (readonly [string, string])[];
  readonly #checking: boolean;
  #index = -1;

  constructor(space: Keyspace, options: SnapshotOptions) {
    this.#space = space;
    this.#aux = options.aux;
    this.#checking = options.checking;
    this.out.compressing = options.compressing;
  }

  begin(): void {
    this.out.header(this.#aux);
  }

  entry(index: number, ref: number): void {
    if (index !== this.#index) {
      this.#index = index;
      this.out.selectDatabase(index);
    }
    this.out.entry(this.#space, this.#space.databases[index]!, ref);
  }

  piece(bytes: Uint8Array, to: number): void {
    if (this.#checking) this.#crc.update(bytes, 0, to);
  }

  end(): void {
    this.out.end();
  }

  /** The 8 bytes behind everything else. */
  checksum(): Uint8Array {
    const bytes = new Uint8Array(8);
    if (this.#checking) this.#crc.write(bytes, 0);
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

export interface SnapshotOptions {
  readonly temporary: string;
  /** As RDB, or as commands. */
  readonly rdb: boolean;
  readonly aux: readonly (readonly [string, string])[];
  readonly compressing: boolean;
  readonly checking: boolean;
  /** It will be finished at once, by `finishNow`. */
  readonly immediate: boolean;
}

export class Snapshot {
  readonly #encoder: Encoder;
  readonly #file: GrowingFile;
  readonly walk: Walk;

  /** Begins a snapshot of this moment. Throws where the file cannot be created. */
  constructor(space: Keyspace, options: SnapshotOptions) {
    this.#file = new GrowingFile(options.temporary, options.immediate);
    const encoder = options.rdb ? new RdbEncoder(space, options) : new CommandEncoder(space);
    this.#encoder = encoder;
    encoder.begin();
    this.walk = new Walk(space, (index, ref) => {
      encoder.entry(index, ref);
      if (encoder.out.at >= PIECE_BYTES) this.#pass();
    });
  }

  /** Hands what is encoded to the file. */
  #pass(): void {
    const { out } = this.#encoder;
    this.#encoder.piece(out.bytes, out.at);
    this.#file.append(out.bytes.slice(0, out.at));
    out.reset();
  }

  /** Works until `endMs` (of performance.now) at most; returns whether all entries are encoded. */
  advance(endMs: number): boolean {
    if (this.#file.failed) this.walk.ignoreRest();
    while (!this.walk.done && this.#file.queuedBytes < QUEUED_BYTES_MAX) {
      this.walk.advance(ENTRIES_PER_STEP);
      if (performance.now() >= endMs) break;
    }
    return this.walk.done;
  }

  #finishEncoding(): void {
    this.#encoder.end();
    this.#pass();
    if (this.#encoder instanceof RdbEncoder) this.#file.append(this.#encoder.checksum());
  }

  /** Waits until the file is on disk under its name; returns its size. Throws what went wrong. */
  async finish(path: string): Promise<number> {
    this.#finishEncoding();
    await this.#file.finish(path);
    return this.#file.writtenBytes;
  }

  /** Does all of it at once; returns the file's size. Throws what went wrong. */
  finishNow(path: string): number {
    while (!this.walk.done) {
      this.walk.advance(1000);
    }
    this.#finishEncoding();
    this.#file.finishNow(path);
    return this.#file.writtenBytes;
  }

  /** Nobody wants it any more; the walk has still to be advanced to its end. */
  abandon(): void {
    this.walk.ignoreRest();
    this.#file.discard();
  }
}
