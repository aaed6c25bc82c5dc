/** The compiled monitor without a terminal: text and JSON for scripts. */
import { describe, expect, test } from "bun:test";
import { BINARY, freePort, runStormdb, startRedis, startStormdb } from "../harness/processes.ts";
import { without } from "../harness/skips.ts";
import { readInfo } from "../server/info.ts";
import { RestartableServer } from "./restartable.ts";

interface Shown {
  readonly connected: boolean;
  readonly error?: string;
  readonly operations: number;
  readonly receivedBytes: number;
  readonly keys: number;
  readonly clients: number;
  readonly runId: string;
  readonly product: string;
  readonly rates: { readonly seconds: number; readonly operations: number } | null;
  readonly commands: readonly {
    readonly name: string;
    readonly calls: number;
    readonly p99: number;
  }[];
}

/** Reads the monitor's objects until `enough`, then ends it. */
async function readObjects(
  port: number,
  args: readonly string[],
  enough: (objects: readonly Shown[]) => boolean,
): Promise<Shown[]> {
  const child = Bun.spawn(
    [BINARY, "monitor", "-p", String(port), "--json", "--interval", "0.1", ...args],
    { stdout: "pipe", stderr: "inherit", timeout: 20000 },
  );
  const objects: Shown[] = [];
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) objects.push(JSON.parse(line));
    if (enough(objects)) break;
  }
  child.kill();
  await child.exited;
  return objects;
}

describe("--json", () => {
  test("has the figures of INFO, and rates that fit them", async () => {
    await using server = await startStormdb();
    const client = await server.connect();
    for (let i = 0; i < 50; i++) await client.call("SET", `key:${i}`, "value");
    const objects = await readObjects(server.port, [], ({ length }) => length >= 3);
    const info = await readInfo(client, "server", "stats", "commandstats");
    for (const object of objects) {
      expect(object).toMatchObject({ connected: true, keys: 50, clients: 2, runId: info.run_id });
      const set = object.commands.find(({ name }) => name === "set")!;
      expect(info.cmdstat_set).toStartWith(`calls=${set.calls},`);
      expect(set.p99).toBeGreaterThan(0);
      expect(object.operations).toBeLessThanOrEqual(Number(info.total_commands_processed));
    }
    const [before, after] = [objects[1]!, objects[2]!];
    const { operations, seconds } = after.rates!;
    expect(operations * seconds).toBeCloseTo(after.operations - before.operations, 3);
    expect(after.receivedBytes).toBeGreaterThan(before.receivedBytes);
  });

  test.skipIf(without("redis-server"))("works with redis-server", async () => {
    await using server = await startRedis();
    const client = await server.connect();
    await client.call("SET", "a", "1");
    const [object] = await readObjects(server.port, ["--once"], () => false);
    const info = await readInfo(client, "server");
    expect(object).toMatchObject({
      connected: true,
      keys: 1,
      product: `Redis ${info.redis_version}`,
      runId: info.run_id,
    });
    expect(object!.commands.map(({ name }) => name)).toContain("set");
  });

  test("goes on over the end and the return of the server", async () => {
    await using server = await RestartableServer.reserve();
    await server.start();
    let killed: Promise<void> | undefined;
    let restarted: Promise<void> | undefined;
    const objects = await readObjects(server.port, [], (seen) => {
      const last = seen.at(-1);
      if (last === undefined) return false;
      killed ??= server.kill();
      if (!last.connected) restarted ??= killed.then(() => server.start());
      return restarted !== undefined && last.connected && last.rates !== null;
    });
    await restarted;
    const lives = new Set(objects.filter(({ connected }) => connected).map(({ runId }) => runId));
    expect(lives.size).toBe(2);
    const errors = objects.filter(({ connected }) => !connected).map(({ error }) => error);
    expect(errors.at(-1)).toBe("Connection refused");
    // The counters of the new life are lower; no rate tells of that.
    const rates = objects.flatMap(({ rates }) => (rates ? [rates.operations] : []));
    expect(rates.filter((rate) => rate < 0)).toEqual([]);
    // The first reading of the new life has nothing before it.
    const first = objects.findIndex(({ runId }) => runId === [...lives][1]);
    expect(objects[first]!.rates).toBeNull();
  });

  test("ends quietly when its reader does", async () => {
    await using server = await startStormdb();
    const command = `'${BINARY}' monitor -p ${server.port} --json --interval 0.1 | head -n 2 | wc -l`;
    const child = Bun.spawn(["bash", "-c", `set -o pipefail; ${command}`], {
      stdout: "pipe",
      stderr: "pipe",
      timeout: 20000,
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect([out.trim(), err, await child.exited]).toEqual(["2", "", 0]);
  });
});

describe("--once", () => {
  test("prints a reading without escape codes", async () => {
    await using server = await startStormdb("--maxmemory", "100mb");
    const client = await server.connect();
    await client.call("SET", "a", "1");
    const { code, stderr, stdout } = await runStormdb([
      "monitor",
      "-p",
      String(server.port),
      "--once",
      "--interval",
      "0.1",
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^[\x20-\x7e\n]+$/);
    expect(stdout).toMatch(/^keys +1, 0 expiring$/m);
    expect(stdout).toMatch(/^memory +.*, limit 100 MB, peak /m);
    expect(stdout).toMatch(/^clients +2, 0 blocked$/m);
    expect(stdout).toMatch(/^set( +\S+( us| ms)?){6}$/m);
  });

  test("fails where there is no server", async () => {
    const port = String(await freePort());
    expect(await runStormdb(["monitor", "-p", port, "--once"])).toEqual({
      code: 1,
      stdout: "",
      stderr: `Could not read 127.0.0.1:${port}: Connection refused\n`,
    });
  });
});

describe("without a terminal", () => {
  test("it says what else there is, and writes no codes", async () => {
    const { code, stderr, stdout } = await runStormdb(["monitor"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("--once and --json");
  });

  test("--help and mistakes", async () => {
    const help = await runStormdb(["monitor", "--help"]);
    expect([help.code, help.stderr]).toEqual([0, ""]);
    expect(help.stdout).toStartWith("Usage: stormdb monitor");
    const mistakes = [["--no-such"], ["--interval"], ["--interval", "0"], ["--interval", "x"]];
    for (const args of mistakes) {
      const { code, stderr, stdout } = await runStormdb(["monitor", ...args]);
      expect([args, code, stdout, stderr.split("\n").length]).toEqual([args, 1, "", 2]);
    }
  });
});
