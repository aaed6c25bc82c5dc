/**
 * A request as spans: where each argument lies in `bytes`. One object serves all requests; no
 * string and no view is made of an argument unless a command asks for it.
 */
import { latin1Text } from "../base/bytes.ts";

export class Request {
  bytes: Uint8Array = new Uint8Array(0);
  /** Arguments, the command's name included. */
  count = 0;
  /** Offset and length of each argument; int32, grown as needed, at least `count` long. */
  start = new Int32Array(64);
  length = new Int32Array(64);

  /** Bytes from the first argument to the end of the last; they lie in one buffer, in order. */
  get spanBytes(): number {
    const last = this.count - 1;
    return this.start[last]! + this.length[last]! - this.start[0]!;
  }

  /** Bytes of all arguments. */
  get argumentBytes(): number {
    let bytes = 0;
    for (let i = 0; i < this.count; i++) bytes += this.length[i]!;
    return bytes;
  }

  push(start: number, length: number): void {
    if (this.count === this.start.length) this.grow();
    this.start[this.count] = start;
    this.length[this.count++] = length;
  }

  /** Makes room for more arguments. */
  grow(): void {
    const starts = new Int32Array(this.start.length * 2);
    starts.set(this.start);
    this.start = starts;
    const lengths = new Int32Array(starts.length);
    lengths.set(this.length);
    this.length = lengths;
  }

  /** Gives memory back after a request with very many arguments. */
  shrink(): void {
    if (this.start.length <= 65536) return;
    this.start = new Int32Array(64);
    this.length = new Int32Array(64);
  }

  /** The argument as text, one character a byte. */
  text(index: number): string {
    const from = this.start[index]!;
    return latin1Text(this.bytes, from, from + this.length[index]!);
  }

  /** A view of the argument, valid as long as the request. */
  view(index: number): Uint8Array {
    const from = this.start[index]!;
    return this.bytes.subarray(from, from + this.length[index]!);
  }

  /**
   * Whether the argument is this word; `word` is in lower case, the argument in any. As in Redis,
   * where options are C strings, a zero byte ends the argument.
   */
  is(index: number, word: string): boolean {
    const length = word.length;
    const { bytes } = this;
    const from = this.start[index]!;
    const given = this.length[index]!;
    if (given !== length && (given < length || bytes[from + length] !== 0)) return false;
    return this.begins(index, word);
  }

  /** Whether the argument begins with `word`, which is in lower case; case does not matter. */
  begins(index: number, word: string): boolean {
    const { bytes } = this;
    const from = this.start[index]!;
    if (this.length[index]! < word.length) return false;
    for (let i = 0; i < word.length; i++) {
      let c = bytes[from + i]!;
      if (c >= 65 && c <= 90) c |= 32;
      if (c !== word.charCodeAt(i)) return false;
    }
    return true;
  }
}
