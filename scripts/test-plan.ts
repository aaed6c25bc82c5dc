/**
 * What a run of the tests consists of: jobs, which are processes of their own, and the order in
 * which they share the cores. Pure, so that it is tested without running anything.
 */

export interface Job {
  /** What is shown: a test file, or a group of them. */
  readonly name: string;
  readonly command: readonly string[];
  /** Types and lint have none to count. */
  readonly hasTests: boolean;
  readonly cost: Cost;
}

/** Measured on a quiet machine; only the order of magnitude counts. */
export interface Cost {
  readonly seconds: number;
  /** Cores that it keeps busy on average, its servers included; the rest of its time it waits. */
  readonly cores: number;
}

/** Of files that nobody has measured. */
export const USUAL_COST: Cost = { seconds: 3, cores: 0.8 };

/** A job with at least so many cores runs alone. */
export const ALONE = 99;

/** What the quick run has: all that starts no server, and what says most about commands. */
export const QUICK: readonly string[] = [
  "tests/unit/",
  "tests/oracle/commands.test.ts",
  "tests/oracle/keys.test.ts",
  "tests/oracle/lists.test.ts",
  "tests/oracle/strings.test.ts",
  "tests/oracle/transactions.test.ts",
  "tests/persistence/journal.test.ts",
];

/** Hands jobs out, the longest first, so that what runs at one time keeps the cores busy but no more. */
export class Schedule {
  readonly #waiting: Job[];
  readonly #running = new Set<Job>();
  readonly #coresMax: number;
  readonly #jobsMax: number;

  constructor(jobs: readonly Job[], coresMax: number, jobsMax: number) {
    this.#waiting = [...jobs].sort((a, b) => b.cost.seconds - a.cost.seconds);
    this.#coresMax = coresMax;
    this.#jobsMax = jobsMax;
  }

  /** The job to start now; undefined if none fits beside those that run, or none is left. */
  next(): Job | undefined {
    const index = this.#waiting.findIndex((job) => this.#fits(job));
    if (index < 0) return undefined;
    const [job] = this.#waiting.splice(index, 1);
    this.#running.add(job!);
    return job;
  }

  done(job: Job): void {
    this.#running.delete(job);
  }

  get running(): ReadonlySet<Job> {
    return this.#running;
  }

  get isOver(): boolean {
    return this.#waiting.length === 0 && this.#running.size === 0;
  }

  #fits(job: Job): boolean {
    if (this.#running.size === 0) return true;
    if (this.#running.size >= this.#jobsMax) return false;
    let cores = job.cost.cores;
    for (const other of this.#running) cores += other.cost.cores;
    return cores <= this.#coresMax;
  }
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Report extends Counts {
  /** The names of the tests that failed. */
  readonly failures: readonly string[];
}

/**
 * Reads the report that `bun test --reporter=junit` writes; null if there is none, or none that is
 * whole.
 */
export function readReport(xml: string): Report | null {
  const head = /<testsuites [^>]*\btests="(\d+)"[^>]*\bfailures="(\d+)"[^>]*\bskipped="(\d+)"/.exec(
    xml,
  );
  if (head === null || !xml.trimEnd().endsWith("</testsuites>")) return null;
  const [tests, failed, skipped] = head.slice(1).map(Number) as [number, number, number];
  const cases = xml.matchAll(
    /<testcase name="([^"]*)" classname="([^"]*)"[^>]*[^/]>\s*<failure\b/g,
  );
  const failures = [...cases].map(([, name, group]) =>
    plain(group === "" ? name! : `${group} > ${name}`),
  );
  return { passed: tests - failed - skipped, failed, skipped, failures };
}

function plain(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}

export interface Outcome extends Counts {
  /** What went wrong besides failed tests, or "". */
  readonly trouble: string;
}

/** A job that crashed, or ran no test, counts as one failure, whatever else it says. */
export function judge(
  job: Pick<Job, "hasTests">,
  end: { readonly code: number; readonly signal: string },
  report: Report | null,
): Outcome {
  const { failed, passed, skipped } = report ?? { failed: 0, passed: 0, skipped: 0 };
  const trouble = troubleOf(job, end, report);
  return { passed, skipped, failed: failed + (trouble === "" ? 0 : 1), trouble };
}

function troubleOf(
  job: Pick<Job, "hasTests">,
  end: { readonly code: number; readonly signal: string },
  report: Report | null,
): string {
  const how = end.signal === "" ? `ended with code ${end.code}` : `was ended by ${end.signal}`;
  if (!job.hasTests) return end.code === 0 && end.signal === "" ? "" : how;
  if (report === null) return `${how} without a report of its tests`;
  if (report.passed + report.failed + report.skipped === 0) return "ran no test";
  if (report.failed === 0 && (end.code !== 0 || end.signal !== "")) return how;
  return "";
}

/** "12 passed, 1 failed", without what is 0. */
export function shown({ failed, passed, skipped }: Counts): string {
  const parts = [
    [passed, "passed"],
    [failed, "failed"],
    [skipped, "skipped"],
  ].filter(([count]) => count !== 0);
  return parts.map((part) => part.join(" ")).join(", ");
}

/** The last line of a run, which other programs read. */
export function lastLine({ failed, passed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The files that one of the arguments names, as `bun test` takes them: a part of the path. */
export function matching(files: readonly string[], filters: readonly string[]): string[] {
  const wanted = filters.map((filter) => filter.replace(/^\.\//, ""));
  return files.filter((file) => wanted.some((filter) => file.includes(filter)));
}
