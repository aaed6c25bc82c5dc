/** Whole screens, without a terminal; how they look stands in __snapshots__. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { History } from "../../../src/monitor/history.ts";
import type { Live } from "../../../src/monitor/live.ts";
import { readInfo } from "../../../src/monitor/reading.ts";
import { NO_SAMPLE } from "../../../src/monitor/sampler.ts";
import { drawScreen, type Screen, type Size } from "../../../src/monitor/screen.ts";
import { firstView, PAGES, type View } from "../../../src/monitor/view.ts";
import { infoText, liveFigures } from "./readings.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const SMALL = { width: 80, height: 24 };
const MEDIUM = { width: 120, height: 40 };
const LARGE = { width: 200, height: 60 };
const MOMENT = { nowMs: 5000, nowUnixMs: 1_000_000 };

function view(changes: Partial<View> = {}): View {
  return { ...firstView(1000), ...changes };
}

function draw(
  live: Live,
  chosen: View,
  size: Size,
  glyphs: "braille" | "ascii" = "braille",
): Screen {
  return drawScreen(live, chosen, size, glyphs, MOMENT);
}

function lines(live: Live, chosen: View, size: Size): string[] {
  return draw(live, chosen, size).canvas.lines();
}

function nothingYet(link: Live["link"]): Live {
  return {
    target: "127.0.0.1:6379",
    link,
    reading: null,
    rates: null,
    history: new History(),
    slowlog: [],
    clients: [],
    sample: NO_SAMPLE,
  };
}

describe("screens", () => {
  for (const [name, size] of Object.entries({ small: SMALL, medium: MEDIUM, large: LARGE })) {
    test(`the ${name} overview`, () => {
      expect(lines(liveFigures(), view(), size).join("\n")).toMatchSnapshot();
    });
  }

  for (const page of PAGES.slice(1)) {
    test(`the page ${page}`, () => {
      expect(lines(liveFigures(), view({ page }), SMALL).join("\n")).toMatchSnapshot();
    });
  }

  test("in ASCII", () => {
    const { canvas } = draw(liveFigures(), view(), SMALL, "ascii");
    const text = canvas.lines().join("\n");
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    expect(text).toMatchSnapshot();
  });

  test("a replica below its primary", () => {
    const live = liveFigures();
    live.reading = readInfo(
      infoText({
        role: "slave",
        master_host: "10.0.0.1",
        master_port: "6379",
        master_link_status: "down",
        master_link_down_since_seconds: "12",
        master_sync_total_bytes: "1000",
        master_sync_read_bytes: "250",
        slave_repl_offset: "1000",
      }),
      0,
    );
    expect(lines(live, view({ page: "Replication" }), SMALL).join("\n")).toMatchSnapshot();
  });

  test("a save and a rewrite under way, and a server that loads", () => {
    const live = liveFigures();
    live.reading = readInfo(
      infoText({
        rdb_bgsave_in_progress: "1",
        rdb_current_bgsave_time_sec: "3",
        aof_rewrite_in_progress: "1",
        aof_current_rewrite_time_sec: "70",
        current_save_keys_processed: "250",
        current_save_keys_total: "1000",
        loading: "1",
        loading_loaded_perc: "50.00",
      }),
      0,
    );
    const text = lines(live, view({ page: "Files" }), SMALL).join("\n");
    expect(text).toContain(
      "Rewriting       ██████████                               25.0 % for 1m 10s",
    );
    expect(text).toContain(
      "Saving          ██████████                               25.0 % for 3s",
    );
    expect(text).toContain("Loading         ████████████████████                     50.0 %");
  });

  test("before the first reading", () => {
    const connecting = lines(nothingYet({ kind: "connecting" }), view(), SMALL);
    expect(connecting.join("\n")).toContain("Connecting to 127.0.0.1:6379 ...");
    const reason = "Connection refused";
    const down = lines(nothingYet({ kind: "down", reason, retryAtMs: 7000 }), view(), SMALL);
    expect(down[0]).toEndWith("○ Connection refused, reconnecting in 2s  1s");
    expect(down.join("\n")).toContain("Could not read 127.0.0.1:6379: Connection refused");
  });
});

describe("the head", () => {
  test("tells that the connection is lost while the figures stay", () => {
    const live = liveFigures();
    live.link = { kind: "down", reason: "Server closed the connection", retryAtMs: 5100 };
    const [head, , operations] = lines(live, view({ paused: true }), SMALL);
    expect(head).toBe(
      " 127.0.0.1:6379  S ○ Server closed the connection, reconnecting now  1s  PAUSED",
    );
    expect(operations).toContain("500/s");
  });
});

describe("the filter", () => {
  test("leaves only what it finds", () => {
    const commands = draw(liveFigures(), view({ page: "Commands", filter: "SET" }), SMALL);
    const text = commands.canvas.lines().join("\n");
    expect(text).toContain("│set ");
    expect(text).not.toContain("│get ");
    expect(text).toContain("Filter: SET");
    const slow = lines(liveFigures(), view({ page: "Slow log", filter: "worker" }), SMALL);
    expect(slow[4]).toContain("SET ä\\x1b[31m v");
    expect(slow[5]).not.toContain("KEYS");
    const keys = lines(liveFigures(), view({ page: "Keys", filter: "cou" }), SMALL).join("\n");
    expect([keys.includes("counter"), keys.includes("photo")]).toEqual([true, false]);
    const clients = lines(liveFigures(), view({ page: "Clients", filter: "worker" }), SMALL);
    expect(clients[2]).toContain("1 of 3");
  });
});

describe("tables", () => {
  function commandNames(chosen: View, size: Size = SMALL): string[] {
    return lines(liveFigures(), chosen, size)
      .slice(4, -2)
      .map((line) => line.slice(1, 17).trim())
      .filter((name) => name !== "");
  }

  test("have the busiest on top, and sort by what is chosen", () => {
    const chosen = view({ page: "Commands" });
    expect(commandNames(chosen)).toEqual(["get", "set", "config|get"]);
    chosen.sorts.Commands = { column: 6, descending: true };
    // What is not known is never on top.
    expect(commandNames(chosen)).toEqual(["set", "get", "config|get"]);
    chosen.sorts.Commands = { column: 6, descending: false };
    expect(commandNames(chosen)).toEqual(["get", "set", "config|get"]);
    chosen.sorts.Commands = { column: 0, descending: false };
    expect(commandNames(chosen)).toEqual(["config|get", "get", "set"]);
  });

  test("have as many columns as there is room for", () => {
    const columns = (page: "Overview" | "Commands" | "Keys", size: Size) =>
      draw(liveFigures(), view({ page }), size).columns;
    expect([columns("Commands", SMALL), columns("Commands", MEDIUM)]).toEqual([8, 10]);
    expect([columns("Overview", LARGE), columns("Keys", LARGE)]).toEqual([8, 0]);
  });

  test("scroll as far as there are lines", () => {
    const chosen = view({ page: "Commands" });
    const low = { width: 80, height: 8 };
    expect(draw(liveFigures(), chosen, { width: 80, height: 12 }).scrollMax).toBe(0);
    const live = liveFigures();
    const many = Array.from({ length: 40 }, (_, i) => `cmdstat_c${i}:calls=${i},usec=1\r\n`);
    live.reading = readInfo(infoText() + many.join(""), 0);
    live.rates = null;
    chosen.scrolls.Commands = 1e6;
    const { canvas, scrollMax } = draw(live, chosen, SMALL);
    expect(scrollMax).toBe(43 - 18);
    expect(canvas.lines()[21]).toContain("c0 ");
    expect(draw(live, chosen, low).canvas.lines()[0]).toStartWith("Needs 40x12");
  });

  test("are sorted by a click on a title, pages opened by one on their names", () => {
    const chosen = view({ page: "Commands" });
    const { canvas, zones } = draw(liveFigures(), chosen, SMALL);
    const click = (x: number, y: number) =>
      zones.find(({ area }) => y === area.y && x >= area.x && x < area.x + area.width)!.act(chosen);
    expect(click(canvas.lines()[3]!.indexOf("p99.9"), 3)).toBe("redraw");
    expect(chosen.sorts.Commands).toEqual({ column: 6, descending: true });
    expect(click(canvas.lines()[1]!.indexOf("Keys"), 1)).toBe("page");
    expect(chosen.page).toBe("Keys");
  });
});

test("every page can be drawn at every size", () => {
  const live = liveFigures();
  for (let width = 1; width <= 210; width += width < 130 ? 1 : 9) {
    for (const height of [1, 11, 12, 13, 14, 17, 20, 24, 31, 40, 60]) {
      for (const page of PAGES) {
        for (const help of [false, true]) {
          const { canvas } = draw(live, view({ page, help }), { width, height });
          const drawn = canvas.lines();
          const wrong = drawn.filter((line) => Bun.stringWidth(line) > width);
          expect([page, width, height, drawn.length, wrong]).toEqual([
            page,
            width,
            height,
            height,
            [],
          ]);
        }
      }
    }
  }
});
