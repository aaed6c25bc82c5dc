/** The stream cut at every byte, and at random ones: what is run and what counts as applied. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { encodeCommand } from "../../../src/protocol/command-encoder.ts";
import type { Request } from "../../../src/protocol/request.ts";
import { Applier, StreamError } from "../../../src/replication/applier.ts";
import { forSeeds } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

class Recorder {
  readonly events: string[] = [];
  readonly applied: number[] = [];
  #bytes: Buffer[] = [];

  readonly applier = new Applier({
    run: (request: Request) => {
      this.events.push(Array.from({ length: request.count }, (_, i) => request.text(i)).join(" "));
    },
    unexpected: (what: string) => this.events.push(what),
    beginBlock: () => this.events.push("{"),
    endBlock: () => this.events.push("}"),
    onApplied: (bytes, from, length) => {
      this.#bytes.push(Buffer.from(bytes.subarray(from, from + length)));
      this.applied.push(length);
    },
  });

  get stream(): Buffer {
    return Buffer.concat(this.#bytes);
  }

  /** The sink may not keep what it is given: it is overwritten afterwards. */
  feed(chunk: Uint8Array): void {
    const own = new Uint8Array(chunk);
    this.applier.feed(own);
    own.fill(0x23);
  }
}

const STREAM = Buffer.concat([
  encodeCommand(["SELECT", "3"]),
  encodeCommand(["SET", "a", "x\r\n*1\r\n$1\r\n"]),
  Buffer.from("\r\n\r\n"),
  encodeCommand(["MULTI"]),
  encodeCommand(["SET", "b", ""]),
  encodeCommand(["RPUSH", "l", "y".repeat(40), "\0\xff"]),
  encodeCommand(["EXEC"]),
  Buffer.from("PING\r\n"),
  encodeCommand(["multi"]),
  encodeCommand(["exec"]),
  encodeCommand(["REPLCONF", "GETACK", "*"]),
]);

const EVENTS = [
  "SELECT 3",
  "SET a x\r\n*1\r\n$1\r\n",
  "{",
  "SET b ",
  `RPUSH l ${"y".repeat(40)} \0\xff`,
  "}",
  "PING",
  "{",
  "}",
  "REPLCONF GETACK *",
];

describe("a stream", () => {
  test("whole", () => {
    const recorder = new Recorder();
    recorder.feed(STREAM);
    expect(recorder.events).toEqual(EVENTS);
    expect(recorder.stream.equals(STREAM)).toEqual(true);
  });

  test("byte by byte", () => {
    const recorder = new Recorder();
    for (let i = 0; i < STREAM.length; i++) recorder.feed(STREAM.subarray(i, i + 1));
    expect(recorder.events).toEqual(EVENTS);
    expect(recorder.stream.equals(STREAM)).toEqual(true);
  });

  test("cut at every byte: what is applied is a whole number of commands or blocks", () => {
    const multi = STREAM.indexOf("*1\r\n$5\r\nMULTI");
    const exec = STREAM.indexOf("EXEC\r\n") + 6;
    for (let cut = 0; cut <= STREAM.length; cut++) {
      const recorder = new Recorder();
      recorder.feed(STREAM.subarray(0, cut));
      const at = recorder.stream.length;
      // Nothing of the block counts before its end, and nothing of it has been run.
      if (cut >= multi && cut < exec) {
        expect([cut, at]).toEqual([cut, multi]);
        expect(recorder.events).toEqual(EVENTS.slice(0, 2));
      }
      // A new connection goes on from there.
      const next = new Recorder();
      next.feed(STREAM.subarray(at));
      expect([cut, [...recorder.events, ...next.events]]).toEqual([cut, EVENTS]);
      recorder.feed(STREAM.subarray(cut));
      expect([cut, recorder.events]).toEqual([cut, EVENTS]);
      expect(recorder.stream.equals(STREAM)).toEqual(true);
    }
  });

  test("in random pieces, with values larger than those", async () => {
    await forSeeds(40, (random) => {
      const commands: string[][] = [];
      for (let i = 0; i < 30; i++) {
        const value = random.hex(random.below(8) === 0 ? 5000 : 1 + random.below(30));
        if (random.below(6) === 0) commands.push(["MULTI"], ["SET", "k", value], ["EXEC"]);
        else commands.push(["APPEND", `k${i}`, value]);
      }
      const stream = Buffer.concat(commands.map((words) => encodeCommand(words)));
      const recorder = new Recorder();
      for (let at = 0; at < stream.length; ) {
        const length = 1 + random.below([3, 100, 7000][random.below(3)]!);
        recorder.feed(stream.subarray(at, at + length));
        at += length;
      }
      const names: Record<string, string> = { MULTI: "{", EXEC: "}" };
      const expected = commands.map((words) => names[words[0]!] ?? words.join(" "));
      expect(recorder.events).toEqual(expected);
      expect(recorder.stream.equals(stream)).toEqual(true);
    });
  });
});

test.each(["*1\r\n:5\r\n", "*1\r\n$-3\r\n", "*9999999999\r\n", 'SET a "x\r\n'])(
  "a stream that makes no sense: %p",
  (wrong) => {
    for (const cut of [wrong.length, 3]) {
      const recorder = new Recorder();
      recorder.feed(Buffer.from("PING\r\n"));
      expect(() => {
        recorder.feed(Buffer.from(wrong.slice(0, cut)));
        recorder.feed(Buffer.from(wrong.slice(cut)));
      }).toThrow(StreamError);
      expect(recorder.events).toEqual(["PING"]);
    }
  },
);
