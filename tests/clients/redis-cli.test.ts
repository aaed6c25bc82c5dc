/** redis-cli, the one of Redis: its modes must work against StormDB as they do against redis-server. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REDIS_CLI, type RunningServer, startRedis, startStormdb } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { without } from "../harness/skips.ts";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function cli(
  server: RunningServer,
  args: readonly string[],
  input: string | Uint8Array = "",
): Promise<Outcome> {
  const child = Bun.spawn([REDIS_CLI!, "-p", String(server.port), ...args], {
    stdin: typeof input === "string" ? Buffer.from(input, "latin1") : input,
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH },
  });
  const [stdout, stderr] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
  return { code: await child.exited, stdout: Buffer.from(stdout).toString("latin1"), stderr };
}

function sameOutput(
  name: string,
  script: (server: RunningServer) => Promise<unknown>,
  ...args: string[]
): void {
  test(name, async () => {
    await using redis = await startRedis(...args);
    await using storm = await startStormdb(...args);
    const expected = await script(redis);
    expect(await script(storm)).toEqual(expected);
  });
}

describe.skipIf(without("redis-cli", "redis-server"))("redis-cli", () => {
  sameOutput("one command, in every form of output", async (server) => {
    const outcomes: unknown[] = [];
    for (const command of [
      ["PING"],
      ["SET", "a", 'x "y"\n\x01'],
      ["GET", "a"],
      ["GET", "missing"],
      ["INCR", "n"],
      ["RPUSH", "list", "a", "b", "c d"],
      ["LRANGE", "list", "0", "-1"],
      ["LRANGE", "missing", "0", "-1"],
      ["LPOP", "missing", "2"],
      ["INCR", "a"],
      ["NOSUCH"],
      ["CONFIG", "GET", "maxmemory"],
      ["SCAN", "0", "MATCH", "n"],
      ["DEBUG", "PROTOCOL", "double"],
      ["DEBUG", "PROTOCOL", "map"],
      ["DEBUG", "PROTOCOL", "set"],
      ["DEBUG", "PROTOCOL", "true"],
      ["DEBUG", "PROTOCOL", "null"],
      ["DEBUG", "PROTOCOL", "verbatim"],
      ["DEBUG", "PROTOCOL", "bignum"],
    ]) {
      for (const form of ["", "--raw", "--no-raw", "--csv", "--json", "-3", "-2", "-3 --no-raw"]) {
        const options = form.split(" ").filter((option) => option !== "");
        outcomes.push([form, command, await cli(server, [...options, ...command])]);
        if (command[0] === "INCR" || command[0] === "RPUSH") await cli(server, ["DEL", "list"]);
      }
    }
    return outcomes;
  });

  sameOutput("commands from standard input", (server) =>
    cli(
      server,
      [],
      'SET a "1 2"\nGET a\nINCR n\n\nINCR n\nNOSUCH\nECHO "\\x41\\n"\n3 INCR n\nQUIT\nPING\n',
    ),
  );

  sameOutput("an argument from standard input", async (server) => [
    await cli(server, ["-x", "SET", "a"], "first line\nsecond \xff\n"),
    await cli(server, ["GET", "a"]),
    await cli(server, ["-X", "tag", "SET", "tag", "b"], "key from input"),
    await cli(server, ["EXISTS", "key from input"]),
  ]);

  sameOutput("-r repeats, -n chooses the database, -e gives an exit code", async (server) => [
    await cli(server, ["-r", "3", "INCR", "n"]),
    await cli(server, ["-n", "5", "SET", "a", "five"]),
    await cli(server, ["GET", "a"]),
    await cli(server, ["-n", "5", "GET", "a"]),
    await cli(server, ["-n", "99", "GET", "a"]),
    (await cli(server, ["-e", "NOSUCH"])).code,
    (await cli(server, ["-e", "PING"])).code,
    await cli(server, ["-u", `redis://127.0.0.1:${server.port}/5`, "GET", "a"]),
    await cli(server, ["-d", ";", "LRANGE", "missing", "0", "-1"]),
  ]);

  sameOutput(
    "passwords",
    async (server) => [
      await cli(server, ["PING"]),
      await cli(server, ["-a", "secret", "--no-auth-warning", "PING"]),
      await cli(server, ["--user", "default", "--pass", "secret", "--no-auth-warning", "PING"]),
      await cli(server, ["-a", "wrong", "--no-auth-warning", "PING"]),
      await cli(server, ["-3", "-a", "secret", "--no-auth-warning", "PING"]),
    ],
    "--requirepass",
    "secret",
  );

  sameOutput("--pipe, 100,000 commands", async (server) => {
    const commands: Buffer[] = [];
    for (let i = 0; i < 50_000; i++) {
      commands.push(encodeCommand(["SET", `key:${i}`, `value:${i}\r\n\xff`]));
      commands.push(encodeCommand(["RPUSH", "list", String(i)]));
    }
    return [
      await cli(server, ["--pipe"], Buffer.concat(commands)),
      await cli(server, ["DBSIZE"]),
      await cli(server, ["LLEN", "list"]),
      await cli(server, ["GET", "key:49999"]),
      await cli(server, ["--pipe"], "SET a 1\r\nINCR list\r\nNOSUCH\r\n"),
    ];
  });

  sameOutput("--scan", async (server) => {
    const keys = Array.from({ length: 500 }, (_, i) => [`key:${i}`, "1"]).flat();
    await cli(server, ["MSET", ...keys]);
    await cli(server, ["RPUSH", "list", "1"]);
    const sorted = async (...args: string[]) => {
      const { code, stdout, stderr } = await cli(server, ["--scan", ...args]);
      return { code, stderr, lines: stdout.split("\n").sort() };
    };
    return [
      await sorted(),
      await sorted("--pattern", "key:1*"),
      await sorted("--count", "7", "--pattern", "key:*9"),
    ];
  });

  sameOutput("--bigkeys finds the largest of each type", async (server) => {
    await cli(server, ["SET", "small", "x"]);
    await cli(server, ["SET", "large", "x".repeat(1000)]);
    await cli(server, ["RPUSH", "short", "1"]);
    await cli(server, ["RPUSH", "long", "1", "2", "3"]);
    const { code, stdout } = await cli(server, ["--bigkeys"]);
    const summary = stdout.slice(stdout.indexOf("-------- summary"));
    return [
      code,
      summary
        .split("\n")
        .filter((line) => !/^0 /.test(line))
        .sort(),
    ];
  });

  test("--memkeys measures every key", async () => {
    await using storm = await startStormdb();
    await cli(storm, ["SET", "small", "x"]);
    await cli(storm, ["SET", "large", "x".repeat(1000)]);
    await cli(storm, ["RPUSH", "list", ...Array.from({ length: 3000 }, (_, i) => `element:${i}`)]);
    const { code, stdout } = await cli(storm, ["--memkeys"]);
    expect(code).toEqual(0);
    expect(stdout).toContain("Sampled 3 keys in the keyspace!");
    expect(stdout).toMatch(/Biggest string found '"large"' has 1\d\d\d bytes/);
    expect(stdout).toMatch(/Biggest {3}list found '"list"' has \d{5} bytes/);
  });

  test("long replies in every form of output", async () => {
    await using storm = await startStormdb();
    for (const line of [
      "INFO all",
      "CLIENT LIST",
      "COMMAND DOCS",
      "COMMAND",
      "LATENCY HISTOGRAM",
    ]) {
      for (const form of ["--no-raw", "--csv", "--json", "-3"]) {
        const { code, stdout, stderr } = await cli(storm, [form, ...line.split(" ")]);
        expect({ line, form, code, stderr }).toEqual({ line, form, code: 0, stderr: "" });
        expect(stdout.length).toBeGreaterThan(50);
        // Texts such as INFO's are shown as they are.
        if (form === "--json" && /^(COMMAND|LATENCY)/.test(line))
          expect(() => JSON.parse(stdout)).not.toThrow();
      }
    }
  });

  test("over a Unix socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-cli-"));
    const path = join(folder, "socket");
    await using storm = await startStormdb("--unixsocket", path);
    // The socket is there a moment later than the port.
    await cli(storm, ["PING"]);
    expect(await cli(storm, ["-s", path, "PING"])).toEqual({
      code: 0,
      stdout: "PONG\n",
      stderr: "",
    });
    rmSync(folder, { recursive: true });
  });

  test("a server that ends is a closed connection", async () => {
    await using storm = await startStormdb();
    const { code } = await cli(storm, ["SHUTDOWN", "NOSAVE"]);
    expect({ code, server: await storm.exited }).toEqual({ code: 0, server: 0 });
  });
});
