import { describe, expect, test } from "bun:test";
import {
  ALONE,
  type Job,
  judge,
  lastLine,
  matching,
  QUICK,
  readReport,
  Schedule,
  shown,
} from "../../../scripts/test-plan.ts";

const job = (name: string, seconds: number, cores: number): Job => ({
  name,
  command: [],
  hasTests: true,
  cost: { seconds, cores },
});

describe("the schedule", () => {
  /** Runs all to their end, a second at a time; what ran together, and how long it took. */
  function simulate(jobs: readonly Job[], coresMax: number, jobsMax: number) {
    const schedule = new Schedule(jobs, coresMax, jobsMax);
    const left = new Map<Job, number>();
    const together: string[][] = [];
    let seconds = 0;
    while (!schedule.isOver) {
      for (let next = schedule.next(); next !== undefined; next = schedule.next()) {
        left.set(next, next.cost.seconds);
      }
      together.push([...schedule.running].map(({ name }) => name).sort());
      for (const [one, rest] of left) {
        if (rest > 1) left.set(one, rest - 1);
        else {
          left.delete(one);
          schedule.done(one);
        }
      }
      seconds++;
    }
    return { seconds, together };
  }

  test("starts the longest first, and fills the cores with what waits", () => {
    const jobs = [job("short", 1, 1), job("busy", 4, 1), job("waits", 3, 0.2), job("also", 2, 1)];
    const { seconds, together } = simulate(jobs, 2.2, 4);
    expect(together[0]).toEqual(["also", "busy", "waits"]);
    expect(seconds).toBe(4);
  });

  test("runs no more than it may at one time", () => {
    const jobs = Array.from({ length: 20 }, (_, i) => job(`${i}`, 2, 0.1));
    const { seconds, together } = simulate(jobs, 2, 4);
    expect(Math.max(...together.map(({ length }) => length))).toBe(4);
    expect(seconds).toBe(10);
  });

  test("runs alone what needs the machine for itself", () => {
    const jobs = [job("alone", 2, ALONE), job("a", 3, 0.1), job("b", 1, 0.1)];
    const { together } = simulate(jobs, 2, 4);
    for (const names of together) if (names.includes("alone")) expect(names).toEqual(["alone"]);
    expect(together.flat().filter((name) => name === "alone").length).toBe(2);
  });

  test("leaves nothing out", () => {
    const jobs = Array.from({ length: 30 }, (_, i) => job(`${i}`, 1 + (i % 7), (i % 5) * 0.7));
    const { together } = simulate(jobs, 2, 6);
    expect(new Set(together.flat()).size).toBe(30);
  });
});

const XML = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="6" assertions="2" failures="2" skipped="1" time="0.1">
  <testsuite name="a.test.ts" file="a.test.ts" tests="6" failures="2" skipped="1" time="0.1">
    <testcase name="is well" classname="" time="0.1" file="a.test.ts" line="1" assertions="0" />
    <testcase name="is &quot;not&quot;" classname="" time="0.1" file="a.test.ts" line="2" assertions="1">
      <failure type="AssertionError" message="5 pass&#10;">5 pass&#10;</failure>
    </testcase>
    <testcase name="left out" classname="" time="0" file="a.test.ts" line="3" assertions="0">
      <skipped />
    </testcase>
    <testsuite name="group" file="a.test.ts" line="5" tests="1" failures="1" skipped="0" time="0">
      <testcase name="x" classname="group &gt; one" time="0" file="a.test.ts" line="5" assertions="0">
        <failure type="Error" />
      </testcase>
    </testsuite>
  </testsuite>
</testsuites>
`;

describe("the report of bun test", () => {
  test("is counted, and its failures are named", () => {
    expect(readReport(XML)).toEqual({
      passed: 3,
      failed: 2,
      skipped: 1,
      failures: ['is "not"', "group > one > x"],
    });
  });

  test("is none if it is cut anywhere", () => {
    for (let end = 0; end < XML.trimEnd().length; end++) {
      expect(readReport(XML.slice(0, end))).toBeNull();
    }
  });
});

describe("a job's end", () => {
  const tests = { hasTests: true };
  const well = { code: 0, signal: "" };
  const report = (passed: number, failed: number, skipped: number) => ({
    ...{ passed, failed, skipped },
    failures: [],
  });

  test("is what the report says", () => {
    const failed = judge(tests, { code: 1, signal: "" }, report(3, 2, 1));
    expect(failed).toEqual({ passed: 3, failed: 2, skipped: 1, trouble: "" });
    expect(judge(tests, well, report(3, 0, 1)).failed).toBe(0);
    expect(judge(tests, well, report(0, 0, 4)).failed).toBe(0);
  });

  test.each([
    ["no report", judge(tests, well, null)],
    ["a crash", judge(tests, { code: 1, signal: "SIGSEGV" }, null)],
    ["no test", judge(tests, well, report(0, 0, 0))],
    ["a code without a failed test", judge(tests, { code: 1, signal: "" }, report(3, 0, 0))],
    ["a signal after all tests", judge(tests, { code: 1, signal: "SIGKILL" }, report(3, 0, 0))],
    ["types that are wrong", judge({ hasTests: false }, { code: 2, signal: "" }, null)],
  ])("is a failure with %s", (_, { failed, trouble }) => {
    expect(failed).toBe(1);
    expect(trouble).not.toBe("");
  });

  test("of types and lint needs no report", () => {
    expect(judge({ hasTests: false }, well, null).failed).toBe(0);
  });
});

test("counts are shown", () => {
  expect(shown({ passed: 12, failed: 1, skipped: 0 })).toBe("12 passed, 1 failed");
  expect(shown({ passed: 0, failed: 0, skipped: 0 })).toBe("");
  expect(lastLine({ passed: 12, failed: 0, skipped: 3 })).toBe("12 passed, 0 failed, 3 skipped");
});

test("files are found by a part of their path", () => {
  const files = ["tests/a/b.test.ts", "tests/a/c.test.ts", "tests/unit/b.test.ts"];
  expect(matching(files, ["./tests/a/b.test.ts"])).toEqual(["tests/a/b.test.ts"]);
  expect(matching(files, ["tests/a"])).toEqual(files.slice(0, 2));
  expect(matching(files, ["b.test", "c.test"])).toEqual(files);
  expect(matching(files, ["nothing"])).toEqual([]);
});

test("each name of the quick run finds something", () => {
  const files = [...new Bun.Glob("tests/**/*.test.ts").scanSync(`${import.meta.dir}/../../..`)];
  for (const name of QUICK)
    expect([name, matching(files, [name]).length > 0]).toEqual([name, true]);
});
