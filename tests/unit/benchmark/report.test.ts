/** Results as text, CSV and JSON. */
import { describe, expect, test } from "bun:test";
import { type Comparison, median, type Side } from "../../../src/benchmark/comparison.ts";
import { Histogram } from "../../../src/benchmark/histogram.ts";
import { readOptions } from "../../../src/benchmark/options.ts";
import {
  CSV_HEAD,
  comparisonCsv,
  comparisonLine,
  comparisonObject,
  comparisonText,
  csvLine,
  quietLine,
  resultObject,
  textReport,
} from "../../../src/benchmark/report.ts";
import type { Outcome } from "../../../src/benchmark/run.ts";

const OPTIONS = readOptions(["-P", "16", "-r", "100", "--vs", ":6380"], () => {});
const PLAIN = { hasColor: false };

function histogramOf(...values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value, 1);
  return histogram;
}

const OUTCOME: Outcome = {
  histogram: histogramOf(50, 150, 150, 1500),
  seconds: 0.002,
  errors: 0,
  failure: null,
};

const REPORT = `====== SET ======
  4 requests completed in 0.00 seconds
  50 parallel clients
  3 bytes payload
  keep alive: 1
  pipeline: 16
  keys: 100, uniform
  host configuration "save": 60 1
  host configuration "appendonly": no
  multi-thread: no

Latency by percentile distribution:
0.000% <= 0.050 milliseconds (cumulative count 1)
50.000% <= 0.150 milliseconds (cumulative count 3)
87.500% <= 1.500 milliseconds (cumulative count 4)
100.000% <= 1.500 milliseconds (cumulative count 4)

Cumulative distribution of latencies:
25.000% <= 0.100 milliseconds (cumulative count 1)
75.000% <= 0.200 milliseconds (cumulative count 3)
100.000% <= 1.500 milliseconds (cumulative count 4)

Histogram of latencies:
<=     0.05 ms   25.000%  ████████████████████
<=      0.1 ms    0.000%
<=      0.2 ms   50.000%  ████████████████████████████████████████
<=      0.5 ms    0.000%
<=        1 ms    0.000%
<=        2 ms   25.000%  ████████████████████

Summary:
  throughput summary: 2000.00 requests per second
  latency summary (msec):
          avg       min       p50       p95       p99       max
        0.463     0.050     0.150     1.500     1.500     1.500
  latency percentiles (msec):
          p50       p90       p95       p99     p99.9    p99.99
        0.150     1.500     1.500     1.500     1.500     1.500

`;

describe("one server", () => {
  test("as text", () => {
    const config = { save: "60 1", appendonly: "no" };
    expect(textReport("SET", OUTCOME, OPTIONS, 3, config, PLAIN)).toEqual(REPORT);
  });

  test("in color it is the same text", () => {
    const config = { save: "60 1", appendonly: "no" };
    const colored = textReport("SET", OUTCOME, OPTIONS, 3, config, { hasColor: true });
    expect(colored).not.toEqual(REPORT);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are looked for.
    expect(colored.replaceAll(/\x1b\[[0-9]+m/g, "")).toEqual(REPORT);
  });

  test("interrupted before the first reply", () => {
    const outcome = { ...OUTCOME, histogram: new Histogram(), seconds: 0 };
    expect(
      textReport(
        "GET",
        outcome,
        readOptions([], () => {}),
        3,
        null,
        PLAIN,
      ),
    ).toEqual(
      `====== GET ======
  0 requests completed in 0.00 seconds
  50 parallel clients
  3 bytes payload
  keep alive: 1
  multi-thread: no

`,
    );
    expect(quietLine("GET", outcome, 3)).toEqual("GET: 0.00 requests per second, p50=0.000 msec\n");
  });

  test("as one line, CSV and JSON", () => {
    expect(quietLine("SET", OUTCOME, 1)).toEqual(
      "SET: 2000.00 requests per second, p50=0.1 msec\n",
    );
    expect(CSV_HEAD).toEqual(
      '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms","p99_9_latency_ms","p99_99_latency_ms"\n',
    );
    expect(csvLine('SET "a"', OUTCOME, 3)).toEqual(
      '"SET ""a""","2000.00","0.463","0.050","0.150","1.500","1.500","1.500","1.500","1.500"\n',
    );
    expect(resultObject("SET", OUTCOME)).toEqual({
      test: "SET",
      requests: 4,
      errors: 0,
      seconds: 0.002,
      rps: 2000,
      latencyMs: {
        avg: 0.463,
        min: 0.05,
        p50: 0.15,
        p90: 1.5,
        p95: 1.5,
        p99: 1.5,
        p99_9: 1.5,
        p99_99: 1.5,
        max: 1.5,
      },
      histogram: [
        [0.05, 1],
        [0.15, 2],
        [1.5, 1],
      ],
    });
  });
});

function side(...rates: number[]): Side {
  return { rates, histogram: histogramOf(100, 200), seconds: 1, errors: 0 };
}

function comparison(first: Side, second: Side): Comparison {
  return { sides: [first, second], failure: null };
}

describe("two servers", () => {
  const servers = [OPTIONS.target, OPTIONS.versus!] as const;
  const both = comparison(side(300, 100, 200), side(100, 90, 110));

  test("the median", () => {
    expect([median([]), median([3]), median([3, 1]), median([9, 1, 5])]).toEqual([0, 3, 2, 5]);
  });

  test("as text", () => {
    expect(comparisonText("SET", both, servers, OPTIONS, 3, PLAIN)).toEqual(
      `====== SET ======
  2 and 2 requests in 3 rounds
  50 parallel clients
  3 bytes payload
  keep alive: 1
  pipeline: 16
  keys: 100, uniform

                           127.0.0.1:6379 127.0.0.1:6380   ratio
  requests per second              200.00         100.00    2.00
    slowest round                  100.00          90.00
    fastest round                  300.00         110.00
  p50 (msec)                        0.100          0.100    1.00
  p90 (msec)                        0.200          0.200    1.00
  p95 (msec)                        0.200          0.200    1.00
  p99 (msec)                        0.200          0.200    1.00
  p99.9 (msec)                      0.200          0.200    1.00
  p99.99 (msec)                     0.200          0.200    1.00

  127.0.0.1:6379 is 2.00 times as fast as 127.0.0.1:6380 (median of 3 rounds).

`,
    );
  });

  test("as lines, CSV and JSON", () => {
    const line = (first: Side, second: Side) =>
      comparisonLine("SET", comparison(first, second), servers);
    expect([
      line(side(50), side(100)),
      line(side(100.5), side(100)),
      line(side(100), side()),
    ]).toEqual([
      "SET: 50.00 against 100.00 requests per second, ratio 0.50: 127.0.0.1:6380 is 2.00 times as fast as 127.0.0.1:6379 (median of 1 round).\n",
      "SET: 100.50 against 100.00 requests per second, ratio 1.00: Both are equally fast (median of 1 round).\n",
      "SET: 100.00 against 0.00 requests per second, ratio 0.00: No round was completed.\n",
    ]);
    const latencies = '"0.150","0.100","0.100","0.200","0.200","0.200","0.200","0.200"';
    expect(comparisonCsv("SET", both, servers, 3)).toEqual(
      `"SET","200.00",${latencies},"127.0.0.1:6379","3","2.0000"
"SET","100.00",${latencies},"127.0.0.1:6380","3","2.0000"
`,
    );
    expect(comparisonObject("SET", both, servers)).toMatchObject({
      test: "SET",
      rounds: 3,
      ratio: 2,
      verdict: "127.0.0.1:6379 is 2.00 times as fast as 127.0.0.1:6380 (median of 3 rounds).",
      servers: [
        { server: "127.0.0.1:6379", requests: 2, medianRps: 200, roundsRps: [300, 100, 200] },
        { server: "127.0.0.1:6380", requests: 2, medianRps: 100, roundsRps: [100, 90, 110] },
      ],
    });
  });
});
