/**
 * Counts what a server has answered, so that a kill can wait for a number of answers instead of a
 * time: a slow machine then makes the test longer, but never empty.
 */
export class Tally {
  total = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #reached: () => void = () => {};

  add(): void {
    this.total++;
    if (this.total >= this.#wanted) this.#reached();
  }

  /** Resolves as soon as `count` more have been added. One waiter at a time. */
  more(count: number): Promise<void> {
    if (count === 0) return Promise.resolve();
    this.#wanted = this.total + count;
    return new Promise((done) => {
      this.#reached = done;
    });
  }
}

/**
 * Waits for `condition` while `load` runs on a server; fails if the load ends before it, which
 * means that the server ended by itself.
 */
export async function whileRunning(
  load: Promise<unknown>,
  condition: Promise<unknown>,
): Promise<void> {
  const ended = load.then(() => {
    throw new Error("the server ended before it was killed");
  });
  await Promise.race([condition, ended]);
}

/**
 * Lets a random time pass, so that what follows falls at any point between two answers. Nothing
 * depends on how long it is.
 */
export function jitter(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
