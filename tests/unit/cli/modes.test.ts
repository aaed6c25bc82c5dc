import { describe, expect, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { patternOf } from "../../../src/cli/modes/browse.ts";
import { evalCommand } from "../../../src/cli/modes/eval.ts";
import { spectrum } from "../../../src/cli/modes/latency.ts";
import { progressBar } from "../../../src/cli/modes/pipe.ts";
import { rowText, ttlText } from "../../../src/cli/modes/preview.ts";
import { SnapshotStream } from "../../../src/cli/modes/snapshot-stream.ts";
import { infoOf, statRow } from "../../../src/cli/modes/stat.ts";
import { markChanges } from "../../../src/cli/modes/watch.ts";
import { commandsIn } from "../../../src/cli/prompt.ts";

describe("a snapshot as SYNC brings it", () => {
  const MARK = "8c1e5a90b7d24f63ae01957cd8b3f246e0a15c7d";

  /** What the stream told, fed in chunks of `size`. */
  function told(text: string, size: number): string[] {
    const events: string[] = [];
    let bytes = "";
    const stream = new SnapshotStream({
      begin: (length) => events.push(`begin ${length}`),
      bytes: (chunk) => {
        bytes += Buffer.from(chunk).toString("latin1");
      },
      failed: (reason) => events.push(`failed ${reason}`),
      end: (total, rest) =>
        events.push(`${bytes}, ${total} bytes, ${rest.length > 0 ? "more" : ""}`),
    });
    for (let i = 0; i < text.length; i += size) stream.feed(latin1(text.slice(i, i + size)));
    return events;
  }

  const data = `REDIS\r\n\x00\xff${MARK.slice(0, 39)}x${MARK.slice(0, 20)}`;
  for (const size of [1, 2, 3, 7, 40, 41, 1000]) {
    test(`in chunks of ${size}`, () => {
      const counted = `\n\n$${data.length}\r\n${data}`;
      expect(told(counted, size)).toEqual([
        `begin ${data.length}`,
        `${data}, ${data.length} bytes, `,
      ]);
      const marked = `\n$EOF:${MARK}\r\n${data}${MARK}`;
      expect(told(marked, size)).toEqual(["begin null", `${data}, ${data.length} bytes, `]);
      expect(told("-ERR no\r\n", size)).toEqual(["failed ERR no"]);
    });
  }

  test("what is behind it is handed over", () => {
    expect(told("$2\r\nabrest", 1000)).toEqual(["begin 2", "ab, 2 bytes, more"]);
    expect(told(`$EOF:${MARK}\r\nab${MARK}rest`, 1000)).toEqual([
      "begin null",
      "ab, 2 bytes, more",
    ]);
  });
});

test("a row of figures", () => {
  const info = infoOf(
    "# Server\r\nused_memory:1048576\r\nconnected_clients:3\r\nblocked_clients:1\r\n" +
      "total_commands_processed:20\r\ntotal_connections_received:4\r\naof_rewrite_in_progress:1\r\n" +
      "db0:keys=5,expires=0\r\ndb3:keys=2,expires=1\r\n",
  );
  expect(statRow(info, null)).toEqual(
    "7          1.00M    3       1       20 (+0)             4           AOF\n",
  );
  expect(statRow(info, 15)).toContain("20 (+5)");
});

test("a bar of progress", () => {
  expect(progressBar(0, 100)).toEqual(`[${".".repeat(30)}]   0% 0B`);
  expect(progressBar(50, 100)).toEqual(`[${"#".repeat(15)}${".".repeat(15)}]  50% 50B`);
  expect(progressBar(100, 100)).toEqual(`[${"#".repeat(30)}] 100% 100B`);
  expect(progressBar(2048, null)).toEqual("2.00K sent");
});

test("keys of a script end at a comma", () => {
  expect(evalCommand("s", ["a", "b", ",", "c", ","])).toEqual([
    "EVAL",
    "s",
    "2",
    "a",
    "b",
    "c",
    ",",
  ]);
  expect(evalCommand("s", [])).toEqual(["EVAL", "s", "0"]);
});

test("changes are marked: what differs, or the line where there are no colours", () => {
  const changed = (text: string) => `\x1b[7m${text}\x1b[0m`;
  expect(markChanges("abc", "abc", true)).toEqual("abc");
  expect(markChanges("abc", undefined, true)).toEqual("abc");
  expect(markChanges("a12c", "a3c", true)).toEqual(`a${changed("12")}c`);
  expect(markChanges("ac", "abc", true)).toEqual(changed("ac"));
  expect(markChanges("aa", "aaa", false)).toEqual("> aa");
  expect(markChanges("aa", "aa", false)).toEqual("  aa");
});

test("a spectrum without colours has its marks below", () => {
  const counts = new Array(32).fill(0);
  counts[1] = 10;
  const [row, marks] = spectrum(counts, false).split("\n");
  expect(row!.slice(0, 4)).toEqual(" @  ");
  expect(marks!.slice(0, 6)).toEqual(".-*#12");
});

test("pasted text is a command a line, unless its quotes are open", () => {
  expect(commandsIn("a\nb")).toEqual(["a", "b"]);
  expect(commandsIn("set a 'x\ny'\r\nget a")).toEqual(["set a 'x\ny'", "get a"]);
  expect(commandsIn("set a 'x\ny")).toEqual(["set a 'x\ny"]);
});

test("keys and values on one row of the screen", () => {
  expect(rowText("a\nb\x1b[31m\x00")).toEqual("a⏎b\\x1b[31m\\x00");
  expect(rowText("h\xc3\xa9")).toEqual("hé");
  expect([-1, 900, 119_000, 130_000, 7_300_000, 200_000_000].map(ttlText)).toEqual([
    "no expiry",
    "1 s",
    "119 s",
    "2 min",
    "2 h",
    "2 days",
  ]);
  expect([patternOf(""), patternOf("user"), patternOf("user:*")]).toEqual([
    "*",
    "*user*",
    "user:*",
  ]);
});
