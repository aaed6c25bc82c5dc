/** `--lru-test KEYS`: a cache of which 20 % of the keys get 80 % of the reads. */
import type { Run } from "../invocation.ts";
import { print } from "../print.ts";
import { RefusedError, withServer } from "./scan.ts";

const PIPELINE = 250;
/** The exponent that makes 80 of 20. */
const ALPHA = 6.2;

function key(keys: number): string {
  const power = Math.random() ** (1 / (ALPHA + 1));
  return `lru:${Math.floor(keys - power * (keys - 1))}`;
}

export function runLruTest(run: Run): Promise<number> {
  const { amount: keys } = run.options;
  const pipeline = (command: (key: string) => string[]) =>
    Promise.all(Array.from({ length: PIPELINE }, () => run.session.call(command(key(keys)))));
  return withServer(run, "Error: ", async () => {
    for (;;) {
      let hits = 0;
      let misses = 0;
      const startMs = performance.now();
      while (performance.now() - startMs < 1000) {
        for (const reply of await pipeline((name) => ["SET", name, "value"])) {
          if (reply.kind === "error") throw new RefusedError(reply.text);
        }
        for (const reply of await pipeline((name) => ["GET", name])) {
          if (reply.kind === "error") throw new RefusedError(reply.text);
          if (reply.kind === "null") misses++;
          else hits++;
        }
      }
      const gets = hits + misses;
      const share = (count: number) => `${count} (${((count / gets) * 100).toFixed(2)}%)`;
      const perSecond = Math.round((gets * 1000) / (performance.now() - startMs));
      print(`${perSecond} Gets/sec | Hits: ${share(hits)} | Misses: ${share(misses)}\n`);
    }
  });
}
