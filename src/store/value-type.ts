/**
 * The seam of value types: what the keyspace asks of each. Only operations on keys of any type come
 * this way: DEL, COPY, MEMORY USAGE, OBJECT ENCODING, DEBUG DIGEST, snapshots, `check()`. The commands
 * of a type know their type and call it directly.
 */
import type { BlockGuard } from "../memory/block-guard.ts";
import type { ValueDigest } from "./value-digest.ts";

/** The types' numbers in an entry's meta, and in Redis's DEBUG DIGEST. */
export const TYPE_NUMBERS = { string: 0, list: 1, set: 2, zset: 3, hash: 4 } as const;
export type TypeName = keyof typeof TYPE_NUMBERS;
export const TYPE_NAMES = Object.keys(TYPE_NUMBERS) as readonly TypeName[];

/** One thing for each type, in an array by the types' numbers. */
export function byTypeNumber<T>(things: Readonly<Record<TypeName, T>>): readonly T[] {
  const array: T[] = [];
  for (const name of TYPE_NAMES) array[TYPE_NUMBERS[name]] = things[name];
  return array;
}

/** Names a block of the heap, or an entry (whose record is a block); 0 is null. */
export type Ref = number;

/** What a type may ask of the database that holds an entry of it. Methods that return an entry say that it may have moved. */
export interface Entries {
  readonly index: number;
  /** Tells a snapshot that the entry or its value is about to change. */
  beforeChange(ref: Ref): void;
  /**
   * An entry for a key, of type and encoding `low`, with `tail` bytes behind the key; in place of `ref`,
   * the key's entry, if that is not 0. Value word, high word and tail are the caller's to write.
   */
  place(
    ref: Ref,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    low: number,
    tail: number,
    expireAtMs: number,
  ): Ref;
  /** Copies `bytes` bytes of the entry to `block`, which takes its place. */
  relocate(ref: Ref, block: Ref, bytes: number): Ref;
  /** `block` is a copy of the entry and takes its place. */
  replaceEntry(ref: Ref, block: Ref): Ref;
  /** Removes an entry whose value has been freed. */
  removeEntry(ref: Ref): void;
}

/** Where a type reserves blocks, see reservation.ts. */
export interface Room {
  /** Throws OutOfMemory. */
  add(bytes: number): void;
}

export interface ValueType {
  readonly name: TypeName;
  /** What OBJECT ENCODING says: "embstr", "listpack", "quicklist", … */
  encoding(ref: Ref): string;
  /** Elements, fields or members; 1 for a string. */
  count(ref: Ref): number;
  /** Bytes of the value's blocks, without the entry's own. Estimated from `samples` elements; of all if 0. */
  usedBytes(ref: Ref, samples: number): number;
  /** Makes the value of the entry `to` a copy of that of `from`. Throws OutOfMemory, and then leaves nothing behind. */
  copy(from: Ref, to: Ref): void;
  /** Frees the value, not the entry. Returns 0, or a word that `freeMore` goes on with if the value is long. */
  free(ref: Ref): number;
  /** Frees about `budget` blocks of what `free` left. Returns 0 when all is free, else the word to go on with. */
  freeMore(rest: number, budget: number): number;
  /** The entry has moved to another block, or to another database. Only values that refer to their entry care. */
  entryMoved?(ref: Ref, database: number): void;
  /** Begins to read a long value in slices; null for one that is short enough to be read at once. */
  walk(ref: Ref): ValueWalk | null;
  /** Adds the value to a DEBUG DIGEST. */
  digest(ref: Ref, into: ValueDigest): void;
  /** Asserts the invariants and hands every block that the value owns to `owns`, each once. */
  check(ref: Ref, owns: (block: Ref) => void): void;
  /** The same for what `free` left. */
  checkRest(rest: number, owns: (block: Ref) => void): void;
}

/** Reads a value in slices as it is at one moment; each type adds how it is read. */
export interface ValueWalk extends BlockGuard {
  /** Bytes of copies that are kept now. */
  readonly keptBytes: number;
  readonly hasEnded: boolean;
  /** Everything has been read, or nobody wants the rest. */
  end(): void;
  /** Hands every block that is the walk's alone to `owns`. */
  check(owns: (block: Ref) => void): void;
}

/** A value that belongs to no key yet: read from a file, or built by a command. */
export interface NewValue {
  /** Makes it the value of a key that does not exist and returns the key's entry. Throws OutOfMemory, and is then discarded. */
  addTo(db: Entries, key: Uint8Array, keyFrom: number, keyBytes: number): Ref;
  discard(): void;
}

/** An open value of a type whose values are collections. */
export interface Collection extends NewValue {
  /** The entry that has the value; 0 while no key has it. */
  entry: Ref;
  readonly length: number;
  /** Writes what has changed back to the entry. The collection is not empty. */
  store(): void;
  /** Frees what an empty collection still has. */
  closeEmpty(): void;
}
