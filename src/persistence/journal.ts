/**
 * The commands of a tick that are propagated: each with the SELECT that it needs, those of a
 * transaction between MULTI and EXEC. The append-only file and the replicas get the same bytes,
 * except for commands that only replicas need.
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
  /** Between `beginBlock` and `endBlock`: these commands run together or not at all. */
  #inBlock = false;
  /** Where the first command of the block begins; -1 without one. */
  #blockStart = -1;
  #hasMulti = false;
  /** Ranges of commands that only replicas get: from, to, … */
  readonly #replicasOnly: number[] = [];
  /** Where the command that only replicas get began, while it is being written; else -1. */
  #replicasFrom = -1;

  /** Whether a block is open: the commands so far must not be propagated yet. */
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

  /** The same, for a command that changes no data and is propagated to replicas only. */
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

  /** The next command gets a SELECT again: a new file begins, or a full sync. */
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
