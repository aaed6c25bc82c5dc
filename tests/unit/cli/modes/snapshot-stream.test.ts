import { describe, expect, test } from "bun:test";
import { latin1 } from "../../../../src/base/bytes.ts";
import { SnapshotStream } from "../../../../src/cli/modes/snapshot-stream.ts";

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
