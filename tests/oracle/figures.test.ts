/**
 * INFO, CLIENT LIST and MEMORY STATS beside redis-server's: which fields there are, in which order,
 * and what their values look like. The values themselves are of two different servers.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { type Figure, valueText } from "../../src/base/figure.ts";
import { persistenceFigures } from "../../src/server/info/persistence.ts";
import { describePair } from "../harness/oracle.ts";
import { REDIS_SERVER, type RunningServer, startRedis, until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { textOf } from "../server/info.ts";

/** Fields that only StormDB has. */
const OWN_FIELDS = [
  "stormdb_version",
  "bun_version",
  "used_memory_js_heap",
  "cgroup_memory_limit",
  "cgroup_memory_limit_human",
];

/**
 * Fields that Redis has had since 7.2, or 7.4 where it says so: Redis's documentation of INFO
 * (redis.io/docs/latest/commands/info) names the versions.
 */
const NEWER_FIELDS = [
  "listener0",
  // 7.4.
  "pubsub_clients",
  "watching_clients",
  "total_watched_keys",
  "expired_subkeys",
  // 7.2.
  "total_blocking_keys",
  "total_blocking_keys_on_nokey",
  // 7.4.
  "client_query_buffer_limit_disconnections",
  "client_output_buffer_limit_disconnections",
  // 7.2.
  "eventloop_cycles",
  "eventloop_duration_sum",
  "eventloop_duration_cmd_sum",
  "instantaneous_eventloop_cycles_per_sec",
  "instantaneous_eventloop_duration_usec",
  "acl_access_denied_auth",
  "acl_access_denied_cmd",
  "acl_access_denied_key",
  "acl_access_denied_channel",
];

/** Texts that may happen to look like something else. */
const TEXTS = ["redis_build_id", "redis_git_sha1", "gcc_version", "name", "config_file"];

/** What a value looks like: Redis's way of writing it, but not how large it is. */
function shapeOf(name: string, value: string): string {
  if (TEXTS.includes(name)) return "text";
  if (/^[0-9a-f]{40}$/.test(value)) return "id";
  if (/^-?\d+$/.test(value)) return "integer";
  if (/^-?\d+\.\d+$/.test(value)) return `float of ${value.split(".")[1]!.length} decimals`;
  if (/^\d+\.\d+%$/.test(value)) return "percentage";
  if (/^(\d+B|\d+\.\d\d[KMGTP])$/.test(value)) return "size";
  if (/^[a-z0-9.]+=/.test(value)) {
    const parts = value.split(",").map((part) => part.split("=") as [string, string]);
    return parts.map(([part, of]) => `${part}=${shapeOf(part, of)}`).join(",");
  }
  return "text";
}

/** "Section field: shape" for each line of INFO, in order. */
function shapesOf(text: string): string[] {
  let section = "";
  return text.split("\r\n").flatMap((line) => {
    if (line.startsWith("# ")) {
      section = line.slice(2);
      return [`# ${section}`];
    }
    const colon = line.indexOf(":");
    if (colon < 0) return [];
    const name = line.slice(0, colon);
    return [`${section} ${name}: ${shapeOf(name, line.slice(colon + 1))}`];
  });
}

function isRedis70s(line: string): boolean {
  const name = /^\w+ ([^:]+):/.exec(line)?.[1] ?? "";
  return ![...OWN_FIELDS, ...NEWER_FIELDS].includes(name);
}

/** All fields of 7.0 are there, in its order and form, and no other than those listed above. */
function expectSameFields(redis: string, storm: string): void {
  expect(shapesOf(storm).filter(isRedis70s)).toEqual(shapesOf(redis));
}

async function onEach<T>(
  servers: readonly RunningServer[],
  run: (client: RawClient, server: RunningServer) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (const server of servers) {
    const client = await server.connect();
    results.push(await run(client, server));
    client.close();
  }
  return results;
}

async function expectSameInfo(
  servers: readonly RunningServer[],
  ...sections: string[]
): Promise<void> {
  const [redis, storm] = await onEach(servers, async (client) =>
    textOf(await client.call("INFO", ...sections)),
  );
  expectSameFields(redis!, storm!);
}

/** Calls that every counted section tells something of. */
async function warmUp(client: RawClient): Promise<void> {
  await client.call("CONFIG", "RESETSTAT");
  await client.call("SET", "a", "1", "EX", "1000");
  await client.call("GET", "a");
  await client.call("SELECT", "3");
  await client.call("SET", "b", "1");
  await client.call("SELECT", "0");
  await client.call("NOSUCH");
}

/** Sections whose lines are in the order of a hash table in Redis. */
const UNORDERED = ["Commandstats", "Latencystats"];

describePair("info", (pair) => {
  const sections = ["server", "clients", "memory", "persistence", "stats", "replication", "cpu"];
  const others = ["modules", "errorstats", "cluster", "keyspace"];
  for (const names of [
    [],
    ["default"],
    ...[...sections, ...others].map((name) => [name]),
    ["server", "CPU", "nothing"],
    ["nothing"],
    ["keyspace", "default"],
  ]) {
    test(`fields of INFO ${names.join(" ")}`, async () => {
      const { redis, storm } = await pair();
      await onEach([redis, storm], warmUp);
      await expectSameInfo([redis, storm], ...names);
    });
  }

  for (const name of ["all", "everything", "commandstats", "latencystats"]) {
    test(`fields of INFO ${name}, those of commands in any order`, async () => {
      const { redis, storm } = await pair();
      const [expected, got] = await onEach([redis, storm], async (client) => {
        await warmUp(client);
        const lines = shapesOf(textOf(await client.call("INFO", name))).filter(isRedis70s);
        const isUnordered = (line: string) => UNORDERED.includes(line.split(" ")[0]!);
        return [
          lines.filter((line) => !isUnordered(line)),
          lines.filter((line) => isUnordered(line)).sort(),
        ];
      });
      expect(got).toEqual(expected!);
    });
  }
});

describePair(
  "info, append only",
  (pair) => {
    test("persistence", async () => {
      const { redis, storm } = await pair();
      await expectSameInfo([redis, storm], "persistence");
    });
  },
  ["--appendonly", "yes"],
);

const WITH_REPLICAS = ["--min-replicas-to-write", "1", "--repl-diskless-sync-delay", "0"];

describePair(
  "info, replication",
  (pair) => {
    test("of a primary and of its replica", async () => {
      const { redis, storm } = await pair();
      await using replica = await startRedis(...WITH_REPLICAS);
      const client = await replica.connect();
      const seen: { readonly primary: string; readonly replica: string }[] = [];
      for (const primary of [redis, storm]) {
        await client.call("REPLICAOF", "127.0.0.1", String(primary.port));
        const own = await primary.connect();
        await until("it has a replica", async () => {
          return /state=online/.test(await own.call("INFO", "replication"));
        });
        seen.push({
          primary: textOf(await own.call("INFO", "replication")),
          replica: textOf(await client.call("INFO", "replication")),
        });
        own.close();
      }
      expectSameFields(seen[0]!.primary, seen[1]!.primary);
      // And the same from the other side: StormDB as the replica of a Redis.
      await client.call("REPLICAOF", "NO", "ONE");
      const own = await storm.connect();
      await own.call("REPLICAOF", "127.0.0.1", String(replica.port));
      await until("it is a replica", async () => {
        return /master_link_status:up/.test(await own.call("INFO", "replication"));
      });
      expectSameFields(seen[0]!.replica, textOf(await own.call("INFO", "replication")));
      await own.call("REPLICAOF", "NO", "ONE");
      own.close();
    });

    test("of a replica whose primary is not there, and of one that is being sent the data", async () => {
      const { redis, storm } = await pair();
      using primary = new SlowPrimary();
      await onEach([redis, storm], (client) => client.call("REPLICAOF", "127.0.0.1", "1"));
      await expectSameInfo([redis, storm], "replication");
      const told = await onEach([redis, storm], async (client) => {
        await client.call("REPLICAOF", "127.0.0.1", String(primary.port));
        let info = "";
        await until("it is being sent the data", async () => {
          info = textOf(await client.call("INFO", "replication"));
          return /master_sync_read_bytes:[1-9]/.test(info);
        });
        await client.call("REPLICAOF", "NO", "ONE");
        return info;
      });
      expectSameFields(told[0]!, told[1]!);
    });
  },
  WITH_REPLICAS,
);

/** A primary that begins to send its data and does not go on. */
class SlowPrimary implements Disposable {
  readonly #listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket, bytes) => {
        for (const line of Buffer.from(bytes).toString("latin1").split("*").slice(1)) {
          if (/\r\npsync\r/i.test(line)) {
            socket.write(
              `+FULLRESYNC ${"a".repeat(40)} 1\r\n$100000\r\nREDIS0009${"x".repeat(5000)}`,
            );
          } else socket.write(/ping/i.test(line) ? "+PONG\r\n" : "+OK\r\n");
        }
      },
    },
  });

  get port(): number {
    return this.#listener.port;
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true);
  }
}

describe.skipIf(REDIS_SERVER === null)("info, while the data is being loaded", () => {
  let loading: RunningServer;
  afterAll(async () => {
    await loading?.[Symbol.asyncDispose]();
  });

  test("persistence", async () => {
    loading = await startRedis("--appendonly", "no");
    const client = await loading.connect();
    await client.call("DEBUG", "POPULATE", "100000");
    // Then a reload takes seconds, in which it answers from time to time.
    await client.call("CONFIG", "SET", "key-load-delay", "50");
    await client.call("CONFIG", "SET", "loading-process-events-interval-bytes", "1024");
    client.write("DEBUG RELOAD\r\n");
    const asking = await loading.connect();
    let told = "";
    await until("it loads", async () => {
      told = textOf(await asking.call("INFO", "persistence"));
      return /^loading:1\r/m.test(told);
    });
    await asking.call("CONFIG", "SET", "key-load-delay", "0");
    const figures = persistenceFigures({
      clock: { nowMs: 2000 },
      keyspace: { heap: { usedBytes: 1 } },
      persistence: {
        figures: { ...IDLE_PERSISTENCE, loading: true },
        loader: { loadedBytes: 5, startedMs: 1000, totalBytes: 10 },
      },
    });
    expectSameFields(told, infoOf("Persistence", figures));
  });
});

const IDLE_PERSISTENCE = {
  aofBaseBytes: 0,
  aofBytes: 0,
  aofDelayedSyncs: 0,
  aofEnabled: false,
  aofError: "",
  aofPendingBytes: 0,
  aofSyncing: false,
  changes: 0,
  lastRewriteSeconds: -1,
  lastSaveMs: 0,
  lastSaveOk: true,
  lastSaveSeconds: -1,
  expiredKeys: 0,
  loadedKeys: 0,
  loading: false,
  progress: { entries: 0, total: 0 },
  rewriteFailures: 0,
  rewriteScheduled: false,
  rewrites: 0,
  saves: 0,
  task: "none" as const,
  taskStartedMs: 0,
};

function infoOf(section: string, figures: readonly Figure[]): string {
  const lines = figures.map((figure) => `${figure.name}:${valueText(figure)}\r\n`);
  return `# ${section}\r\n${lines.join("")}`;
}

// ── CLIENT LIST ──────────────────────────────────────────────────────────────────────────────

/** Since 7.2: names of the client's library. */
const NEWER_CLIENT_FIELDS = ["lib-name", "lib-ver"];

describePair("client list", (pair) => {
  const states: Readonly<Record<string, readonly (readonly string[])[]>> = {
    idle: [["PING"]],
    "with a name": [["CLIENT", "SETNAME", "tester"]],
    "in a transaction": [["MULTI"], ["SET", "a", "1"]],
    "that watches": [["WATCH", "a"]],
    "that subscribes": [["SUBSCRIBE", "c"]],
    "that monitors": [["MONITOR"]],
  };
  for (const [state, calls] of Object.entries(states)) {
    test(`a client ${state}: the same fields, and the same figures where they are no addresses`, async () => {
      const { redis, storm } = await pair();
      const [expected, got] = await onEach([redis, storm], async (asking, server) => {
        const client = await server.connect();
        const [id] = /\d+/.exec(await client.call("CLIENT", "ID"))!;
        for (const call of calls) await client.call(...call);
        const line = textOf(await asking.call("CLIENT", "LIST", "ID", id!));
        client.close();
        return line
          .trimEnd()
          .split(" ")
          .map((field) => field.split("=") as [string, string]);
      });
      const known = got!.filter(([name]) => !NEWER_CLIENT_FIELDS.includes(name!));
      const shapes = (fields: readonly (readonly [string, string])[]) =>
        fields.map(([name, value]) => `${name}: ${shapeOf(name, value)}`);
      expect(shapes(known)).toEqual(shapes(expected!));
      const equal = [
        "name",
        "flags",
        "db",
        "sub",
        "psub",
        "ssub",
        "multi",
        "events",
        "cmd",
        "user",
      ];
      const figures = (fields: readonly (readonly [string, string])[]) =>
        fields.filter(([name]) => [...equal, "redir", "resp"].includes(name));
      expect(figures(known)).toEqual(figures(expected!));
    });
  }
});

describePair("client info", (pair) => {
  test("tells of the command that asks, of a transaction, of a descriptor and of unread replies", async () => {
    const { redis, storm } = await pair();
    const [expected, got] = await onEach([redis, storm], async (client, server) => {
      const own = async (...call: string[]) => {
        const line = textOf(await client.call(...call)).trimEnd();
        return Object.fromEntries(line.split(" ").map((field) => field.split("=")));
      };
      const asking = await own("CLIENT", "INFO");
      const id = String(asking.id);
      const listed = await own("CLIENT", "LIST", "ID", id);
      const slow = await server.connect();
      const [slowId] = /\d+/.exec(await slow.call("CLIENT", "ID"))!;
      await client.call("SET", "long", "x".repeat(1 << 20));
      await slow.call("MULTI");
      await slow.call("SET", "a", "y".repeat(5000));
      const queued = await own("CLIENT", "LIST", "ID", slowId!);
      slow.close();
      return {
        argumentBytes: [asking["argv-mem"], listed["argv-mem"]],
        hasInput: Number(asking.qbuf) > 0,
        hasDescriptor: Number(asking.fd) > 2,
        costs: Number(asking["tot-mem"]) > Number(asking["argv-mem"]),
        queues: Number(queued["multi-mem"]) > 5000,
        queuedCounts: Number(queued["tot-mem"]) > 5000,
        idle: [queued["argv-mem"], queued.qbuf],
      };
    });
    expect(got).toEqual(expected!);
  });

  test("unsent replies are counted in pieces and bytes", async () => {
    const { storm } = await pair();
    const client = await storm.connect();
    const slow = await storm.connect();
    const [id] = /\d+/.exec(await slow.call("CLIENT", "ID"))!;
    await client.call("SET", "long", "x".repeat(1 << 22));
    slow.pause();
    slow.write("GET long\r\n".repeat(20));
    let fields: Record<string, string> = {};
    await until("replies wait for the socket", async () => {
      const line = textOf(await client.call("CLIENT", "LIST", "ID", id!)).trimEnd();
      fields = Object.fromEntries(line.split(" ").map((field) => field.split("=")));
      return Number(fields.oll) > 0;
    });
    expect(Number(fields.omem)).toBeGreaterThan(1 << 20);
    expect(Number(fields["tot-mem"])).toBeGreaterThan(Number(fields.omem));
    expect(fields.events).toEqual("rw");
    slow.close();
    client.close();
  });
});

// ── MEMORY STATS ─────────────────────────────────────────────────────────────────────────────

describePair("memory stats", (pair) => {
  for (const protocol of ["2", "3"]) {
    test(`the same map in RESP${protocol}`, async () => {
      const { redis, storm } = await pair();
      const [expected, got] = await onEach([redis, storm], async (client) => {
        await client.call("FLUSHALL");
        await warmUp(client);
        await client.call("HELLO", protocol);
        // Numbers of all kinds become one of that kind; in RESP2 a double is a text.
        return (await client.call("MEMORY", "STATS"))
          .replace(/:-?\d+\r\n/g, "integer\n")
          .replace(/,-?[\d.e+-]+\r\n/g, "double\n")
          .replace(/\$\d+\r\n-?\d+(\.\d+)?\r\n/g, "double\n")
          .replace(/\$\d+\r\n/g, "")
          .split(/\r?\n/);
      });
      expect(got).toEqual(expected!);
    });
  }
});
