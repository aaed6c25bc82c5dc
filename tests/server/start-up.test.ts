/** How `stormdb server` starts, or says why it does not. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BINARY,
  freePort,
  runStormdb,
  start,
  startStormdb,
  startStormdbWith,
} from "../harness/processes.ts";
import { readDirective, readInfo } from "./info.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-start-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function configFile(name: string, ...lines: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join("\n")}\n`, "latin1");
  return path;
}

describe("usage", () => {
  test("without a command it is on stderr, with exit code 1", async () => {
    const { code, stdout, stderr } = await runStormdb([]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("Usage: stormdb <command>");
  });

  test.each(["--help", "-h"])("stormdb %s", async (option) => {
    const { code, stdout, stderr } = await runStormdb([option]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Usage: stormdb <command>");
  });

  test.each(["--help", "-h"])("stormdb server %s", async (option) => {
    const { code, stdout, stderr } = await runStormdb(["server", option]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Usage: stormdb server");
  });

  test.each(["--version", "-v"])("stormdb %s", async (option) => {
    const { code, stdout, stderr } = await runStormdb([option]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^StormDB \d+\.\d+\.\d+ \(Redis 7\.2\.\d+\)\n$/);
  });

  test("the binary's name is a command only where it is that of one", async () => {
    const said: string[] = [];
    for (const name of ["stormdb-cli", "stormdb-old"]) {
      const path = join(folder, name);
      symlinkSync(BINARY, path);
      const child = Bun.spawn([path, "--version"], { stdout: "pipe" });
      said.push(await child.stdout.text());
    }
    expect(said).toEqual([
      expect.stringMatching(/^stormdb cli /),
      expect.stringMatching(/^StormDB /),
    ]);
  });

  test("an unknown command", async () => {
    const { code, stdout, stderr } = await runStormdb(["serve"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toStartWith("stormdb: unknown command 'serve'\n");
  });
});

/** Arguments that are refused, and the whole of what stderr says. */
const REFUSED: readonly (readonly [readonly string[], string])[] = [
  [["--nope", "1"], "unknown directive 'nope'"],
  [["--port", "abc"], "bad value 'abc' for 'port': argument couldn't be parsed into an integer"],
  [
    ["--port", "70000"],
    "bad value '70000' for 'port': argument must be between 0 and 65535 inclusive",
  ],
  [["--port"], "wrong number of arguments for directive 'port'"],
  [["--port", "1", "2"], "wrong number of arguments for directive 'port'"],
  [["--maxmemory", "1xb"], "bad value '1xb' for 'maxmemory': argument must be a memory value"],
  [
    ["--protected-mode", "maybe"],
    "bad value 'maybe' for 'protected-mode': argument must be 'yes' or 'no'",
  ],
  [
    ["--loglevel", "loud"],
    "bad value 'loud' for 'loglevel': argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
  ],
  [
    ["--client-output-buffer-limit", "normal", "1"],
    "bad value 'normal 1' for 'client-output-buffer-limit': Wrong number of arguments in buffer limit configuration.",
  ],
  [
    ["--unixsocketperm", "9x"],
    "bad value '9x' for 'unixsocketperm': argument must be an octal file mode",
  ],
  [
    ["--databases", "0"],
    "bad value '0' for 'databases': argument must be between 1 and 1024 inclusive",
  ],
  [["missing.conf", "stray"], "unexpected argument 'stray' (directives are given as --name value)"],
  [
    ["missing.conf", "--port", "1"],
    "can't open config file 'missing.conf': ENOENT: no such file or directory, open 'missing.conf'",
  ],
  [
    ["--logfile", "missing/stormdb.log"],
    "can't write to the log file 'missing/stormdb.log': ENOENT: no such file or directory, open 'missing/stormdb.log'",
  ],
];

describe("refused arguments are one line on stderr and exit code 1", () => {
  test.each(REFUSED)("%p", async (args, line) => {
    expect(await runStormdb(["server", ...args], folder)).toEqual({
      code: 1,
      stdout: "",
      stderr: `stormdb: ${line}\n`,
    });
  });

  test("a folder that is not there", async () => {
    const missing = join(folder, "missing");
    const { code, stdout, stderr } = await runStormdb(["server", "--dir", missing]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toStartWith(`stormdb: can't enter the folder '${missing}' (dir): ENOENT`);
  });

  test("an argument without a directive", async () => {
    const file = configFile("plain.conf", "port 0");
    const { code, stderr } = await runStormdb(["server", file, "stray"]);
    expect(code).toEqual(1);
    expect(stderr).toEqual(
      "stormdb: unexpected argument 'stray' (directives are given as --name value)\n",
    );
  });
});

const BAD_LINES: readonly (readonly [string, string])[] = [
  ["foo bar", "unknown directive 'foo'"],
  ["port", "wrong number of arguments for directive 'port'"],
  ["port 1 # no comment behind a value", "wrong number of arguments for directive 'port'"],
  ['requirepass "open', "unbalanced quotes"],
  ["requirepass 'open", "unbalanced quotes"],
  ['requirepass "a"b', "unbalanced quotes"],
  ["hz many", "bad value 'many' for 'hz': argument couldn't be parsed into an integer"],
];

describe("a bad line of a config file is named with its number", () => {
  test.each(BAD_LINES)("%s", async (line, reason) => {
    const file = configFile("bad.conf", "# a comment", "", line, "hz 20");
    expect(await runStormdb(["server", file])).toEqual({
      code: 1,
      stdout: "",
      stderr: `stormdb: ${file}:3: ${reason}\n`,
    });
  });
});

describe("a name and a password beyond ASCII", () => {
  test.each(["arguments", "config file"])("in %s", async (place) => {
    const given = { dir: join(folder, `dä數 ${place}`), dbfilename: "é.rdb", requirepass: "pä數" };
    mkdirSync(given.dir);
    const bytes = (text: string) => Buffer.from(text).toString("latin1");
    const lines = Object.entries(given).map(([name, value]) => `${name} "${bytes(value)}"`);
    const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]);
    await using storm =
      place === "arguments"
        ? await startStormdb(...args)
        : await startStormdbWith(configFile("beyond.conf", ...lines));
    const client = await storm.connect();
    expect(await client.call("AUTH", Buffer.from(given.requirepass))).toEqual("+OK\r\n");
    expect(await client.call("SAVE")).toEqual("+OK\r\n");
    expect(readdirSync(given.dir)).toContain("é.rdb");
    expect(await readDirective(client, "dir")).toEqual(bytes(given.dir));
  });
});

test("what an image says of protected mode is a default: file and arguments go before it", async () => {
  const ofImage = async (mode: string, ...args: string[]) => {
    const port = await freePort();
    const usual = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
    const command = ["env", `STORMDB_PROTECTED_MODE=${mode}`, BINARY, "server", ...args, ...usual];
    await using server = await start(command, port, folder, true);
    return await readDirective(await server.connect(), "protected-mode");
  };
  expect(await ofImage("no")).toBe("no");
  expect(await ofImage("no", configFile("protected.conf", "protected-mode yes"))).toBe("yes");
  expect(await ofImage("no", "--protected-mode", "yes")).toBe("yes");
  await expect(ofImage("off")).rejects.toThrow("stormdb: bad value 'off' for 'protected-mode'");
});

describe("config file", () => {
  test("quotes, escapes, comments, units and case; arguments go before it", async () => {
    const file = configFile(
      "good.conf",
      "# comment",
      "   # indented comment",
      "",
      '  requirepass  "p a\\x41\\n\\"" ',
      "HZ 25",
      "timeout 7\r",
      "maxmemory 1gb",
      "slowlog-max-len 5",
      "slowlog-max-len 6",
      "client-output-buffer-limit pubsub 1mb 0 0",
      "list-max-ziplist-size 64",
      "latency-tracking-info-percentiles 50 99",
      "logfile ''",
      "databases 4",
    );
    await using storm = await startStormdbWith(file, "--timeout", "9", "--maxclients", "50");
    const client = await storm.connect();
    expect(await client.call("AUTH", 'p aA\n"')).toEqual("+OK\r\n");
    const values: Record<string, string> = {};
    for (const name of [
      "requirepass",
      "hz",
      "timeout",
      "maxmemory",
      "maxclients",
      "slowlog-max-len",
      "client-output-buffer-limit",
      "list-max-listpack-size",
      "latency-tracking-info-percentiles",
      "logfile",
      "databases",
      "port",
      "bind",
      "dir",
    ]) {
      values[name] = await readDirective(client, name);
    }
    expect(values).toEqual({
      requirepass: 'p aA\n"',
      hz: "25",
      timeout: "9",
      maxmemory: "1073741824",
      maxclients: "50",
      "slowlog-max-len": "6",
      "client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 0 0",
      "list-max-listpack-size": "64",
      "latency-tracking-info-percentiles": "50 99",
      logfile: "",
      databases: "4",
      port: String(storm.port),
      bind: "127.0.0.1",
      dir: storm.folder,
    });
    expect((await readInfo(client, "server")).config_file).toEqual(file);
  });

  test("a value in several arguments, and one argument of several words, are the same", async () => {
    const limits = ["normal", "10mb", "5mb", "3"];
    await using several = await startStormdb("--client-output-buffer-limit", ...limits);
    await using one = await startStormdb("--client-output-buffer-limit", limits.join(" "));
    for (const server of [several, one]) {
      expect(await readDirective(await server.connect(), "client-output-buffer-limit")).toStartWith(
        "normal 10485760 5242880 3 ",
      );
    }
  });

  test("databases says how many there are", async () => {
    await using storm = await startStormdb("--databases", "3");
    const client = await storm.connect();
    expect(await client.call("SELECT", "2")).toEqual("+OK\r\n");
    expect(await client.call("SELECT", "3")).toEqual("-ERR DB index is out of range\r\n");
    expect(await client.call("SWAPDB", "0", "3")).toEqual("-ERR DB index is out of range\r\n");
    expect(await client.call("SET", "a", "1")).toEqual("+OK\r\n");
    expect(await client.call("MOVE", "a", "3")).toEqual("-ERR DB index is out of range\r\n");
    expect((await readInfo(client, "keyspace")).db2).toEqual("keys=1,expires=0,avg_ttl=0");
  });
});

describe("addresses that cannot be listened on", () => {
  test("a port in use", async () => {
    const other = createServer();
    const port = await new Promise<number>((done) => {
      other.listen(0, "127.0.0.1", () => {
        const address = other.address();
        done(typeof address === "object" && address ? address.port : 0);
      });
    });
    const { code, stderr } = await runStormdb([
      ...["server", "--port", String(port), "--bind", "127.0.0.1"],
    ]);
    other.close();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `stormdb: can't listen on 127.0.0.1:${port}: address already in use\n`,
    });
  });

  test("no address at all", async () => {
    const { code, stderr } = await runStormdb(["server", "--bind", ""]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "stormdb: there is no address to listen on\n",
    });
  });

  test("a Unix socket in a folder that is not there", async () => {
    const path = join(folder, "missing", "socket");
    const { code, stderr } = await runStormdb(["server", "--port", "0", "--unixsocket", path]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `stormdb: can't listen on ${path}: no such file or directory\n`,
    });
  });
});
