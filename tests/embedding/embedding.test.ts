/** StormDB inside another program: createServer, its clock and its seed. */
import { afterAll, describe, expect, jest, setSystemTime, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisClient } from "bun";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { createServer, type EmbeddedServer } from "../../src/index.ts";

const ROOT = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "stormdb-embedding-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function connect(server: EmbeddedServer): Promise<RedisClient> {
  const client = new RedisClient(server.url);
  await client.connect();
  return client;
}

test("several servers in one process share nothing", async () => {
  await using a = await createServer();
  await using b = await createServer();
  const [ofA, ofB] = await Promise.all([connect(a), connect(b)]);
  await ofA.set("key", "of a");
  await ofA.send("CONFIG", ["SET", "maxclients", "7"]);
  expect(a.port).not.toEqual(b.port);
  expect(await ofB.get("key")).toEqual(null);
  expect(await ofB.send("CONFIG", ["GET", "maxclients"])).toEqual({ maxclients: "10000" });
  a.advanceBy(3_600_000);
  const [, time] = [await ofA.send("TIME", []), await ofB.send("TIME", [])];
  expect(Math.abs(Number(time[0]) - Date.now() / 1000)).toBeLessThan(1800);
  ofA.close();
  ofB.close();
});

test("the clock can be moved: keys expire and waits end", async () => {
  await using server = await createServer({ directives: { "notify-keyspace-events": "Ex" } });
  const client = await connect(server);
  const listener = await connect(server);
  const waiting = await connect(server);
  const expired = Promise.withResolvers<string>();
  await listener.subscribe("__keyevent@0__:expired", (key) => expired.resolve(key));
  await client.send("SET", ["session", "x", "EX", "3600"]);
  const popped = waiting.send("BLPOP", ["queue", "600"]);
  while (!String(await client.send("INFO", ["clients"])).includes("blocked_clients:1"));
  server.advanceBy(3_599_000);
  expect(await client.exists("session")).toEqual(true);
  expect(await popped).toEqual(null);
  server.advanceBy(2000);
  expect(await expired.promise).toEqual("session");
  expect(await client.exists("session")).toEqual(false);
  for (const one of [client, listener, waiting]) one.close();
});

test("chance follows from the seed", async () => {
  const draws: string[][] = [];
  for (const seed of [7, 7, 8]) {
    await using server = await createServer({ seed });
    const client = await connect(server);
    for (let i = 0; i < 100; i++) await client.set(`key:${i}`, "x");
    const drawn: string[] = [];
    for (let i = 0; i < 20; i++) drawn.push(String(await client.send("RANDOMKEY", [])));
    draws.push(drawn);
    client.close();
  }
  expect(draws[1]).toEqual(draws[0]!);
  expect(draws[2]).not.toEqual(draws[0]!);
});

describe("directives", () => {
  test("data is kept where they say so, and loaded again", async () => {
    const directives = { dir: folder, appendonly: "yes", appendfsync: "always" };
    const first = await createServer({ directives });
    const writer = await connect(first);
    await writer.set("kept", "yes");
    writer.close();
    await first.close();
    await using second = await createServer({ directives });
    const reader = await connect(second);
    expect(await reader.get("kept")).toEqual("yes");
    reader.close();
  });

  test("nothing is written without them", async () => {
    const before = readdirSync(process.cwd());
    const server = await createServer();
    const client = await connect(server);
    await client.set("key", "x");
    client.close();
    await server.close();
    expect(readdirSync(process.cwd())).toEqual(before);
  });

  test("a value of several words, and one with a space", async () => {
    await using server = await createServer({
      directives: { save: "60 1000 300 10", requirepass: "two words", dir: folder },
    });
    const client = await connect(server);
    expect(await client.send("CONFIG", ["GET", "save"])).toEqual({ save: "60 1000 300 10" });
    client.close();
  });

  test("true and false, and values that look like options", async () => {
    await using server = await createServer({
      directives: {
        "no-appendfsync-on-rewrite": true,
        "protected-mode": false,
        requirepass: "--port",
      },
    });
    const client = await connect(server);
    const [first, second] = ["no-appendfsync-on-rewrite", "protected-mode"] as const;
    expect(await client.send("CONFIG", ["GET", first, second])).toEqual({
      [first]: "yes",
      [second]: "no",
    });
    client.close();
  });
});

describe("where it is reached", () => {
  test.each([
    [{}, "127.0.0.1", "redis://127.0.0.1:PORT"],
    [{ host: "0.0.0.0" }, "127.0.0.1", "redis://127.0.0.1:PORT"],
    [{ host: "*" }, "127.0.0.1", "redis://127.0.0.1:PORT"],
    [{ host: "127.0.0.2 127.0.0.1" }, "127.0.0.2", "redis://127.0.0.2:PORT"],
    [{ directives: { bind: "127.0.0.3" } }, "127.0.0.3", "redis://127.0.0.3:PORT"],
    [{ directives: { requirepass: "p@ß/" } }, "127.0.0.1", "redis://:p%40%C3%9F%2F@127.0.0.1:PORT"],
  ])("%p", async (options, host, url) => {
    await using server = await createServer(options);
    expect({ host: server.host, url: server.url.replace(String(server.port), "PORT") }).toEqual({
      host,
      url,
    });
    const clients = [new Redis(server.url), createClient({ url: server.url })] as const;
    await clients[1].connect();
    expect(await Promise.all([clients[0].ping(), clients[1].ping()])).toEqual(["PONG", "PONG"]);
    clients[0].disconnect();
    clients[1].destroy();
  });

  test("a Unix socket alone", async () => {
    const unixsocket = join(folder, "socket");
    await using server = await createServer({ directives: { unixsocket } });
    expect([server.port, server.url]).toEqual([0, `redis+unix://${unixsocket}`]);
    const client = await connect(server);
    expect(await client.send("PING", [])).toEqual("PONG");
    client.close();
  });
});

describe("what is refused", () => {
  test("names and values that mean nothing", async () => {
    const messages: string[] = [];
    const wrong: object[] = [
      { appendonly: "yes" },
      { seed: 1.5 },
      { port: 65536 },
      { directives: { nonsense: 1 } },
      { directives: { maxclients: "many" } },
      { directives: { dir: join(folder, "missing") } },
    ];
    for (const options of wrong) {
      messages.push(await createServer(options).then(String, (error) => error.message));
    }
    expect(messages).toEqual([
      "createServer: unknown option 'appendonly'; directives go into 'directives'",
      "createServer: the seed must be an integer, not 1.5",
      "bad value '65536' for 'port': argument must be between 0 and 65535 inclusive",
      "unknown directive 'nonsense'",
      "bad value 'many' for 'maxclients': argument couldn't be parsed into an integer",
      `there is no folder '${join(folder, "missing")}' (dir)`,
    ]);
  });

  test("what another server has; then nothing is left that would keep the process alive", async () => {
    const dir = mkdtempSync(join(folder, "taken-"));
    const program = `
      import { createServer } from ${JSON.stringify(join(ROOT, "src/index.ts"))};
      const directives = { dir: ${JSON.stringify(dir)}, appendonly: true };
      const server = await createServer({ directives });
      const say = ({ message }) => console.log(message.replace(server.port, "PORT"));
      await createServer({ directives }).catch(say);
      await createServer({ port: server.port }).catch(say);
      await server.close();
      console.log("closed");
    `;
    const run = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", timeout: 20_000 });
    expect({ text: await run.stdout.text(), code: await run.exited }).toEqual({
      text: `another server uses the folder ${dir} (dir) for its data; give each server a folder of its own
can't listen on 127.0.0.1:PORT: address already in use
closed
`,
      code: 0,
    });
  });

  test("time that cannot pass", async () => {
    await using server = await createServer();
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2e15, "5" as unknown as number]) {
      expect(() => server.advanceBy(ms)).toThrow(RangeError);
    }
    const client = await connect(server);
    await client.send("SET", ["key", "x", "EX", "100"]);
    server.advanceBy(1e15);
    expect(await client.get("key")).toEqual(null);
    client.close();
  });
});

describe("the end", () => {
  test("comes to clients whatever they do, and to the process", async () => {
    const program = `
      import { RedisClient } from "bun";
      import { createServer } from ${JSON.stringify(join(ROOT, "src/index.ts"))};
      const server = await createServer();
      const replica = await createServer({ directives: { replicaof: "127.0.0.1 " + server.port } });
      const clients = Array.from({ length: 5 }, () => new RedisClient(server.url, { autoReconnect: false }));
      const [idle, blocked, subscribed, waiting, failing] = clients;
      await Promise.all(clients.map((client) => client.connect()));
      await subscribed.subscribe("channel", () => {});
      const replies = Promise.allSettled([
        blocked.send("BLPOP", ["list", "1000"]),
        waiting.send("WAIT", ["9", "1000000"]),
      ]);
      const info = async (text) => {
        while (!String(await failing.send("INFO", [])).includes(text));
      };
      await info("blocked_clients:2");
      server.advanceBy(5000);
      await info("state=online");
      await failing.send("FAILOVER", ["TO", "127.0.0.1", String(replica.port), "TIMEOUT", "1000000"]);
      await server.close();
      await replica.close();
      console.log((await replies).map(({ status }) => status).join());
    `;
    const run = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", timeout: 20_000 });
    expect({ text: await run.stdout.text(), code: await run.exited }).toEqual({
      text: "rejected,rejected\n",
      code: 0,
    });
  });

  test("comes once: a second call leaves the files alone, which may be another server's now", async () => {
    const directives = { dir: mkdtempSync(join(folder, "twice-")), save: "3600 1" };
    const first = await createServer({ directives });
    await first.close();
    const second = await createServer({ directives });
    const client = await connect(second);
    await client.set("key", "of the second");
    await client.send("SAVE", []);
    await Promise.all([first.close(), first.close()]);
    client.close();
    expect(readFileSync(join(directives.dir, "dump.rdb"), "latin1")).toContain("of the second");
    await second.close();
  });

  test("after SHUTDOWN there is nothing more to do", async () => {
    await using server = await createServer();
    const client = new RedisClient(server.url, { autoReconnect: false });
    await client.send("SHUTDOWN", []).catch(() => {});
    expect(await server.close()).toEqual(undefined);
  });

  test("says where the data was not saved", async () => {
    const directives = { dir: mkdtempSync(join(folder, "unsaved-")), save: "3600 1" };
    const server = await createServer({ directives });
    // Nothing can get a name that a folder has.
    mkdirSync(join(directives.dir, "dump.rdb"));
    expect(server.close()).rejects.toThrow(`its data in ${directives.dir} was not saved`);
    await using next = await createServer({ port: server.port });
    expect(next.port).toEqual(server.port);
  });

  test("takes the server's own folder with it; the working folder is not touched", async () => {
    const work = mkdtempSync(join(folder, "work-"));
    const program = `
      import { RedisClient } from "bun";
      import { createServer } from ${JSON.stringify(join(ROOT, "src/index.ts"))};
      const server = await createServer();
      const client = new RedisClient(server.url);
      const [before] = [await client.send("DBSIZE", []), await client.send("SAVE", [])];
      const { dir } = await client.send("CONFIG", ["GET", "dir"]);
      client.close();
      await server.close();
      console.log(JSON.stringify([before, dir]));
    `;
    writeFileSync(join(work, "dump.rdb"), "not to be read");
    const run = Bun.spawn([process.execPath, "-e", program], {
      cwd: work,
      stdout: "pipe",
      timeout: 20_000,
    });
    const [before, dir] = JSON.parse(await run.stdout.text());
    expect([before, dir.startsWith(work), existsSync(dir)]).toEqual([0, false, false]);
    expect(readFileSync(join(work, "dump.rdb"), "latin1")).toEqual("not to be read");
  });
});

describe("the clock", () => {
  test("ends WAIT and CLIENT PAUSE, and all keys that are due are gone", async () => {
    await using server = await createServer();
    const client = await connect(server);
    const waiting = await connect(server);
    const inClients = async (text: string) => {
      while (!String(await client.send("INFO", ["clients"])).includes(text));
    };
    const acks = waiting.send("WAIT", ["1", "1000000"]);
    await inClients("blocked_clients:1");
    server.advanceBy(1_000_001);
    expect(await acks).toEqual(0);
    const sets = Array.from({ length: 5000 }, (_, i) =>
      client.send("SET", [`key:${i}`, "x", "PX", String(1_000_000 + i)]),
    );
    await Promise.all(sets);
    server.advanceBy(2_000_000);
    expect(await client.send("DBSIZE", [])).toEqual(0);
    await client.send("CLIENT", ["PAUSE", "1000000"]);
    const written = waiting.set("key", "x");
    server.advanceBy(1_000_001);
    expect(await written).toEqual("OK");
    client.close();
    waiting.close();
  });

  test("does not cut replicas off", async () => {
    await using primary = await createServer({
      directives: { "repl-diskless-sync-delay": 0, "min-replicas-to-write": 1 },
    });
    await using replica = await createServer({
      directives: { replicaof: `127.0.0.1 ${primary.port}` },
    });
    const [writer, reader] = [await connect(primary), await connect(replica)];
    const stats = async () => String(await writer.send("INFO", ["stats", "replication"]));
    while (!(await stats()).includes("state=online"));
    await writer.send("SET", ["key", "x", "EX", "3600"]);
    primary.advanceBy(4_000_000);
    await writer.set("next", "x");
    while ((await reader.get("next")) === null);
    expect(await reader.exists("key")).toEqual(false);
    expect(await stats()).toMatch(/sync_full:1\r\nsync_partial_ok:0\r\nsync_partial_err:0/);
    writer.close();
    reader.close();
  });

  test("follows a date that a test has set, and stands still with it", async () => {
    setSystemTime(new Date("2020-01-01T00:00:00Z"));
    try {
      await using server = await createServer();
      const client = await connect(server);
      await client.send("SET", ["key", "x", "PX", "1000"]);
      server.advanceBy(1000);
      expect(await client.get("key")).toEqual("x");
      server.advanceBy(1);
      expect(await client.get("key")).toEqual(null);
      expect((await client.send("TIME", []))[0]).toEqual("1577836801");
      client.close();
    } finally {
      setSystemTime();
    }
  });

  test("can be moved where a test has taken the timers", async () => {
    jest.useFakeTimers();
    try {
      await using server = await createServer();
      const [client, waiting] = [await connect(server), await connect(server)];
      const popped = waiting.send("BLPOP", ["list", "5"]);
      while (!String(await client.send("INFO", ["clients"])).includes("blocked_clients:1"));
      server.advanceBy(5000);
      expect(await popped).toEqual(null);
      client.close();
      waiting.close();
    } finally {
      jest.useRealTimers();
    }
  });
});
