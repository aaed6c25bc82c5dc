import { describe, expect, test } from "bun:test";
import {
  type Effect,
  firstView,
  PAGES,
  passes,
  press,
  type View,
} from "../../../src/monitor/view.ts";

function pressed(view: View, ...keys: string[]): Effect[] {
  return keys.map((key) => press(view, key));
}

describe("keys", () => {
  test("choose pages", () => {
    const view = firstView(1000);
    expect(pressed(view, "3")).toEqual(["page"]);
    expect(view.page).toBe("Slow log");
    pressed(view, "TAB");
    expect(view.page).toBe("Keys");
    pressed(view, "SHIFT_TAB", "SHIFT_TAB");
    expect(view.page).toBe("Commands");
    pressed(view, "1", "SHIFT_TAB");
    expect(view.page).toBe(PAGES.at(-1)!);
    pressed(view, "TAB");
    expect(view.page).toBe("Overview");
    expect(pressed(view, "1", "8", "9", "0", "x")).toEqual(new Array(5).fill("none"));
  });

  test("sort, either way", () => {
    const view = firstView(1000);
    pressed(view, "2", "RIGHT");
    expect(view.sorts.Commands).toEqual({ column: 2, descending: true });
    pressed(view, "r");
    expect(view.sorts.Commands).toEqual({ column: 2, descending: false });
    pressed(view, "LEFT", "LEFT", "LEFT");
    expect(view.sorts.Commands).toEqual({ column: 9, descending: true });
    expect(view.sorts.Overview).toEqual({ column: 1, descending: true });
    // Columns without room are left out.
    view.columns.Commands = 8;
    pressed(view, "RIGHT", "LEFT", "LEFT", "LEFT");
    expect(view.sorts.Commands).toEqual({ column: 7, descending: true });
    pressed(view, "6");
    expect(pressed(view, "LEFT", "r")).toEqual(["none", "none"]);
  });

  test("scroll, each page for itself", () => {
    const view = firstView(1000);
    pressed(view, "2", "DOWN", "j", "PAGE_DOWN", "UP", "MOUSE_WHEEL_DOWN");
    expect(view.scrolls.Commands).toBe(12);
    pressed(view, "PAGE_UP", "PAGE_UP");
    expect(view.scrolls.Commands).toBe(0);
    pressed(view, "END");
    expect(view.scrolls.Commands).toBeGreaterThan(1e6);
    pressed(view, "HOME");
    expect(view.scrolls).toEqual(firstView(1000).scrolls);
  });

  test("change the interval in steps", () => {
    const view = firstView(1000);
    expect(pressed(view, "+", "=", "-")).toEqual(["interval", "interval", "interval"]);
    expect(view.intervalMs).toBe(2000);
    const odd = firstView(700);
    pressed(odd, "-");
    expect(odd.intervalMs).toBe(500);
    pressed(odd, "-", "-", "-", "-", "-");
    expect([odd.intervalMs, press(odd, "-")]).toEqual([100, "none"]);
    const long = firstView(60_000);
    expect([press(long, "+"), long.intervalMs]).toEqual(["none", 60_000]);
  });

  test("pause, help and quit", () => {
    const view = firstView(1000);
    expect([press(view, "p"), view.paused, press(view, "p"), view.paused]).toEqual([
      "pause",
      true,
      "pause",
      false,
    ]);
    expect([press(view, "?"), view.help, press(view, "ESCAPE"), view.help]).toEqual([
      "redraw",
      true,
      "redraw",
      false,
    ]);
    // From the help a page's number leads back to it.
    press(view, "?");
    expect([press(view, "1"), view.help]).toEqual(["page", false]);
    expect(pressed(view, "q", "Q", "CTRL_C", "CTRL_D")).toEqual(new Array(4).fill("quit"));
  });

  test("type a filter", () => {
    const view = firstView(1000);
    view.scrolls.Overview = 5;
    pressed(view, "/", "q", "1", "ä", "UP", "BACKSPACE", "F5");
    expect([view.typing, view.filter, view.page]).toEqual([true, "q1", "Overview"]);
    expect(view.scrolls.Overview).toBe(0);
    pressed(view, "ENTER");
    expect([view.typing, view.filter]).toEqual([false, "q1"]);
    expect([passes(view, "xQ1y"), passes(view, "q 1")]).toEqual([true, false]);
    pressed(view, "ESCAPE");
    expect([view.filter, passes(view, "anything")]).toEqual(["", true]);
    pressed(view, "/", "a", "CTRL_U", "b", "ESCAPE");
    expect([view.typing, view.filter]).toEqual([false, ""]);
    pressed(view, "/");
    expect(press(view, "CTRL_C")).toBe("quit");
  });

  test("a filter has an end", () => {
    const view = firstView(1000);
    press(view, "/");
    for (let i = 0; i < 100; i++) press(view, "a");
    expect(view.filter).toBe("a".repeat(60));
  });
});
