/**
 * Runs types, lint and tests side by side, each test file in a process of its own, and says how they
 * ended. scripts/test runs it with everything it needs in place, and tells what can be asked for.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import costs from "../tests/costs.json";
import {
  ALONE,
  type Cost,
  type Job,
  judge,
  lastLine,
  matching,
  type Outcome,
  QUICK,
  type Report,
  readReport,
  Schedule,
  shown,
  USUAL_COST,
} from "./test-plan.ts";

const ROOT = join(import.meta.dir, "..");
const COSTS_PATH = "tests/costs.json";
const UNIT = "tests/unit/";
/** A test that hangs for good fails by its own time limit; this is for what hangs beside the tests. */
const JOB_MINUTES_MAX = process.env.SOAK === undefined ? 10 : 600;
const SILENCE_MS_MAX = 20_000;
/** Most tests wait for servers part of the time, so that some more than there are cores run at once. */
const CORES = availableParallelism();
const CORES_MAX = CORES * 1.3;
const JOBS_MAX = CORES * 3;

const TYPES: Job = {
  name: "types",
  command: ["tsc", "--noEmit"],
  hasTests: false,
  cost: { seconds: 8, cores: 1.3 },
};
const LINT: Job = {
  name: "formatting and lint",
  command: ["biome", "check", "--error-on-warnings", "."],
  hasTests: false,
  cost: { seconds: 2, cores: 1.5 },
};

interface Finished extends Outcome {
  readonly job: Job;
  readonly seconds: number;
  readonly cores: number;
  readonly output: string;
  readonly failures: readonly string[];
}

function testFiles(): string[] {
  return [...new Bun.Glob("tests/**/*.test.ts").scanSync(ROOT)].sort();
}

function costOf(name: string): Cost {
  if (name.startsWith("tests/containers/")) return { seconds: 60, cores: ALONE };
  const known = (costs as Record<string, number[]>)[name];
  return known === undefined ? USUAL_COST : { seconds: known[0]!, cores: known[1]! };
}

/** One job a file, but one for all unit tests, which start no servers and are quick. */
function jobsOf(files: readonly string[], options: readonly string[] = []): Job[] {
  const command = ["bun", "test", "--timeout", "60000", ...options];
  const job = (name: string, paths: readonly string[]): Job => ({
    name,
    command: [...command, ...paths.map((path) => `./${path}`)],
    hasTests: true,
    cost: costOf(name),
  });
  const units = files.filter((file) => file.startsWith(UNIT));
  const others = files.filter((file) => !file.startsWith(UNIT)).map((file) => job(file, [file]));
  if (units.length === 0) return others;
  return [...others, job(units.length === 1 ? units[0]! : UNIT.slice(0, -1), units)];
}

const folder = mkdtempSync(join(tmpdir(), "stormdb-tests-"));
const children = new Set<Bun.Subprocess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

/** `slot`: a number that no other running job has, so that their servers take different ports. */
async function run(job: Job, slot: number, streams: boolean): Promise<Finished> {
  const reportPath = join(folder, `${Bun.hash(job.name)}.xml`);
  const report = job.hasTests ? ["--reporter=junit", `--reporter-outfile=${reportPath}`] : [];
  const fromMs = performance.now();
  const child = Bun.spawn([...job.command, ...report], {
    cwd: ROOT,
    env: { ...process.env, TEST_SLOT: String(slot), TEST_SLOTS: String(JOBS_MAX) },
    stdin: "ignore",
    stdout: streams ? "inherit" : "pipe",
    stderr: streams ? "inherit" : "pipe",
    timeout: JOB_MINUTES_MAX * 60_000,
    killSignal: "SIGKILL",
  });
  children.add(child);
  const pieces: string[] = [];
  const collect = async (stream: ReadableStream<Uint8Array> | undefined) => {
    if (stream === undefined) return;
    const decoder = new TextDecoder();
    for await (const piece of stream) pieces.push(decoder.decode(piece, { stream: true }));
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  await child.exited;
  children.delete(child);
  // A server that a crashed test has left would keep the pipes open.
  await Promise.race([collected, Bun.sleep(1000)]);
  const seconds = (performance.now() - fromMs) / 1000;
  const busyMs = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000;
  const found = readIfThere(reportPath);
  const end = { code: child.exitCode ?? 1, signal: String(child.signalCode ?? "") };
  return {
    ...judge(job, end, found),
    job,
    seconds,
    cores: busyMs / 1000 / seconds,
    output: pieces.join(""),
    failures: found?.failures ?? [],
  };
}

function readIfThere(path: string): Report | null {
  try {
    return readReport(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}

const say = (line: string) => {
  console.log(line);
  lastSaidMs = performance.now();
};
let lastSaidMs = performance.now();

/** All jobs, some at a time; one line for each that ends. */
async function runAll(jobs: readonly Job[]): Promise<Finished[]> {
  const schedule = new Schedule(jobs, CORES_MAX, JOBS_MAX);
  const finished: Finished[] = [];
  const slots = Array.from({ length: JOBS_MAX }, (_, i) => JOBS_MAX - 1 - i);
  const startedMs = new Map<Job, number>();
  const progress = setInterval(() => {
    if (performance.now() - lastSaidMs < SILENCE_MS_MAX) return;
    const running = [...schedule.running].map(
      (job) => `${job.name} (${Math.round((performance.now() - startedMs.get(job)!) / 1000)} s)`,
    );
    say(`         still running: ${running.join(", ")}`);
  }, 1000);
  const running = new Set<Promise<void>>();
  while (!schedule.isOver) {
    for (let job = schedule.next(); job !== undefined; job = schedule.next()) {
      const started = job;
      const slot = slots.pop()!;
      startedMs.set(started, performance.now());
      const ended = run(started, slot, false).then((result) => {
        slots.push(slot);
        schedule.done(started);
        running.delete(ended);
        finished.push(result);
        sayEnd(result, finished.length, jobs.length);
      });
      running.add(ended);
    }
    await Promise.race(running);
  }
  clearInterval(progress);
  return finished;
}

function sayEnd(result: Finished, index: number, total: number): void {
  const { failed, failures, job, seconds, trouble } = result;
  const place = `${index}`.padStart(`${total}`.length);
  const time = `${seconds.toFixed(1)} s`.padStart(7);
  const word = failed === 0 ? "ok  " : "FAIL";
  const counts = [shown(result), trouble].filter((text) => text !== "").join("; ");
  say(`${place}/${total} ${word} ${time}  ${job.name}${counts === "" ? "" : `: ${counts}`}`);
  for (const name of failures) say(`           ${name}`);
}

/** Everything that a reader needs who looks at the end of the output only. */
function sayDetails(finished: readonly Finished[]): void {
  for (const { job, output, skipped } of finished) {
    if (skipped === 0) continue;
    const reasons = new Set(output.match(/^Skipped, .*$/gm) ?? ["no reason was given"]);
    say(`skipped: ${skipped} in ${job.name}: ${[...reasons].join(" ")}`);
  }
  for (const { failed, job, output } of finished) {
    if (failed === 0) continue;
    say(`\n======== FAIL ${job.name}\n${output.trimEnd()}`);
  }
  const failing = finished.filter(({ failed }) => failed > 0);
  if (failing.length === 0) return;
  say("\nFailed:");
  for (const { failures, job, trouble } of failing) {
    say(`  ${job.name}${trouble === "" ? "" : `: ${trouble}`}`);
    for (const name of failures) say(`    ${name}`);
  }
}

/** Writes the costs of what takes long, for the next runs' order. */
function writeCosts(finished: readonly Finished[]): void {
  const measured = finished
    .filter(({ job, seconds }) => job.hasTests && seconds >= 2 && job.cost.cores < ALONE)
    .map(({ cores, job, seconds }): [string, number[]] => [
      job.name,
      [Math.round(seconds), Math.round(cores * 10) / 10],
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = measured.map(([name, cost]) => `  ${JSON.stringify(name)}: [${cost.join(", ")}]`);
  writeFileSync(join(ROOT, COSTS_PATH), `{\n${lines.join(",\n")}\n}\n`);
}

function sum(finished: readonly Outcome[], what: "passed" | "failed" | "skipped"): number {
  return finished.reduce((total, one) => total + one[what], 0);
}

async function main(args: readonly string[]): Promise<void> {
  const fromMs = performance.now();
  const isQuick = args.includes("--quick");
  const rest = args.filter((arg) => arg !== "--quick");
  const files = testFiles();
  // An option of `bun test` may have a value, which only it knows from a file: it gets all of them.
  const hasOptions = rest.some((arg) => arg.startsWith("-"));
  const chosen = hasOptions ? [] : isQuick ? matching(files, QUICK) : matching(files, rest);
  let finished: Finished[];
  if (hasOptions) {
    const command = ["bun", "test", "--timeout", "60000", ...rest];
    const job = { name: rest.join(" "), command, hasTests: true, cost: USUAL_COST };
    finished = [await run(job, 0, true)];
  } else if (rest.length > 0) {
    const jobs = jobsOf(chosen);
    if (jobs.length === 0) say(`no test file's path has ${rest.join(" or ")} in it`);
    finished = jobs.length === 1 ? [await run(jobs[0]!, 0, true)] : await runAll(jobs);
  } else {
    finished = await runAll([TYPES, LINT, ...jobsOf(isQuick ? chosen : files)]);
  }
  sayDetails(finished);
  if (process.env.UPDATE_COSTS !== undefined) writeCosts(finished);
  const counts = {
    passed: sum(finished, "passed"),
    failed: finished.length === 0 ? 1 : sum(finished, "failed"),
    skipped: sum(finished, "skipped"),
  };
  say(`\n${Math.round((performance.now() - fromMs) / 1000)} s`);
  say(lastLine(counts));
  process.exit(counts.failed === 0 ? 0 : 1);
}

await main(process.argv.slice(2));
