/**
 * The seam of value types in files: how a value of each type is saved, loaded, and rewritten as
 * commands. DUMP, RESTORE, snapshots, replicas' full synchronisations and the base of the append-only
 * file all come this way.
 */
import type { CommandWriter } from "../../protocol/command-writer.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { NewValue, Ref, TypeName, ValueWalk } from "../../store/value-type.ts";
import type { RdbInput } from "../rdb/input.ts";
import type { RdbWriter } from "../rdb/writer.ts";

/** Elements of one command of a rewrite, as in Redis. */
export const ELEMENTS_PER_COMMAND = 64;

/** A key's bytes. */
export interface KeyBytes {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly length: number;
}

export interface ValueFormat {
  readonly name: TypeName;
  /** The RDB types that a loader reads, older forms included. */
  readonly rdbTypes: readonly number[];
  /** The RDB type that `save` writes for the value as it is now: the oldest that can hold it. */
  rdbTypeOf(space: Keyspace, ref: Ref, isValkey: boolean): number;
  /** Writes the value as it stands behind its type and key. */
  save(space: Keyspace, ref: Ref, out: RdbWriter): void;
  /** Writes commands that make the value of `key`. */
  rewrite(space: Keyspace, ref: Ref, key: KeyBytes, out: CommandWriter): void;
  /** The same two for a long value, which `walk` reads: one of them, in slices. */
  slices(walk: ValueWalk, space: Keyspace, ref: Ref): SlicedValue;
  createLoader(space: Keyspace): ValueLoader;
}

export interface SlicedValue {
  /** Writes about 64 KiB more of what `save` writes. Returns whether that was the last. */
  saveSome(out: RdbWriter): boolean;
  /** Writes about 64 KiB more of what `rewrite` writes. Returns whether that was the last. */
  rewriteSome(key: KeyBytes, out: CommandWriter): boolean;
}

/** What the meaning of a value's type depends on. */
export interface FileFacts {
  /** Whether the types are Valkey's: some numbers mean something else in Redis. */
  readonly isValkey: boolean;
  /** A DUMP payload, not a file. */
  readonly isPayload: boolean;
  /** Redis 8.10's templates of hashes, their fields by the templates' ids. */
  readonly templates: ReadonlyMap<number, readonly Uint8Array[]>;
}

/** Reads values, one after another. Every byte is checked; damage is an RdbError. */
export interface ValueLoader {
  /** A value of RDB type `type` begins. */
  begin(type: number, file: FileFacts): void;
  /**
   * Reads a part of it; returns whether that was the last. Throws NeedMore where the part is not all
   * there: nothing of it has been taken, and it is read again later.
   */
  loadSome(input: RdbInput): boolean;
  /** The value that has been read, now the caller's. Null if it has no elements: Redis skips such keys. */
  take(): NewValue | null;
  /** Frees what has been read of a value that will not be completed. */
  discard(): void;
}
