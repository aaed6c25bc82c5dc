import { describe, expect, test } from "bun:test";
import { Canvas } from "../../../src/monitor/canvas.ts";
import { paint } from "../../../src/monitor/paint.ts";

describe("a canvas", () => {
  test("cuts off what is outside", () => {
    const canvas = new Canvas(5, 2);
    canvas.text(3, 0, "abcdef");
    canvas.text(-2, 1, "abcdef");
    canvas.text(0, 2, "below");
    canvas.text(0, -1, "above");
    expect(canvas.lines()).toEqual(["   ab", "cdef"]);
    expect(canvas.text(0, 0, "abc", "plain", 2)).toBe(2);
  });

  test("gives wide characters two cells, whole or not at all", () => {
    const canvas = new Canvas(5, 1);
    expect(canvas.text(0, 0, "a漢b")).toBe(4);
    expect(canvas.lines()).toEqual(["a漢b"]);
    canvas.text(4, 0, "漢");
    expect(canvas.lines()).toEqual(["a漢b"]);
    // Half of one does not stay behind.
    canvas.text(2, 0, "x");
    expect(canvas.lines()).toEqual(["a xb"]);
    canvas.text(0, 0, "漢字");
    canvas.text(0, 0, "y");
    expect(canvas.lines()).toEqual(["y 字"]);
  });

  test("puts marks with their characters", () => {
    const canvas = new Canvas(3, 1);
    expect(canvas.text(0, 0, "e\u0301x")).toBe(2);
    expect(canvas.lines()).toEqual(["e\u0301x"]);
  });

  test("draws frames, in ASCII too", () => {
    const canvas = new Canvas(12, 3);
    expect(canvas.frame({ x: 0, y: 0, width: 12, height: 3 }, "Keys")).toEqual({
      x: 1,
      y: 1,
      width: 10,
      height: 1,
    });
    expect(canvas.lines()).toEqual(["┌─ Keys ───┐", "│          │", "└──────────┘"]);
    const ascii = new Canvas(4, 2, true);
    ascii.frame({ x: 0, y: 0, width: 4, height: 2 }, "Keys");
    expect(ascii.lines()).toEqual(["+--+", "+--+"]);
    expect(ascii.frame({ x: 0, y: 0, width: 1, height: 1 }, "").width).toBe(0);
  });
});

describe("painting", () => {
  const two = (first: string, second: string) => {
    const canvas = new Canvas(6, 2);
    canvas.text(0, 0, first, "good");
    canvas.text(0, 1, second);
    return canvas;
  };

  test("writes everything where nothing is known of the terminal", () => {
    expect(paint(two("ab", "cd"), null, true)).toBe(
      "\x1b[0m\x1b[2J\x1b[1;1H\x1b[0;32mab\x1b[0m    \x1b[2;1Hcd    ",
    );
    expect(paint(two("ab", "cd"), new Canvas(5, 2), true)).toStartWith("\x1b[0m\x1b[2J");
  });

  test("writes only what changed", () => {
    expect(paint(two("abc", "def"), two("abc", "def"), true)).toBe("");
    expect(paint(two("abc", "dxf"), two("abc", "def"), true)).toBe("\x1b[2;2Hx");
    expect(paint(two("abc", "xey"), two("abc", "def"), true)).toBe("\x1b[2;1Hxey");
    const wide = paint(two("a漢", "d"), two("a字", "d"), true);
    expect(wide).toBe("\x1b[1;2H\x1b[0;32m漢\x1b[0m");
    // The second half of a wide character alone changes its style with the first.
    const repainted = two("a漢", "d");
    repainted.paint(2, 0, 1, "bad");
    expect(paint(repainted, two("a漢", "d"), true)).toContain("漢");
  });

  test("without colours has none", () => {
    const canvas = new Canvas(4, 1);
    canvas.text(0, 0, "a", "good");
    canvas.text(1, 0, "b", "bad");
    canvas.text(2, 0, "c", "selected");
    expect(paint(canvas, null, false)).toBe(
      "\x1b[0m\x1b[2J\x1b[1;1Ha\x1b[0;1mb\x1b[0;1;7mc\x1b[0m ",
    );
  });
});
