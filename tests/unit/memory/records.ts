/** Records as an owner would make them, for the tests of the structures that hold records. */
import { latin1Text } from "../../../src/base/bytes.ts";
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "../../../src/memory/heap.ts";
import { HAS_EXPIRY, KEY_LENGTH_WORD, keyOffset, META_WORD } from "../../../src/memory/record.ts";

/** A new record with this key (one character a byte) and these flags. */
export function createRecord(heap: Heap, key: string, flags = 0): number {
  const at = keyOffset(flags);
  const ref = heap.alloc(at + key.length);
  const words = heap.words[ref >>> SEGMENT_SHIFT]!;
  const w = (ref & UNIT_MASK) << 1;
  words[w + META_WORD] = flags;
  words[w + KEY_LENGTH_WORD] = key.length;
  const bytes = heap.bytes[ref >>> SEGMENT_SHIFT]!;
  for (let i = 0; i < key.length; i++) bytes[(w << 2) + at + i] = key.charCodeAt(i);
  return ref;
}

export function createExpiringRecord(heap: Heap, key: string): number {
  return createRecord(heap, key, HAS_EXPIRY);
}

export function keyOf(heap: Heap, ref: number): string {
  const words = heap.words[ref >>> SEGMENT_SHIFT]!;
  const w = (ref & UNIT_MASK) << 1;
  const from = (w << 2) + keyOffset(words[w + META_WORD]!);
  const bytes = heap.bytes[ref >>> SEGMENT_SHIFT]!;
  return latin1Text(bytes, from, from + words[w + KEY_LENGTH_WORD]!);
}

/** A copy of the record in another block. */
export function copyRecord(heap: Heap, ref: number): number {
  const bytes = heap.usableBytes(ref);
  const copy = heap.alloc(bytes);
  const from = (ref & UNIT_MASK) << 3;
  heap.bytes[copy >>> SEGMENT_SHIFT]!.set(
    heap.bytes[ref >>> SEGMENT_SHIFT]!.subarray(from, from + bytes),
    (copy & UNIT_MASK) << 3,
  );
  return copy;
}
