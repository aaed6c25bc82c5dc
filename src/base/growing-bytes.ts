/** A buffer that grows with what is written into it. Whoever takes the bytes calls `reset`. */
export abstract class GrowingBytes {
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes written since the last reset; where the next one goes. */
  at = 0;
  readonly #initialBytes: number;
  readonly #keptBytes: number;

  /** A buffer that has grown beyond `keptBytes` is given up at the next reset. */
  constructor(initialBytes: number, keptBytes: number) {
    this.#initialBytes = initialBytes;
    this.#keptBytes = keptBytes;
    this.bytes = new Uint8Array(initialBytes);
  }

  reset(): void {
    this.at = 0;
    if (this.bytes.length > this.#keptBytes) this.bytes = new Uint8Array(this.#initialBytes);
  }

  /** Sees to `count` more bytes; `bytes` may be another buffer then. */
  protected reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const wider = new Uint8Array(Math.max(this.bytes.length * 2, this.at + count));
    wider.set(this.bytes.subarray(0, this.at));
    this.bytes = wider;
  }
}
