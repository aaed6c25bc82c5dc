/** The compiled monitor in a real terminal (tmux), looked at and typed at. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  BINARY,
  REDIS_SERVER,
  type RunningServer,
  startRedis,
  startStormdb,
  until,
} from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { without } from "../harness/skips.ts";
import { Terminal } from "../harness/terminal.ts";
import { readInfo, readInfoNumber } from "../server/info.ts";
import { RestartableServer } from "./restartable.ts";

const SMALL = { width: 80, height: 24 };
const SIZES = [SMALL, { width: 120, height: 40 }, { width: 200, height: 60 }];

function monitor(port: number, ...args: string[]): string[] {
  return [BINARY, "monitor", "-p", String(port), "--interval", "0.2", ...args];
}

async function fill(client: RawClient): Promise<void> {
  const pairs = Array.from({ length: 1234 }, (_, i) => [`key:${i}`, `value ${i}`]).flat();
  await client.call("MSET", ...pairs);
  for (let i = 0; i < 30; i++) await client.call("GET", `key:${i}`);
  for (let i = 0; i < 10; i++) await client.call("GET", "none");
}

/** The figure at a frame's upper right, by the frame's title. */
function figure(text: string, title: string): string {
  const found = text.match(new RegExp(`─ ${title} ─* ([^─]+) ─`));
  if (found === null) throw new Error(`no panel ${title}:\n${text}`);
  return found[1]!.trim();
}

describe.skipIf(without("tmux"))("the monitor", () => {
  const servers: readonly (readonly [string, () => Promise<RunningServer>, boolean])[] = [
    ["stormdb", startStormdb, true],
    ["redis-server", startRedis, REDIS_SERVER !== null],
  ];
  for (const [name, start, isThere] of servers) {
    test.skipIf(!isThere)(`shows ${name}'s figures at three sizes`, async () => {
      await using server = await start();
      const client = await server.connect();
      await fill(client);
      await using terminal = new Terminal(monitor(server.port), SMALL);
      for (const size of SIZES) {
        terminal.resize(size);
        const keys = await readInfo(client, "keyspace");
        expect(keys.db0).toStartWith("keys=1234,");
        const text = await terminal.until(
          `figures in ${size.width}x${size.height}`,
          (screen) =>
            screen.includes("─ Keys ─") &&
            screen.split("\n")[2]?.length === size.width &&
            screen.split("\n")[size.height - 2]?.endsWith("┘") === true &&
            /─ Operations ─* [\d,]+\/s ─/.test(screen),
        );
        expect(text.split("\n")).toHaveLength(size.height);
        expect(figure(text, "Keys")).toBe("1,234");
        const info = await readInfo(client, "clients", "memory", "stats");
        expect(figure(text, "Clients")).toBe(info.connected_clients!);
        expect(text).toContain("ever 75.0 %");
        const [shown, unit] = figure(text, "Memory").split(" ");
        const bytes = Number(shown) * (unit === "MB" ? 1024 ** 2 : 1024);
        expect(bytes / Number(info.used_memory)).toBeWithin(0.8, 1.2);
        const calls = (await readInfo(client, "commandstats")).cmdstat_get!;
        expect(calls).toStartWith("calls=40,");
        expect(text).toMatch(/│get .* 40 /);
        expect(text).toContain(`127.0.0.1:${server.port}`);
        expect(text).toContain("● connected");
        // Every line is inside of the screen and the frames are closed.
        const frames = text.split("\n").slice(2, -1);
        expect(frames.filter((line) => !/[│┐┘]$/.test(line))).toEqual([]);
      }
      terminal.keys("q");
      await terminal.shows("exit code 0");
    });
  }

  test("a terminal that does not know its size yet is drawn to, and then as large as it is", async () => {
    await using server = await startStormdb();
    const command = monitor(server.port).join(" ");
    const sizeless = ["sh", "-c", `stty rows 0 columns 0; exec ${command}`];
    await using terminal = new Terminal(sizeless, { width: 120, height: 40 });
    const frame = (text: string) => text.split("\n").find((line) => line.includes("─ Keys ─"));
    await terminal.until("80 columns", (text) => frame(text)?.length === SMALL.width);
    terminal.resize({ width: 100, height: 30 });
    await terminal.until("100 columns", (text) => frame(text)?.length === 100);
    terminal.keys("q");
    await terminal.shows("exit code 0");
  });

  test("keys choose pages, sort, filter, pause, change the interval and help", async () => {
    await using server = await startStormdb("--slowlog-log-slower-than", "0");
    const client = await server.connect();
    await fill(client);
    await client.call("LPUSH", "a-list", ...new Array<string>(500).fill("element"));
    await client.call("CONFIG", "SET", "slowlog-log-slower-than", "-1");
    await using terminal = new Terminal(monitor(server.port), SMALL);
    await terminal.shows("─ Busiest commands ─");

    terminal.keys("2");
    await terminal.shows("calls, time and mean of this interval");
    expect(terminal.lines()[3]).toContain("Calls/s▼");
    terminal.keys("Left");
    await terminal.shows("Command▼");
    terminal.keys("r");
    const text = await terminal.shows("Command▲");
    const names = text
      .split("\n")
      .slice(4, -2)
      .map((line) => line.slice(1, 17).trim())
      .filter((name) => name !== "");
    expect(names).toEqual([...names].sort());
    expect(names).toContain("mset");

    terminal.keys("/");
    await terminal.shows("Filter: _");
    terminal.type("mse");
    await terminal.until("only mset", (screen) => screen.includes("1 called"));
    terminal.keys("Enter");
    await terminal.shows("Filter: mse  (Escape ends it)");
    terminal.keys("Escape");
    await terminal.until("no filter", (screen) => !screen.includes("Filter"));

    terminal.keys("Tab");
    await terminal.until("slow commands", (screen) => /│\S+ +\S+ us 127.0.0.1:\d+ +/.test(screen));
    terminal.keys("End");
    await terminal.shows("MSET key:0");
    terminal.keys("Right");
    await terminal.shows("Took▼");
    terminal.keys("4");
    await terminal.until("the list among the big keys", (screen) =>
      screen.includes(" list   a-list"),
    );
    await terminal.until("what it cost", (screen) => /Last step: \d+ commands, /.test(screen));
    terminal.keys("5");
    await terminal.shows("(this server)");
    terminal.keys("6");
    await terminal.shows("off (appendonly no)");
    terminal.keys("7");
    await terminal.shows("client|list");
    terminal.keys("?");
    await terminal.shows("q or Ctrl-C");
    terminal.keys("?");
    await terminal.shows("client|list");

    terminal.keys("+");
    await terminal.shows("0.5s");
    terminal.keys("-");
    await terminal.shows("0.2s");

    terminal.keys("1");
    await terminal.shows("─ Keys ─");
    terminal.keys("p");
    await terminal.shows("PAUSED");
    await client.call("FLUSHALL");
    const readings = async () =>
      Number(
        /calls=(\d+)/.exec((await readInfo(client, "commandstats"))["cmdstat_slowlog|get"]!)![1],
      );
    const atFirst = await readings();
    await until("readings go on", async () => (await readings()) > atFirst + 2);
    expect(figure(terminal.text(), "Keys")).toBe("1,235");
    terminal.keys("p");
    await terminal.until("the keys are gone", (screen) => figure(screen, "Keys") === "0");
    terminal.keys("C-c");
    await terminal.shows("exit code 0");
  });

  test("the mouse chooses pages and sorts, the wheel scrolls", async () => {
    await using server = await startStormdb();
    await using terminal = new Terminal(monitor(server.port), SMALL);
    await terminal.shows("─ Keys ─");
    const click = (x: number, y: number) => terminal.type(`\x1b[<0;${x};${y}M\x1b[<0;${x};${y}m`);
    click(terminal.lines()[1]!.indexOf("Commands") + 2, 2);
    await terminal.shows("calls, time and mean of this interval");
    expect(terminal.lines()[3]).toContain("Calls/s▼");
    click(terminal.lines()[3]!.indexOf("p50") + 1, 4);
    await terminal.shows("p50▼");
    terminal.keys("?");
    await terminal.shows("─ Help ─");
    click(terminal.lines()[1]!.indexOf("Overview") + 2, 2);
    await terminal.shows("─ Operations ─");

    const clients = await Promise.all(Array.from({ length: 30 }, () => server.connect()));
    await clients.at(-1)!.call("CLIENT", "SETNAME", "last");
    terminal.keys("7");
    await terminal.until("more than fit", (screen) => screen.includes(" of 31 ─"));
    expect(terminal.text()).not.toContain("client|setname");
    for (let i = 0; i < 20; i++) terminal.type("\x1b[<65;9;9M");
    await terminal.shows("client|setname");
    for (let i = 0; i < 20; i++) terminal.type("\x1b[<64;9;9M");
    await terminal.until("the first ones", (screen) => !screen.includes("client|setname"));
  });

  test("a server that ends and comes back is seen to, and the history stays", async () => {
    await using server = await RestartableServer.reserve();
    const { port } = server;
    await using terminal = new Terminal(monitor(port), SMALL);
    await terminal.shows("Connection refused, reconnecting");
    await terminal.shows(`Could not read 127.0.0.1:${port}: Connection refused`);
    await server.start();
    await server.call("SET", "a", "1");
    await terminal.shows("● connected");
    await terminal.until("a chart", (screen) => /⣿⣿⣿/.test(screen));
    await terminal.until("the key", (screen) => figure(screen, "Keys") === "1");
    await server.kill();
    const lost = await terminal.until("the loss", (screen) => /, reconnecting/.test(screen));
    expect(figure(lost, "Keys")).toBe("1");
    expect(lost).toMatch(/⣿⣿⣿/);
    await server.start();
    const text = await terminal.shows("● connected");
    expect(text).toMatch(/⣿⣿⣿/);
    await terminal.until("rates again", (screen) => /\d\/s ─/.test(screen));
    expect(terminal.text()).not.toContain(" -1");
  });

  test("wrong passwords are told without showing them; right ones work", async () => {
    await using server = await startStormdb("--requirepass", "secret-word");
    await using wrong = new Terminal(monitor(server.port, "-a", "wrong-word"), SMALL);
    const text = await wrong.shows("WRONGPASS");
    expect(text).not.toContain("wrong-word");
    await using none = new Terminal(monitor(server.port), SMALL);
    await none.shows("NOAUTH");
    const uri = `redis://:secret-word@127.0.0.1:${server.port}`;
    await using right = new Terminal([BINARY, "monitor", "-u", uri, "--no-auth-warning"], SMALL);
    expect(await right.shows("● connected")).not.toContain("secret-word");
  });

  test("replicas are drawn with their state", async () => {
    await using primary = await startStormdb("--repl-diskless-sync-delay", "0");
    await using replica = await startStormdb("--replicaof", `127.0.0.1 ${primary.port}`);
    const client = await primary.connect();
    await until("the replica is online", async () => {
      const { slave0 } = await readInfo(client, "replication");
      return slave0?.includes("state=online") === true;
    });
    await client.call("SET", "a", "1");
    await using above = new Terminal(monitor(primary.port), SMALL);
    await above.shows("─ Keys ─");
    above.keys("5");
    await above.shows(`replica 127.0.0.1:${replica.port}`);
    await above.shows("● online");
    await above.until("no lag", (screen) => screen.includes("behind 0 B"));
    const offset = await readInfoNumber(client, "replication", "master_repl_offset");
    expect(offset).toBeGreaterThan(0);
    await above.until("the offset", (screen) => {
      const shown = screen.match(/offset ([\d,]+), backlog/);
      return shown !== null && Number(shown[1]!.replaceAll(",", "")) >= offset;
    });
    await using below = new Terminal(monitor(replica.port), SMALL);
    await below.shows("─ Keys ─");
    below.keys("5");
    await below.shows("link up");
    await below.shows(`primary 127.0.0.1:${primary.port}`);
    await below.shows("(this server)");
  });

  test("without colour, without UTF-8, and where there is no room", async () => {
    await using server = await startStormdb();
    await using coloured = new Terminal(monitor(server.port), SMALL);
    await coloured.shows("● connected");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: codes of colours
    const colour = /\x1b\[[0-9;]*(3[0-7]|9[0-7])m/;
    expect(coloured.styled()).toMatch(colour);
    await using plain = new Terminal(monitor(server.port), { ...SMALL, env: { NO_COLOR: "1" } });
    await plain.shows("● connected");
    expect(plain.styled()).not.toMatch(colour);
    await using ascii = new Terminal(monitor(server.port), { ...SMALL, env: { LC_ALL: "C" } });
    const text = await ascii.shows("* connected");
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    expect(text).toContain("+- Operations -");
    ascii.resize({ width: 30, height: 8 });
    await ascii.shows("Needs 40x12; q quits");
    ascii.keys("q");
    await ascii.shows("exit code 0");
  });

  for (const name of ["xterm-256color", "linux", "vt100", "xterm-kitty", "unheard-of"]) {
    test(`works in terminals that call themselves ${name}`, async () => {
      await using server = await startStormdb();
      const command = ["env", `TERM=${name}`, ...monitor(server.port)];
      await using terminal = new Terminal(command, SMALL);
      await terminal.shows("● connected");
      terminal.keys("2");
      await terminal.shows("calls, time and mean of this interval");
      terminal.keys("Right");
      await terminal.shows("Time▼");
      terminal.keys("q");
      await terminal.shows("exit code 0");
    });
  }

  test("needs a terminal whose cursor it can move", async () => {
    await using terminal = new Terminal(["env", "TERM=dumb", ...monitor(1)], SMALL);
    await terminal.shows("exit code 1");
    expect(terminal.text()).toContain("--once and --json");
  });
});

describe.skipIf(without("tmux"))("the terminal is as it was", () => {
  async function expectRestored(terminal: Terminal, ending: string): Promise<void> {
    await terminal.shows(ending);
    await until("the settings are written", () => {
      try {
        return terminal.settings("after").length > 0;
      } catch {
        return false;
      }
    });
    expect(terminal.settings("after")).toBe(terminal.settings("before"));
    expect(terminal.state()).toBe("1 0 0");
    expect(terminal.text()).not.toContain("Operations");
  }

  const ends: readonly (readonly [string, (terminal: Terminal) => void, number])[] = [
    ["q", (terminal) => terminal.keys("q"), 0],
    ["Ctrl-C", (terminal) => terminal.keys("C-c"), 0],
    ["SIGTERM", (terminal) => process.kill(terminal.pid(), "SIGTERM"), 143],
    ["SIGINT", (terminal) => process.kill(terminal.pid(), "SIGINT"), 130],
    ["SIGHUP", (terminal) => process.kill(terminal.pid(), "SIGHUP"), 129],
  ];
  for (const [name, end, code] of ends) {
    test(`after ${name}`, async () => {
      await using server = await startStormdb();
      await using terminal = new Terminal(monitor(server.port), SMALL);
      await terminal.shows("● connected");
      expect(terminal.state()).toBe("0 1 1");
      end(terminal);
      await expectRestored(terminal, `exit code ${code}`);
    });
  }

  for (const fault of ["exception", "rejection", "exit"]) {
    test(`after an unforeseen ${fault}`, async () => {
      await using server = await startStormdb();
      const script = join(import.meta.dir, "faulty-monitor.ts");
      await using terminal = new Terminal(
        [process.execPath, script, fault, "-p", String(server.port)],
        SMALL,
      );
      await terminal.shows("● connected");
      // The script fails when it is told to.
      process.kill(terminal.pid(), "SIGUSR2");
      await expectRestored(terminal, fault === "exit" ? "exit code 7" : "exit code 1");
      if (fault !== "exit") expect(terminal.text()).toContain("stormdb monitor failed");
    });
  }
});
