/** Which values are being read in slices. A long value is named by its value word, which stays while it is read. */
import type { ValueWalk } from "./value-type.ts";

export class ValueGuards {
  readonly #walks = new Map<number, ValueWalk>();

  /** The walk that reads the value, or null. */
  of(valueWord: number): ValueWalk | null {
    return this.#walks.size === 0 ? null : (this.#walks.get(valueWord) ?? null);
  }

  begin(valueWord: number, walk: ValueWalk): void {
    this.#walks.set(valueWord, walk);
  }

  end(valueWord: number): void {
    this.#walks.get(valueWord)?.end();
    this.#walks.delete(valueWord);
  }

  get count(): number {
    return this.#walks.size;
  }

  check(owns: (block: number) => void): void {
    for (const walk of this.#walks.values()) walk.check(owns);
  }
}
