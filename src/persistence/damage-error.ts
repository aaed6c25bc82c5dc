/** A file cannot be read: where, and why. */
export class DamageError extends Error {
  /** False for a file that is whole, but holds what this server does not have. */
  readonly isDamage: boolean = true;
  /** Bytes from the start of the file. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }

  /** What an operator reads, behind the file's name. */
  get report(): string {
    return this.isDamage
      ? `damaged at byte ${this.offset}: ${this.message}`
      : `not damaged, but this server cannot read it: ${this.message} (byte ${this.offset})`;
  }
}
