/** A file is damaged: where, and how. */
export class DamageError extends Error {
  /** Bytes from the start of the file. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}
