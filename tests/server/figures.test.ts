/** What the server tells of itself: INFO, SLOWLOG, LATENCY, and the limit on memory. */
import { describe, expect, test } from "bun:test";
import { startStormdb } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { readInfo, readInfoNumber, textOf } from "./info.ts";
import { exchange, sameAsRedis } from "./same-as-redis.ts";

async function callLines(client: RawClient, ...lines: string[]): Promise<string[]> {
  const replies: string[] = [];
  for (const line of lines) replies.push(await client.call(...line.split(" ")));
  return replies;
}

describe("SLOWLOG", () => {
  test("records DEBUG SLEEP with its time, arguments, address and name", async () => {
    await using storm = await startStormdb("--slowlog-log-slower-than", "20000");
    const client = await storm.connect();
    await callLines(client, "CLIENT SETNAME tester", "PING", "DEBUG SLEEP 0.03");
    const [own] = textOf(await client.call("CLIENT", "INFO")).match(/127\.0\.0\.1:\d+/)!;
    const entry = await client.call("SLOWLOG", "GET");
    const [, , id, seconds, usec, ...rest] = entry.split("\r\n");
    expect(entry).toStartWith("*1\r\n*6\r\n");
    expect(id).toEqual(":0");
    expect(Math.abs(Number(seconds!.slice(1)) - Date.now() / 1000)).toBeLessThan(60);
    expect(Number(usec!.slice(1))).toBeGreaterThanOrEqual(30000);
    expect(rest).toEqual([
      ...["*3", "$5", "DEBUG", "$5", "SLEEP", "$4", "0.03"],
      ...[`$${own!.length}`, own!, "$6", "tester", ""],
    ]);
    expect(await callLines(client, "SLOWLOG LEN", "SLOWLOG RESET", "SLOWLOG LEN")).toEqual([
      ":1\r\n",
      "+OK\r\n",
      ":0\r\n",
    ]);
  });

  test("a message past many patterns counts by itself, though most messages are timed together", async () => {
    await using storm = await startStormdb("--slowlog-log-slower-than", "1");
    const listener = await storm.connect();
    await listener.call("PSUBSCRIBE", ...Array.from({ length: 5000 }, (_, i) => `n*${i}`));
    const client = await storm.connect();
    await client.call("SLOWLOG", "RESET");
    expect(await callLines(client, "PUBLISH none x", "SLOWLOG GET 1")).toEqual([
      ":0\r\n",
      expect.stringContaining("$7\r\nPUBLISH\r\n"),
    ]);
  });

  sameAsRedis("with 0 it records everything, shortened; with -1 nothing", [], async (server) => {
    const client = await server.connect();
    const many = Array.from({ length: 40 }, (_, i) => `key:${i}`);
    await callLines(client, "CONFIG SET slowlog-log-slower-than 0", "SET a 1");
    await client.call("SET", "b", "x".repeat(200));
    await client.call("EXISTS", ...many);
    await callLines(client, "NOSUCH", "GET", "INCR b", "slowlog len", "CONFIG GET port");
    await client.call("CONFIG", "SET", "slowlog-log-slower-than", "-1");
    await callLines(client, "SET a 1", "GET a");
    const [log, ...others] = await callLines(
      client,
      "SLOWLOG GET -1",
      "SLOWLOG GET 2",
      "SLOWLOG GET 0",
      "SLOWLOG GET -2",
      "SLOWLOG GET x",
      "SLOWLOG GET 1 2",
      "SLOWLOG LEN",
    );
    // Times and addresses differ.
    const stable = (text: string) => text.replace(/:\d+\r\n|\$\d+\r\n127\.0\.0\.1:\d+/g, "");
    return [stable(log!), ...others.map(stable)];
  });

  sameAsRedis("shows no password", [], async (server) => {
    const client = await server.connect();
    await callLines(
      client,
      "CONFIG SET slowlog-log-slower-than 0",
      "CONFIG SET hz 11 RequirePass s3cret",
      "AUTH s3cret",
      "AUTH default s3cret",
      "AUTH wrong",
      "HELLO 3 AUTH default s3cret",
      "HELLO 2 SETNAME me AUTH default s3cret",
      "ECHO shown",
      "CONFIG SET slowlog-log-slower-than -1",
    );
    const log = await client.call("SLOWLOG", "GET", "-1");
    return log.replace(/:\d+\r\n|\$\d+\r\n127\.0\.0\.1:\d+/g, "");
  });

  sameAsRedis("keeps the latest slowlog-max-len entries", [], async (server) => {
    const client = await server.connect();
    await callLines(client, "CONFIG SET slowlog-max-len 3", "CONFIG SET slowlog-log-slower-than 0");
    await callLines(client, "ECHO 1", "ECHO 2", "ECHO 3", "ECHO 4");
    await client.call("CONFIG", "SET", "slowlog-log-slower-than", "-1");
    const words = (text: string) => text.match(/\r\n(ECHO|CONFIG)\r\n\$1\r\n\d|CONFIG/g);
    const before = words((await client.call("SLOWLOG", "GET"))!);
    await client.call("CONFIG", "SET", "slowlog-max-len", "1");
    await callLines(client, "CONFIG SET slowlog-log-slower-than 0", "ECHO 5");
    await client.call("CONFIG", "SET", "slowlog-log-slower-than", "-1");
    return [
      before,
      words(await client.call("SLOWLOG", "GET")),
      await client.call("SLOWLOG", "LEN"),
    ];
  });
});

describe("LATENCY", () => {
  test("records DEBUG SLEEP", async () => {
    await using storm = await startStormdb("--latency-monitor-threshold", "20");
    const client = await storm.connect();
    await callLines(client, "PING", "DEBUG SLEEP 0.03");
    const latest = (await client.call("LATENCY", "LATEST")).split("\r\n");
    expect(latest.slice(0, 4)).toEqual(["*1", "*4", "$7", "command"]);
    const [seconds, last, max] = latest.slice(4).map((line) => Number(line.slice(1)));
    expect(last).toBeGreaterThanOrEqual(30);
    expect(max).toEqual(last!);
    expect(await client.call("LATENCY", "HISTORY", "command")).toEqual(
      `*1\r\n*2\r\n:${seconds}\r\n:${last}\r\n`,
    );
    expect(
      await callLines(
        client,
        "LATENCY HISTORY nothing",
        "LATENCY RESET nothing",
        "LATENCY RESET",
        "LATENCY LATEST",
        "CONFIG SET latency-monitor-threshold 0",
        "DEBUG SLEEP 0.03",
        "LATENCY LATEST",
      ),
    ).toEqual(["*0\r\n", ":0\r\n", ":1\r\n", "*0\r\n", "+OK\r\n", "+OK\r\n", "*0\r\n"]);
  });

  sameAsRedis("HISTOGRAM names the commands called, with their calls", [], async (server) => {
    const client = await server.connect();
    await callLines(client, "CONFIG RESETSTAT", "SET a 1", "GET a", "GET a", "INCR a", "NOSUCH");
    const reply = await client.call("LATENCY", "HISTOGRAM", "get", "set", "del", "config|get");
    // The steps of the distribution are times.
    return reply.replace(/histogram_usec\r\n\*\d+\r\n(:\d+\r\n)*/g, "");
  });
});

describe("INFO", () => {
  sameAsRedis("commandstats counts calls, refusals and failures", [], async (server) => {
    const client = await server.connect();
    const outsider = await server.connect();
    await client.call("CONFIG", "RESETSTAT");
    await callLines(client, "SET a x", "SET a y", "GET a", "GET", "INCR a", "INCR b", "INCR a 1");
    await callLines(client, "LPUSH a 1", "NOSUCH x", "CONFIG GET port", "CONFIG NOSUCH", "CONFIG");
    await callLines(client, "DEL a b", "SELECT 99", "CONFIG SET requirepass x");
    await callLines(await server.connect(), "GET a", "AUTH y", "AUTH x");
    await callLines(outsider, "GET a");
    await client.call("CONFIG", "SET", "requirepass", "");
    const text = textOf(await client.call("INFO", "commandstats"));
    return text
      .split("\r\n")
      .map((line) => line.replace(/usec=\d+,usec_per_call=[\d.]+,/, ""))
      .sort();
  });

  sameAsRedis("errorstats counts error replies by their code", [], async (server) => {
    const client = await server.connect();
    await client.call("CONFIG", "RESETSTAT");
    await callLines(client, "SET a x", "INCR a", "LPUSH a 1", "LPUSH a 1", "NOSUCH", "GET");
    await callLines(client, "HELLO 4", "CONFIG SET nosuch 1");
    await exchange(server, "*x\r\n");
    const { total_error_replies } = await readInfo(client, "stats");
    const text = textOf(await client.call("INFO", "errorstats"));
    await client.call("CONFIG", "RESETSTAT");
    const empty = textOf(await client.call("INFO", "errorstats"));
    return [text.split("\r\n").sort(), total_error_replies, empty];
  });

  sameAsRedis("latencystats has the percentiles of the commands called", [], async (server) => {
    const client = await server.connect();
    await callLines(client, "CONFIG RESETSTAT", "SET a 1", "GET a", "CONFIG GET port");
    await client.call("CONFIG", "SET", "latency-tracking-info-percentiles", "0 50 99.9 100");
    const shown = () => client.call("INFO", "latencystats");
    const stable = (text: string) =>
      textOf(text)
        .replace(/=[\d.]+/g, "")
        .split("\r\n")
        .sort();
    const some = stable(await shown());
    await client.call("CONFIG", "SET", "latency-tracking-info-percentiles", "");
    const none = stable(await shown());
    await client.call("CONFIG", "SET", "latency-tracking", "no");
    return [some, none, stable(await shown())];
  });

  sameAsRedis("keyspace hits and misses, commands, connections, changes", [], async (server) => {
    const client = await server.connect();
    await client.call("CONFIG", "RESETSTAT");
    await callLines(client, "SET a 1", "GET a", "GET b", "EXISTS a b a", "STRLEN b", "MGET a b c");
    await callLines(client, "GETDEL a", "DEL a", "RPUSH l 1 2 3", "LRANGE l 0 -1", "TTL l");
    await exchange(server, "PING\r\nQUIT\r\n");
    const stats = await readInfo(client, "all");
    return Object.fromEntries(
      [
        "keyspace_hits",
        "keyspace_misses",
        "total_commands_processed",
        "total_connections_received",
        "rejected_connections",
        "expired_keys",
        "rdb_changes_since_last_save",
        "connected_clients",
        "db0",
        "role",
        "redis_mode",
        "cluster_enabled",
        "maxmemory_human",
        "maxmemory_policy",
        "tcp_port",
      ].map((name) => [name, name === "tcp_port" ? typeof stats[name] : stats[name]]),
    );
  });

  sameAsRedis("sections", [], async (server) => {
    const client = await server.connect();
    await client.call("SET", "a", "1");
    const titles = async (...sections: string[]) =>
      textOf(await client.call("INFO", ...sections)).match(/^# \w+/gm);
    return [
      await titles(),
      await titles("default"),
      await titles("all"),
      await titles("everything"),
      await titles("KEYSPACE", "server", "keyspace"),
      await titles("nosuch"),
      await titles("commandstats", "default"),
    ];
  });
});

describe("maxmemory", () => {
  test("refuses writes with -OOM, allows DEL, and takes writes again", async () => {
    await using storm = await startStormdb();
    const client = await storm.connect();
    const start = await readInfoNumber(client, "memory", "used_memory");
    await client.call("CONFIG", "SET", "maxmemory", String(start + 1_000_000));
    const value = "x".repeat(10_000);
    let stored = 0;
    let reply = "";
    for (; stored < 1000; stored++) {
      reply = await client.call("SET", `key:${stored}`, value);
      if (reply !== "+OK\r\n") break;
    }
    expect(reply).toEqual("-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    expect(stored).toBeGreaterThan(50);
    expect(stored).toBeLessThanOrEqual(101);
    expect(await client.call("GET", "key:0")).toEqual(`$10000\r\n${value}\r\n`);
    expect(await client.call("DEL", "key:0", "key:1", "key:2")).toEqual(":3\r\n");
    expect(await client.call("SET", "again", "1")).toEqual("+OK\r\n");
    const { used_memory, maxmemory } = await readInfo(client, "memory");
    expect(Number(used_memory)).toBeLessThanOrEqual(Number(maxmemory));
    const { errorstat_OOM } = await readInfo(client, "errorstats");
    expect(errorstat_OOM).toEqual("count=1");
    expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });

  sameAsRedis("which commands are refused", [], async (server) => {
    const client = await server.connect();
    await callLines(client, "SET a 1", "RPUSH l 1 2 3", "SET t 1 EX 100");
    await client.call("CONFIG", "SET", "maxmemory", "1");
    const refused: string[] = [];
    for (const line of [
      "SET b 1",
      "SETNX b 1",
      "SETEX b 1 1",
      "PSETEX b 1 1",
      "GETSET a 2",
      "MSET a 1",
      "MSETNX a 1",
      "APPEND a 1",
      "SETRANGE a 0 1",
      "INCR a",
      "DECR a",
      "INCRBY a 1",
      "DECRBY a 1",
      "INCRBYFLOAT a 1",
      "GETEX t EX 100",
      "GETDEL nosuch",
      "GET a",
      "MGET a b",
      "GETRANGE a 0 1",
      "STRLEN a",
      "LPUSH l 1",
      "RPUSH l 1",
      "LPUSHX l 1",
      "RPUSHX l 1",
      "LINSERT l BEFORE 1 0",
      "LSET l 0 1",
      "LREM l 0 9",
      "LTRIM l 0 -1",
      "LPOP l",
      "RPOP l",
      "LMPOP 1 l LEFT",
      "LMOVE l m LEFT RIGHT",
      "RPOPLPUSH l m",
      "LRANGE l 0 -1",
      "EXPIRE a 100",
      "PERSIST a",
      "RENAME a c",
      "COPY c d",
      "MOVE c 1",
      "TOUCH c",
      "TYPE c",
      "DEL c",
      "UNLINK l",
      "SWAPDB 0 1",
      "FLUSHDB",
      "FLUSHALL",
      "PING",
      "CONFIG SET hz 20",
    ]) {
      if ((await client.call(...line.split(" "))).startsWith("-OOM")) refused.push(line);
    }
    await client.call("CONFIG", "SET", "maxmemory", "0");
    return [refused, await client.call("SET", "b", "1")];
  });
});
