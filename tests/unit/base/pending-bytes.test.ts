import { describe, expect, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { PendingBytes } from "../../../src/base/pending-bytes.ts";

/** Reads lines out of chunks, each of which is overwritten as soon as it is free. */
function linesOf(text: string, chunkBytes: number): string[] {
  const pending = new PendingBytes();
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += chunkBytes) {
    const chunk = latin1(text.slice(at, at + chunkBytes));
    pending.append(chunk);
    let from = 0;
    for (;;) {
      const lineEnd = pending.bytes.indexOf(10, from);
      if (lineEnd < 0 || lineEnd >= pending.end) break;
      lines.push(`${pending.offset + from}:${latin1Text(pending.bytes, from, lineEnd)}`);
      from = lineEnd + 1;
    }
    pending.keepFrom(from);
    chunk.fill(33);
  }
  return lines;
}

describe("pending bytes", () => {
  const text = "a\nbcd\n\nefghijklmnopqrstuvwxyz\n1\n22\n";

  test("items are whole whatever the chunks are, and their offsets are those of the input", () => {
    for (let bytes = 1; bytes <= text.length; bytes++) {
      expect({ bytes, lines: linesOf(text, bytes) }).toEqual({
        bytes,
        lines: ["0:a", "2:bcd", "6:", "7:efghijklmnopqrstuvwxyz", "30:1", "32:22"],
      });
    }
  });

  test("a chunk that is read whole is not copied, and nothing is kept of it", () => {
    const pending = new PendingBytes();
    const chunk = latin1("abc");
    pending.append(chunk);
    expect(pending.bytes).toBe(chunk);
    pending.keepFrom(3);
    expect([pending.end, pending.bytes.length, pending.offset]).toEqual([0, 0, 3]);
  });

  test("a large item is copied a few times, not for each chunk", () => {
    const pending = new PendingBytes();
    let buffers = 0;
    let last: Uint8Array | null = null;
    for (let i = 0; i < 1000; i++) {
      pending.append(new Uint8Array(100).fill(i));
      pending.keepFrom(0);
      if (pending.bytes !== last) buffers++;
      last = pending.bytes;
    }
    expect([pending.end, pending.bytes[99_950]]).toEqual([100_000, 999 & 255]);
    expect(buffers).toBeLessThan(15);
  });
});
