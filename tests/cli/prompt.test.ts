/** The prompt of the compiled cli, typed at in a real terminal (tmux). */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  BINARY,
  REDIS_SERVER,
  type RunningServer,
  startRedis,
  startStormdb,
  until,
} from "../harness/processes.ts";
import { without } from "../harness/skips.ts";
import { Terminal, type TerminalSettings } from "../harness/terminal.ts";

const TEST_MS_MAX = 120_000;
const SMALL = { width: 80, height: 24 };
const PLAIN = { ...SMALL, env: { NO_COLOR: "1" } };
const ESCAPE = String.fromCharCode(27);

function cli(server: RunningServer, settings: TerminalSettings, ...args: string[]): Terminal {
  return new Terminal([BINARY, "cli", "-p", String(server.port), ...args], settings);
}

/** Both servers that a cli may meet. */
const SERVERS: readonly (readonly [string, () => Promise<RunningServer>])[] = [
  ["stormdb", startStormdb],
  ...(REDIS_SERVER === null ? [] : [["redis-server", startRedis] as const]),
];

describe.skipIf(without("tmux"))("the prompt", () => {
  for (const [name, start] of SERVERS) {
    test(
      `${name}: commands, types, completion, history, help, databases, transactions`,
      async () => {
        await using server = await start();
        const prompt = `127.0.0.1:${server.port}`;
        await using terminal = cli(server, {});
        await terminal.endsWith(`${prompt}>`);

        terminal.keys("set greeting 'hello world'", "Enter");
        await terminal.endsWith(`set greeting 'hello world'\nOK\n${prompt}>`);
        terminal.keys("get greeting", "Enter");
        await terminal.endsWith(`"hello world"\n${prompt}>`);
        terminal.keys("lrange none 0 -1", "Enter");
        await terminal.endsWith(`(empty array)\n${prompt}>`);
        terminal.keys("2 echo x", "Enter");
        await terminal.endsWith(`"x"\n"x"\n${prompt}>`);

        terminal.keys("strl", "Tab", " greeting", "Enter");
        await terminal.endsWith(`strlen greeting\n(integer) 11\n${prompt}>`);
        terminal.keys("Up", "Up", "Up", "Up", "Enter");
        await terminal.endsWith(`get greeting\n"hello world"\n${prompt}>`);
        terminal.keys("C-r", "rang");
        await terminal.endsWith("(reverse-i-search)`rang': lrange none 0 -1");
        terminal.keys("Enter");
        await terminal.endsWith(`lrange none 0 -1\n(empty array)\n${prompt}>`);

        terminal.keys("help strlen", "Enter");
        await terminal.shows("STRLEN key\n  summary: ");
        terminal.keys("select 3", "Enter");
        await terminal.endsWith(`OK\n${prompt}[3]>`);
        terminal.keys("multi", "Enter", "ping", "Enter");
        await terminal.endsWith(`QUEUED\n${prompt}[3](TX)>`);
        terminal.keys("select 0", "Enter", "discard", "Enter");
        await terminal.endsWith(`OK\n${prompt}[3]>`);

        terminal.keys("quit", "Enter");
        await terminal.endsWith("exit code 0");
      },
      TEST_MS_MAX,
    );

    test(
      `${name}: hints follow what is typed`,
      async () => {
        await using server = await start();
        await using terminal = cli(server, SMALL);
        await terminal.endsWith(`${server.port}>`);
        terminal.keys("getr");
        await terminal.endsWith("> getr");
        terminal.keys("ange");
        await terminal.endsWith("> getrange key start end");
        terminal.keys(" k 1");
        await terminal.endsWith("> getrange k 1 end");
        terminal.keys("C-u", ":set nohints", "Enter", "getrange");
        await terminal.endsWith("> getrange");
        terminal.keys("C-c");
        await terminal.endsWith(`> getrange^C\n127.0.0.1:${server.port}>`);
      },
      TEST_MS_MAX,
    );

    test(
      `${name}: messages of channels, beside commands and until Ctrl-C`,
      async () => {
        await using server = await start();
        const publisher = await server.connect();
        for (const protocol of ["-2", "-3"]) {
          await using terminal = cli(server, SMALL, protocol);
          const prompt = `127.0.0.1:${server.port}`;
          await terminal.endsWith(`${prompt}>`);
          terminal.keys("subscribe news", "Enter");
          await terminal.endsWith('2) "news"\n3) (integer) 1');
          await publisher.call("PUBLISH", "news", "one");
          await terminal.endsWith('3) "one"');
          terminal.keys("x");
          await terminal.endsWith(`${prompt}(subscribed mode)>`);
          // Shown above the line that is being typed.
          terminal.keys("pi");
          await terminal.endsWith(`${prompt}(subscribed mode)> pi`);
          await publisher.call("PUBLISH", "news", "two");
          await terminal.shows('3) "two"\n');
          await terminal.endsWith(`${prompt}(subscribed mode)> pi`);
          terminal.keys("ng", "Enter");
          await terminal.endsWith(protocol === "-2" ? '1) "pong"\n2) ""' : "mode)>");
          if (protocol === "-2") terminal.keys("C-c");
          else terminal.keys("unsubscribe", "Enter");
          await terminal.endsWith(`\n${prompt}>`);
          terminal.keys("echo done", "Enter");
          await terminal.endsWith(`"done"\n${prompt}>`);
        }
      },
      TEST_MS_MAX,
    );

    test(
      `${name}: the browser filters while one types, and previews by type`,
      async () => {
        await using server = await start();
        const client = await server.connect();
        await client.call("RPUSH", "fruits", "apple", "pear");
        await client.call("SET", "framework", "Bun", "EX", "1000");
        if (name === "redis-server") {
          await client.call("HSET", "ahash", "field", "value");
          await client.call("SADD", "aset", "member");
          await client.call("ZADD", "azset", "1.5", "member");
          await client.call("XADD", "astream", "1-1", "field", "value");
        }
        await using terminal = cli(server, PLAIN, "--browse");
        await terminal.shows("framework");
        terminal.keys("ruit");
        await terminal.shows("● fruits (list, 2 items, no expiry");
        expect(terminal.text()).not.toContain("framework");
        terminal.keys("Enter");
        await terminal.shows("pear");
        await terminal.shows("Back to the keys");
        terminal.keys("Enter");
        await terminal.shows("Search: part");
        terminal.keys("frame");
        await terminal.shows("● framework (string, 3 bytes, 16 min");
        if (name === "redis-server") {
          const hints = {
            ahash: "(hash, 1 fields, no expiry",
            aset: "(set, 1 members, no expiry",
            azset: "(zset, 1 members, no expiry",
            astream: "(stream, 1 entries, no expiry",
          };
          for (const [key, hint] of Object.entries(hints)) {
            terminal.keys(...new Array(12).fill("BSpace"), key);
            await terminal.shows(`● ${key} ${hint}`);
          }
        }
        terminal.keys("C-c");
        await terminal.endsWith("exit code 0");
      },
      TEST_MS_MAX,
    );
  }

  test(
    "replies have colours, unless NO_COLOR or :set says not",
    async () => {
      await using server = await startStormdb();
      await using terminal = cli(server, SMALL);
      await terminal.endsWith(`${server.port}>`);
      terminal.keys("echo x", "Enter");
      await terminal.showsStyled(`${ESCAPE}[32m"x"`);
      terminal.keys("nosuch", "Enter");
      await terminal.showsStyled(`${ESCAPE}[31m(error)`);
      terminal.keys(":set nocolor", "Enter", "echo y", "Enter");
      await terminal.shows('\n"y"\n');
      expect(terminal.styled()).not.toContain(`${ESCAPE}[32m"y"`);
      await using plain = cli(server, PLAIN);
      await plain.endsWith(`${server.port}>`);
      plain.keys("echo x", "Enter", "nosuch", "Enter");
      await plain.shows("(error)");
      expect(plain.styled()).not.toContain(ESCAPE);
    },
    TEST_MS_MAX,
  );

  test(
    "pasted lines run at Enter, one after the other; quotes may hold lines",
    async () => {
      await using server = await startStormdb();
      await using terminal = cli(server, SMALL);
      const prompt = `127.0.0.1:${server.port}`;
      await terminal.endsWith(`${prompt}>`);
      terminal.paste("set one 1\nset two 'a\nb'\nget two");
      await terminal.endsWith("get two  (4 lines: Enter runs them)");
      terminal.keys("Enter");
      await terminal.endsWith(`OK\nOK\n"a\\nb"\n${prompt}>`);
      terminal.keys("Up", "Up", "Enter");
      await terminal.endsWith(`> set two "a\\nb"\nOK\n${prompt}>`);
    },
    TEST_MS_MAX,
  );

  test(
    "lines with passwords are not kept, others are there the next time",
    async () => {
      await using server = await startStormdb();
      await using terminal = cli(server, SMALL);
      await terminal.endsWith(`${server.port}>`);
      terminal.keys("auth secret", "Enter", "echo kept", "Enter", "echo kept", "Enter");
      await terminal.endsWith(`"kept"\n127.0.0.1:${server.port}>`);
      terminal.keys("C-d");
      await terminal.endsWith("exit code 0");
      expect(readFileSync(join(terminal.folder, "history"), "utf8")).toEqual("echo kept\n");
    },
    TEST_MS_MAX,
  );

  test(
    "a long line goes on in the next row",
    async () => {
      await using server = await startStormdb();
      await using terminal = cli(server, SMALL);
      const start = `127.0.0.1:${server.port}> echo `;
      await terminal.endsWith(`${server.port}>`);
      const text = "0123456789".repeat(12);
      terminal.keys(`echo ${text}`);
      const first = 80 - start.length;
      await terminal.endsWith(`${start}${text.slice(0, first)}\n${text.slice(first)}`);
      terminal.keys("C-a", "C-k", "ping", "Enter");
      await terminal.endsWith(`> ping\nPONG\n127.0.0.1:${server.port}>`);
    },
    TEST_MS_MAX,
  );

  test(
    "dangerous commands on another machine ask first",
    async () => {
      await using server = await startStormdb("--bind", "0.0.0.0", "--protected-mode", "no");
      // No address of loopback by its name, though it leads there.
      await using terminal = cli(server, SMALL, "-h", "0.0.0.0");
      const prompt = `0.0.0.0:${server.port}>`;
      await terminal.endsWith(prompt);
      terminal.keys("set a 1", "Enter", "flushall", "Enter");
      await terminal.shows("are you sure? It deletes every key of every");
      await terminal.shows("● No");
      terminal.keys("n");
      await terminal.endsWith(prompt);
      terminal.keys("dbsize", "Enter");
      await terminal.endsWith(`dbsize\n(integer) 1\n${prompt}`);
      terminal.keys("flushall", "Enter");
      await terminal.shows("● No\n");
      terminal.keys("y");
      await terminal.endsWith(`OK\n${prompt}`);
      terminal.keys(":set confirm off", "Enter", "flushdb", "Enter");
      await terminal.endsWith(`flushdb\nOK\n${prompt}`);
    },
    TEST_MS_MAX,
  );

  test(
    "on this machine they do not",
    async () => {
      await using server = await startStormdb();
      await using terminal = cli(server, SMALL);
      await terminal.endsWith(`${server.port}>`);
      terminal.keys("flushall", "Enter");
      await terminal.endsWith(`flushall\nOK\n127.0.0.1:${server.port}>`);
    },
    TEST_MS_MAX,
  );

  test(
    "a server that has gone is told, and found again",
    async () => {
      const server = await startStormdb();
      const prompt = `127.0.0.1:${server.port}`;
      await using terminal = cli(server, SMALL);
      await terminal.endsWith(`${prompt}>`);
      await server[Symbol.asyncDispose]();
      // A command that is sent before the end is noticed is lost; the next one says what is wrong.
      const refused = `Could not connect to Redis at ${prompt}: Connection refused\nnot connected>`;
      terminal.keys("ping", "Enter");
      await terminal.endsWith("\nnot connected>");
      if (!terminal.text().endsWith(refused)) terminal.keys("ping", "Enter");
      await terminal.endsWith(refused);
      const again = Bun.spawn([BINARY, "server", "--port", String(server.port), "--save", ""], {
        cwd: terminal.folder,
        stdout: "ignore",
      });
      try {
        for (let i = 0; i < 100 && !terminal.text().includes("PONG"); i++) {
          terminal.keys("ping", "Enter");
          await Bun.sleep(50);
        }
        await terminal.endsWith(`PONG\n${prompt}>`);
      } finally {
        again.kill("SIGKILL");
        await again.exited;
      }
    },
    TEST_MS_MAX,
  );

  test(
    "Ctrl-C ends a wait, and the prompt goes on",
    async () => {
      await using server = await startStormdb();
      const watcher = await server.connect();
      await using terminal = cli(server, SMALL);
      await terminal.endsWith(`${server.port}>`);
      terminal.keys("blpop none 0", "Enter");
      const waits = async () =>
        (await watcher.call("INFO", "clients")).includes("blocked_clients:1");
      while (!(await waits())) await Bun.sleep(10);
      terminal.keys("C-c");
      await terminal.endsWith(`^C\n127.0.0.1:${server.port}>`);
      terminal.keys("ping", "Enter");
      await terminal.endsWith(`PONG\n127.0.0.1:${server.port}>`);
    },
    TEST_MS_MAX,
  );

  test(
    ":watch shows what changes, in colour and without",
    async () => {
      await using server = await startStormdb();
      const client = await server.connect();
      await client.call("SET", "counter", "100");
      for (const [settings, changed] of [
        [SMALL, new RegExp(`${ESCAPE}\\[7m"?\\d`)],
        [PLAIN, /> "\d+"/],
      ] as const) {
        await client.call("SET", "counter", "100");
        await using terminal = cli(server, settings);
        await terminal.endsWith(`${server.port}>`);
        terminal.keys(":watch 0.3 get counter", "Enter");
        await terminal.shows('"100"');
        expect(terminal.styled()).not.toMatch(changed);
        // Shown until the next look, so that it may take several changes to see one.
        await until("a change is marked", async () => {
          await client.call("INCR", "counter");
          return changed.test(terminal.styled());
        });
        terminal.keys("q");
        await terminal.endsWith(`get counter\n127.0.0.1:${server.port}>`);
      }
    },
    TEST_MS_MAX,
  );

  test(
    ":explain tells of commands and their keys",
    async () => {
      await using server = await startStormdb();
      await using terminal = cli(server, SMALL);
      await terminal.endsWith(`${server.port}>`);
      terminal.keys(":explain getset k v", "Enter");
      await terminal.shows('keys       "k" (RW access update)');
      await terminal.shows("categories @write @fast @string");
    },
    TEST_MS_MAX,
  );
});
