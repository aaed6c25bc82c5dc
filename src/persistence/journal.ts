/**
 * The commands that change the keyspace, as they are to be repeated: each in its database, those
 * of a transaction as one block. They are gathered for the length of a tick; the disk and the
 * replicas then get the same bytes, but for what only replicas have to know.
 */
import { latin1 } from "../base/bytes.ts";
import { CommandWriter } from "../protocol/command-writer.ts";
import type { ReplicationOffset } from "./replication-offset.ts";

const MULTI = latin1("*1\r\n$5\r\nMULTI\r\n");

/** What persistence and replication ask of the journal's owner, server/execution/propagation.ts. */
export interface PropagationService {
  /** Bytes of commands that have not been handed over yet. */
  readonly usedBytes: number;
  /** The replication offset of the data set; null where it is not known. */
  readonly offset: ReplicationOffset | null;
  /**
   * Hands all commands over: once it returns, they are written to the append-only file, synced if
   * the policy says so, and are part of the replication stream. Does nothing within a transaction.
   */
  flush(): void;
  /** Flushes, and makes the next command select its database: a file or a full sync begins here. */
  mark(): void;
  /** Commands from here to `endBlock` are propagated as one transaction. */
  beginBlock(): void;
  endBlock(): void;
}

export class Journal {
  readonly #commands = new CommandWriter();
  #database = -1;
  /** Commands from `beginBlock` to `endBlock` are to be repeated together or not at all. */
  #inBlock = false;
  /** Where the first command of the block is; -1 before it. */
  #blockStart = -1;
  #hasMulti = false;
  /** Ranges that are for replicas alone: from, to, … */
  readonly #replicasOnly: number[] = [];
  /** Where such a command that is being written began; -1 without one. */
  #replicasFrom = -1;

  /** Whether a block is open: what there is so far must not be used yet. */
  get inBlock(): boolean {
    return this.#inBlock;
  }

  get usedBytes(): number {
    return this.#commands.at;
  }

  /** A command of `count` arguments begins, for database `index`. */
  begin(index: number, count: number): CommandWriter {
    this.#open(index);
    this.#commands.begin(count);
    return this.#commands;
  }

  /** The same, for a command that changes no data but is repeated on replicas. */
  beginForReplicas(index: number, count: number): CommandWriter {
    this.#open(index);
    this.#replicasFrom = this.#commands.at;
    this.#commands.begin(count);
    return this.#commands;
  }

  #open(index: number): void {
    const commands = this.#commands;
    this.#endReplicasOnly();
    if (index !== this.#database) {
      this.#database = index;
      commands.begin(2);
      commands.text("SELECT");
      commands.integer(index);
    }
    if (!this.#inBlock) return;
    if (this.#blockStart < 0) this.#blockStart = commands.at;
    else if (!this.#hasMulti) {
      // A single command needs no MULTI around it.
      commands.insert(this.#blockStart, MULTI);
      this.#hasMulti = true;
      for (const [i, at] of this.#replicasOnly.entries()) {
        // A range that ends where the block starts stays before the MULTI.
        const isEnd = i % 2 === 1;
        if (at > this.#blockStart || (at === this.#blockStart && !isEnd)) {
          this.#replicasOnly[i] = at + MULTI.length;
        }
      }
    }
  }

  #endReplicasOnly(): void {
    if (this.#replicasFrom < 0) return;
    this.#replicasOnly.push(this.#replicasFrom, this.#commands.at);
    this.#replicasFrom = -1;
  }

  beginBlock(): void {
    this.#inBlock = true;
  }

  endBlock(): void {
    this.#endReplicasOnly();
    if (this.#hasMulti) {
      this.#commands.begin(1);
      this.#commands.text("EXEC");
    }
    this.#inBlock = false;
    this.#blockStart = -1;
    this.#hasMulti = false;
  }

  /** The next command names its database again: a new file begins, or a new replica. */
  forgetDatabase(): void {
    this.#database = -1;
  }

  /** All bytes since the last reset, for replicas; valid until the next command. */
  forReplicas(): Uint8Array {
    return this.#commands.bytes.subarray(0, this.#commands.at);
  }

  /** Those for the disk; the same. */
  forDisk(): Uint8Array {
    this.#endReplicasOnly();
    const all = this.forReplicas();
    const ranges = this.#replicasOnly;
    if (ranges.length === 0) return all;
    const kept: Uint8Array[] = [];
    let from = 0;
    for (let i = 0; i < ranges.length; i += 2) {
      kept.push(all.subarray(from, ranges[i]!));
      from = ranges[i + 1]!;
    }
    kept.push(all.subarray(from));
    return Buffer.concat(kept);
  }

  reset(): void {
    this.#commands.reset();
    this.#replicasOnly.length = 0;
    this.#replicasFrom = -1;
  }
}
