/** The command line. */
import { describe, expect, test } from "bun:test";
import { type BenchmarkOptions, readOptions } from "../../../src/benchmark/options.ts";
import type { Target } from "../../../src/client/target.ts";

const SERVER: Target = {
  host: "127.0.0.1",
  port: 6379,
  path: undefined,
  user: undefined,
  password: undefined,
  database: 0,
  security: undefined,
};
const USUAL: BenchmarkOptions = {
  target: SERVER,
  versus: undefined,
  protocol: 2,
  connections: 50,
  requests: 100_000,
  dataBytes: 3,
  pipeline: 1,
  keys: null,
  keepsAlive: true,
  format: "text",
  precision: 3,
  loops: false,
  tests: undefined,
  ratio: undefined,
  rate: 0,
  rounds: 10,
  threads: 0,
  idles: false,
  lastFromInput: false,
  showsErrors: false,
  seed: 1,
  about: undefined,
  command: [],
};

function read(...args: string[]): BenchmarkOptions {
  return readOptions(args, (text) => {
    throw new Error(`warned: ${text}`);
  });
}

describe("options", () => {
  const cases: readonly (readonly [string, Partial<BenchmarkOptions>])[] = [
    ["", {}],
    ["-h box -p 7000", { target: { ...SERVER, host: "box", port: 7000 } }],
    ["-s /run/redis --dbnum 3", { target: { ...SERVER, path: "/run/redis", database: 3 } }],
    ["-c 5 -n 70 -d 100 -P 16", { connections: 5, requests: 70, dataBytes: 100, pipeline: 16 }],
    ["-r 1000", { keys: { size: 1000, theta: 0 } }],
    ["-r 0", { keys: { size: 1, theta: 0 } }],
    ["-r 9 --distribution uniform", { keys: { size: 9, theta: 0 } }],
    ["-r 9 --distribution zipf", { keys: { size: 9, theta: 0.99 } }],
    ["--distribution zipf:1.5 -r 9", { keys: { size: 9, theta: 1.5 } }],
    ["-t SET,get", { tests: ["set", "get"] }],
    [
      "-k 0 -l -e -I -3 -q",
      {
        keepsAlive: false,
        loops: true,
        showsErrors: true,
        idles: true,
        protocol: 3,
        format: "quiet",
      },
    ],
    ["--csv", { format: "csv" }],
    [
      "--json --precision 1 --threads 4 --seed 9",
      { format: "json", precision: 1, threads: 4, seed: 9 },
    ],
    ["--ratio 9:1 --rate 5000", { ratio: [9, 1], rate: 5000 }],
    ["-x SET key", { lastFromInput: true, command: ["SET", "key"] }],
    ["-n 5 LPUSH -n 6", { requests: 5, rounds: 5, command: ["LPUSH", "-n", "6"] }],
    [
      "--vs box:7000 -p 1",
      { target: { ...SERVER, port: 1 }, versus: { ...SERVER, host: "box", port: 7000 } },
    ],
    ["--vs [::1]:7000 --rounds 3", { versus: { ...SERVER, host: "::1", port: 7000 }, rounds: 3 }],
    ["--vs :7000", { versus: { ...SERVER, port: 7000 } }],
    ["--vs /run/other", { versus: { ...SERVER, path: "/run/other" } }],
    ["-q --help", { format: "quiet", about: "help" }],
    ["-v", { about: "version" }],
  ];
  test.each(cases)("%j", (line, expected) => {
    expect(read(...line.split(" ").filter(Boolean))).toEqual({ ...USUAL, ...expected });
  });

  test("a password on the command line is warned of, and goes for both servers", () => {
    const warnings: string[] = [];
    const args = ["-a", "secret", "--user", "me", "--vs", "box:1"];
    const { target, versus } = readOptions(args, (text) => warnings.push(text));
    const known = { ...SERVER, user: "me", password: "secret" };
    expect({ target, versus, warnings: warnings.length }).toEqual({
      target: known,
      versus: { ...known, host: "box", port: 1 },
      warnings: 1,
    });
  });

  test("arguments of the command are bytes", () => {
    expect(read("SET", "ä").command).toEqual(["SET", "\xc3\xa4"]);
  });
});

describe("mistakes", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["--nosuch", 'Invalid option "--nosuch" or option argument missing'],
    ["-c", 'Invalid option "-c" or option argument missing'],
    ["-c 0", "-c takes a whole number, 1 to 65535, not '0'"],
    ["-n 1e5", "-n takes a whole number, 1 or more, not '1e5'"],
    ["-k 2", "-k takes a whole number, 0 to 1, not '2'"],
    ["-p 99999", "Invalid server port."],
    ["-t set,nosuch", "There is no test 'nosuch'. Tests: ping_inline"],
    ["--ratio 1", "--ratio takes reads:writes, such as 9:1, not '1'"],
    ["--ratio 0:0", "--ratio takes reads:writes, such as 9:1, not '0:0'"],
    ["-r 5 --distribution zipf:0", "--distribution takes uniform, zipf or zipf:theta"],
    ["--distribution zipf", "--distribution needs -r"],
    ["--vs box", "--vs takes host:port or the path of a socket, not 'box'"],
    ["-x", "-x needs a command"],
    ["--ratio 1:1 GET a", "--ratio is a test of its own: it goes with neither -t nor a command"],
    ["--ratio 1:1 -t set", "--ratio is a test of its own: it goes with neither -t nor a command"],
    ["-l --json", "-l never ends, so it cannot print --json"],
  ];
  test.each(cases)("%j", (line, message) => {
    expect(() => read(...line.split(" "))).toThrow(message);
  });
});
