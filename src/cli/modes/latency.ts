/** `--latency` and its kin: how long a round trip takes, and how long this machine keeps us waiting. */
import { hasColours } from "../colours.ts";
import type { Run } from "../invocation.ts";
import { print } from "../print.ts";
import { RefusedError, withServer } from "./scan.ts";

const SAMPLE_EVERY_MS = 10;
const HISTORY_SECONDS = 15;

async function pingMs(run: Run): Promise<number> {
  const startMs = performance.now();
  const reply = await run.session.call(["PING"]);
  if (reply.kind === "error" && !reply.text.startsWith("LOADING")) {
    throw new RefusedError(reply.text);
  }
  return performance.now() - startMs;
}

class Samples {
  count = 0;
  #minMs = 0;
  #maxMs = 0;
  #totalMs = 0;

  /** Whole ms, as redis-cli counts. */
  add(ms: number): void {
    const whole = Math.floor(ms);
    this.#minMs = this.count === 0 ? whole : Math.min(this.#minMs, whole);
    this.#maxMs = Math.max(this.#maxMs, whole);
    this.#totalMs += whole;
    this.count++;
  }

  text(format: string): string {
    const average = (this.count === 0 ? 0 : this.#totalMs / this.count).toFixed(2);
    const [min, max, count] = [this.#minMs, this.#maxMs, this.count];
    switch (format) {
      case "raw":
        return `${min} ${max} ${average} ${count}\n`;
      case "csv":
        return `${min},${max},${average},${count}\n`;
      case "pretty":
        return `min: ${min}, max: ${max}, avg: ${average} (${count} samples)`;
      default:
        return `{"min": ${min}, "max": ${max}, "avg": ${average}, "count": ${count}}\n`;
    }
  }
}

export function runLatency(run: Run): Promise<number> {
  const { options, output } = run;
  const { format } = output;
  const isHistory = options.mode === "latency-history";
  // Without a terminal there is one result, at the end.
  const once = !isHistory && (format !== "pretty" || !process.stdout.isTTY);
  const seconds = options.intervalSeconds || (once ? 1 : HISTORY_SECONDS);
  return withServer(run, "Error: ", async () => {
    for (;;) {
      const samples = new Samples();
      const endMs = performance.now() + seconds * 1000;
      const startMs = performance.now();
      while (performance.now() < endMs || samples.count === 0) {
        samples.add(await pingMs(run));
        if (!once)
          print(
            format === "pretty" ? `\x1b[0G\x1b[2K${samples.text(format)}` : samples.text(format),
          );
        await Bun.sleep(SAMPLE_EVERY_MS);
      }
      if (once) {
        print(`${samples.text(format)}${format === "pretty" ? "\n" : ""}`);
        return;
      }
      if (isHistory) {
        print(` -- ${((performance.now() - startMs) / 1000).toFixed(2)} seconds range\n`);
      } else if (format === "pretty") {
        // The figures of --latency are of all the time; they go on.
        print("\n");
      }
    }
  });
}

/** The upper ends of the latencies that a character stands for, in ms. */
const STEPS: readonly (readonly [number, string])[] = [
  [0.01, "."],
  [0.125, "-"],
  [0.25, "*"],
  [0.5, "#"],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((ms) => [ms, String(ms)] as const),
  ...[..."ABCDE"].map((mark, i) => [10 * (i + 1), mark] as const),
  ...[..."FGHIJ"].map((mark, i) => [100 * (i + 1), mark] as const),
  [1000, "K"],
  [2000, "L"],
  [4000, "M"],
  [8000, "N"],
  [16000, "O"],
  [30000, "P"],
  [60000, "Q"],
  [Number.POSITIVE_INFINITY, "?"],
];
/** Of a terminal with 256 colours, from none to all. */
const PALETTE = [
  0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 144, 143, 142, 184, 226, 214, 208, 202, 196,
];
/** From none to all, where there are no colours. */
const SHADES = " .:-=+*#%@";
const ROWS_PER_LEGEND = 20;

function legend(colour: boolean): string {
  const scale = colour ? PALETTE.map((code) => `\x1b[48;5;${code}m `).join("") : SHADES;
  const line = "---------------------------------------------\n";
  return `${line}. - * #          .01 .125 .25 .5 milliseconds
1,2,3,...,9      from 1 to 9     milliseconds
A,B,C,D,E        10,20,30,40,50  milliseconds
F,G,H,I,J        .1,.2,.3,.4,.5       seconds
K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds
From 0 to 100%: ${scale}${colour ? "\x1b[0m" : ""}
${line}`;
}

/** A row of the spectrum: how many of the samples were in each step. */
export function spectrum(counts: readonly number[], colour: boolean): string {
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  const shade = (count: number, shades: number) => Math.ceil(((shades - 1) * count) / total);
  if (!colour) {
    const marks = counts.map((count) => SHADES[shade(count, SHADES.length)]);
    return `${marks.join("")}\n${STEPS.map(([, mark]) => mark).join("")}\n`;
  }
  const cells = counts.map(
    (count, i) => `\x1b[48;5;${PALETTE[shade(count, PALETTE.length)]}m${STEPS[i]![1]}`,
  );
  return `\x1b[38;5;0m${cells.join("")}\x1b[0m\n`;
}

export function runLatencyDistribution(run: Run): Promise<number> {
  const seconds = run.options.intervalSeconds || 1;
  const colour = hasColours() || (!process.stdout.isTTY && !process.env.NO_COLOR);
  return withServer(run, "Error: ", async () => {
    for (let row = 0; ; row++) {
      const counts: number[] = new Array(STEPS.length).fill(0);
      const endMs = performance.now() + seconds * 1000;
      do {
        const ms = await pingMs(run);
        const step = STEPS.findIndex(([end]) => ms <= end);
        counts[step] = counts[step]! + 1;
        await Bun.sleep(1);
      } while (performance.now() < endMs);
      if (row % ROWS_PER_LEGEND === 0) print(legend(colour));
      print(spectrum(counts, colour));
    }
  });
}

/** The longest time that the machine did not let a process run. */
export async function runIntrinsicLatency(run: Run): Promise<number> {
  const startNs = Bun.nanoseconds();
  const endNs = startNs + run.options.amount * 1e9;
  let runs = 0;
  let worstNs = 0;
  let shownUsec = 0;
  for (let beforeNs = startNs; beforeNs < endNs; runs++) {
    const nowNs = Bun.nanoseconds();
    if (nowNs - beforeNs > worstNs) {
      worstNs = nowNs - beforeNs;
      const usec = Math.floor(worstNs / 1000);
      if (usec > shownUsec) print(`Max latency so far: ${usec} microseconds.\n`);
      shownUsec = Math.max(shownUsec, usec);
    }
    beforeNs = nowNs;
  }
  const averageNs = runs === 0 ? 0 : (Bun.nanoseconds() - startNs) / runs;
  print(
    `\n${runs} total runs (avg latency: ${(averageNs / 1000).toFixed(4)} microseconds / ${averageNs.toFixed(2)} nanoseconds per run).\n`,
  );
  const ratio = averageNs === 0 ? 0 : worstNs / averageNs;
  print(`Worst run took ${ratio.toFixed(0)}x longer than the average latency.\n`);
  return 0;
}
