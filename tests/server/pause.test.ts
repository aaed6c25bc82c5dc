/** CLIENT PAUSE and UNPAUSE: commands wait, and then run in order. */
import { describe, expect, test } from "bun:test";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { readClients, readInfoNumber } from "./info.ts";
import { sameAsRedis } from "./same-as-redis.ts";

const LONG = "100000";

async function readMany(client: RawClient, count: number): Promise<string[]> {
  const replies: string[] = [];
  for (let i = 0; i < count; i++) replies.push(await client.read());
  return replies;
}

/** After this the server has dealt with all that was sent to it before. */
async function settle(server: RunningServer): Promise<void> {
  const client = await server.connect();
  // INFO is no writing command, so it is answered while writes are paused.
  for (let i = 0; i < 3; i++) await client.call("PING");
  client.close();
}

describe("WRITE", () => {
  sameAsRedis(
    "reads run, a write and all behind it wait, then run in order",
    [],
    async (server) => {
      const admin = await server.connect();
      const writer = await server.connect();
      const other = await server.connect();
      const replies = [await admin.call("CLIENT", "PAUSE", LONG, "WRITE")];
      writer.write("GET a\r\nINCR a\r\nGET a\r\nINCR a\r\n");
      replies.push(await writer.read());
      other.write("INCR b\r\n");
      await settle(server);
      // More comes while it waits, some of it cut in the middle.
      writer.write("INCR a\r\n*2\r\n$3\r\nGE");
      await settle(server);
      replies.push(writer.unread, other.unread, await admin.call("GET", "a"));
      writer.write("T\r\n$1\r\na\r\nPING\r\n");
      await settle(server);
      replies.push(writer.unread, await admin.call("CLIENT", "UNPAUSE"));
      replies.push(...(await readMany(writer, 6)), await other.read());
      replies.push(await admin.call("GET", "a"));
      return replies;
    },
  );

  sameAsRedis("ends by itself", [], async (server) => {
    const admin = await server.connect();
    const writer = await server.connect();
    await admin.call("CLIENT", "PAUSE", "150", "WRITE");
    writer.write("INCR a\r\nGET a\r\n");
    return readMany(writer, 2);
  });

  sameAsRedis("a second pause makes it longer or stricter, never less", [], async (server) => {
    const admin = await server.connect();
    const writer = await server.connect();
    await admin.call("CLIENT", "PAUSE", LONG, "WRITE");
    await admin.call("CLIENT", "PAUSE", "1", "WRITE");
    writer.write("INCR a\r\n");
    for (let i = 0; i < 20; i++) await settle(server);
    const waiting = writer.unread;
    await admin.call("CLIENT", "UNPAUSE");
    return [waiting, await writer.read()];
  });

  sameAsRedis("which commands wait", [], async (server) => {
    const admin = await server.connect();
    await admin.call("RPUSH", "list", "1", "2");
    await admin.call("SET", "key", "1");
    await admin.call("CLIENT", "PAUSE", LONG, "WRITE");
    const lines = [
      "GET key",
      "SET key 2",
      "SET key 2 NX",
      "GETEX key",
      "GETDEL missing",
      "TOUCH key",
      "EXPIRE missing 1",
      "TTL key",
      "DEL missing",
      "UNLINK missing",
      "LRANGE list 0 -1",
      "LPOP missing",
      "FLUSHALL",
      "SWAPDB 0 1",
      "SCAN 0",
      "OBJECT ENCODING key",
      "MEMORY USAGE missing",
      "CONFIG GET port",
      "DBSIZE",
      "TYPE list",
      "COPY missing b",
      "RENAME key other",
      "SELECT 1",
      "NOSUCHCOMMAND",
      "GET",
      "SET",
      "HELLO 4",
      "COMMAND COUNT x",
    ];
    const waits: string[] = [];
    for (const line of lines) {
      const client = await server.connect();
      client.write(`${line}\r\n`);
      const reply = client.read().catch(() => "");
      await settle(server);
      // A reply that is due has come long before those of two more connections.
      if ((await Promise.race([reply, settle(server).then(() => "waits")])) === "waits") {
        waits.push(line);
      }
      client.close();
    }
    return waits;
  });

  test("a client that goes away while it waits leaves nothing behind", async () => {
    await using storm = await startStormdb();
    const admin = await storm.connect();
    const leaves = await storm.connect();
    const killed = await storm.connect();
    const stays = await storm.connect();
    const bytesOf = () => readInfoNumber(admin, "memory", "mem_clients_normal");
    const bytesOfOne = (await bytesOf()) / 4;
    await admin.call("CLIENT", "PAUSE", LONG, "WRITE");
    for (const [i, client] of [leaves, killed, stays].entries()) {
      await client.call("CLIENT", "SETNAME", `waits-${i}`);
      client.write(`INCR a\r\nINCR a\r\nSET big ${"x".repeat(50000)}\r\n`);
    }
    await until("all wait", async () => {
      const list = await readClients(admin, "LIST");
      return list.filter(({ qbuf }) => Number(qbuf) > 50000).length === 3;
    });
    leaves.close();
    const list = await readClients(admin, "LIST");
    const { addr } = list.find(({ name }) => name === "waits-1")!;
    expect(await admin.call("CLIENT", "KILL", addr!)).toEqual("+OK\r\n");
    await killed.closed;
    await until("both are gone", async () => {
      return (await readInfoNumber(admin, "clients", "connected_clients")) === 2;
    });
    await admin.call("CLIENT", "UNPAUSE");
    expect(await readMany(stays, 3)).toEqual([":1\r\n", ":2\r\n", "+OK\r\n"]);
    expect(await admin.call("GET", "a")).toEqual("$1\r\n2\r\n");
    expect(await bytesOf()).toEqual(bytesOfOne * 2);
    expect(await admin.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });

  test("10,000 commands of 20 clients wait, and each gets its own replies in order", async () => {
    await using storm = await startStormdb();
    const admin = await storm.connect();
    const clients: RawClient[] = [];
    for (let i = 0; i < 20; i++) clients.push(await storm.connect());
    await admin.call("CLIENT", "PAUSE", LONG, "WRITE");
    for (const [i, client] of clients.entries()) {
      const lines = Array.from({ length: 250 }, (_, n) => `INCR n:${i}\r\nECHO ${i}-${n}\r\n`);
      client.write(lines.join(""));
    }
    await until("all wait", async () => {
      const list = await readClients(admin, "LIST");
      return (
        list.filter(({ cmd, qbuf }) => cmd !== "client|list" && Number(qbuf) > 0).length === 20
      );
    });
    await admin.call("CLIENT", "UNPAUSE");
    for (const [i, client] of clients.entries()) {
      const expected = Array.from({ length: 250 }, (_, n) => {
        const text = `${i}-${n}`;
        return [`:${n + 1}\r\n`, `$${text.length}\r\n${text}\r\n`];
      });
      expect(await readMany(client, 500)).toEqual(expected.flat());
    }
  });
});

describe("no key expires", () => {
  sameAsRedis("while writes are paused", [], async (server) => {
    const admin = await server.connect();
    const reader = await server.connect();
    // In one piece, so that no key expires before the pause.
    const sets = ["SET read 1 PX 50", "SET unread 1 PX 50", "SET stays 1"];
    const lines = [...sets, `CLIENT PAUSE ${LONG} WRITE`];
    admin.write(lines.map((line) => `${line}\r\n`).join(""));
    await readMany(admin, 4);
    const state = async () => [
      await readInfoNumber(reader, "stats", "expired_keys"),
      await reader.call("DBSIZE"),
    ];
    await until("the keys are past their time", async () => {
      return (await reader.call("EXISTS", "read")) === ":0\r\n";
    });
    // Reading hides it, and deletes nothing.
    const seen: unknown[] = [];
    for (const name of ["GET", "TTL", "TYPE", "STRLEN", "OBJECT ENCODING"]) {
      seen.push(await reader.call(...name.split(" "), "read"));
    }
    seen.push(await reader.call("SCAN", "0", "COUNT", "100"), await reader.call("KEYS", "*"));
    // So many turns of the event loop that active expiry would have come to the other one.
    for (let i = 0; i < 30; i++) await settle(server);
    seen.push(await state());
    await admin.call("CLIENT", "UNPAUSE");
    await until("both keys are deleted", async () => {
      return (await readInfoNumber(reader, "stats", "expired_keys")) === 2;
    });
    seen.push(await state(), await reader.call("KEYS", "*"));
    return seen;
  });

  test("and replicas are sent no DEL", async () => {
    await using storm = await startStormdb("--appendonly", "yes", "--appendfsync", "always");
    const client = await storm.connect();
    client.write(`SET a 1 PX 50\r\nCLIENT PAUSE ${LONG} WRITE\r\n`);
    await readMany(client, 2);
    const size = () => readInfoNumber(client, "persistence", "aof_current_size");
    const before = await size();
    await until("it is past its time", async () => {
      return (await client.call("GET", "a")) === "$-1\r\n";
    });
    for (let i = 0; i < 30; i++) await settle(storm);
    expect(await size()).toEqual(before);
    await client.call("CLIENT", "UNPAUSE");
    await until("the DEL is propagated", async () => (await size()) > before);
    expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });

  test("an expired key that is written meanwhile is there once", async () => {
    await using server = await startStormdb("--enable-debug-command", "yes");
    const client = await server.connect();
    // In one piece, so that the key does not expire before the pause.
    client.write(`SET key:0 old PX 1\r\nCLIENT PAUSE ${LONG} WRITE\r\n`);
    await readMany(client, 2);
    await until("the key is hidden", async () => (await client.call("GET", "key:0")) === "$-1\r\n");
    expect(await client.call("DEBUG", "POPULATE", "1")).toEqual("+OK\r\n");
    expect(await client.call("DBSIZE")).toEqual(":1\r\n");
    expect(await client.call("CLIENT", "UNPAUSE")).toEqual("+OK\r\n");
    expect(await client.call("DEL", "key:0")).toEqual(":1\r\n");
    expect(await client.call("EXISTS", "key:0")).toEqual(":0\r\n");
    expect(await client.call("DBSIZE")).toEqual(":0\r\n");
  });

  test("a pause that ends by itself lets keys expire again", async () => {
    await using storm = await startStormdb();
    const client = await storm.connect();
    client.write("SET a 1 PX 20\r\nCLIENT PAUSE 100 WRITE\r\n");
    await readMany(client, 2);
    await until("the key is deleted", async () => {
      return (await readInfoNumber(client, "stats", "expired_keys")) === 1;
    });
    expect(await client.call("SET", "a", "2", "NX")).toEqual("+OK\r\n");
    expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });
});

describe("ALL", () => {
  test("every command waits but CLIENT, so that UNPAUSE is possible", async () => {
    await using storm = await startStormdb();
    const admin = await storm.connect();
    const reader = await storm.connect();
    const writer = await storm.connect();
    await admin.call("SET", "a", "1");
    expect(await admin.call("CLIENT", "PAUSE", LONG)).toEqual("+OK\r\n");
    reader.write("PING\r\nGET a\r\nGET a\r\n");
    writer.write("INCR a\r\nHELLO 4\r\nINCR a\r\n");
    await until("both wait", async () => {
      const list = await readClients(admin, "LIST");
      return list.filter(({ cmd, qbuf }) => cmd !== "client|list" && Number(qbuf) > 0).length === 2;
    });
    expect([reader.unread, writer.unread]).toEqual(["", ""]);
    expect(await admin.call("CLIENT", "UNPAUSE")).toEqual("+OK\r\n");
    expect((await readMany(reader, 3))[0]).toEqual("+PONG\r\n");
    expect(await readMany(writer, 3)).toEqual([
      ":2\r\n",
      "-NOPROTO unsupported protocol version\r\n",
      ":3\r\n",
    ]);
  });

  sameAsRedis("ends by itself, and every client goes on", [], async (server) => {
    const admin = await server.connect();
    const client = await server.connect();
    await admin.call("CLIENT", "PAUSE", "150", "ALL");
    client.write("PING\r\nINCR a\r\nGET a\r\n");
    return [...(await readMany(client, 3)), await admin.call("PING")];
  });

  sameAsRedis("wrong arguments", [], async (server) => {
    const client = await server.connect();
    const replies: string[] = [];
    for (const args of [["x"], ["-1"], ["1.5"], ["1", "BOTH"], ["", "ALL"]]) {
      replies.push(await client.call("CLIENT", "PAUSE", ...args));
    }
    replies.push(await client.call("CLIENT", "PAUSE"), await client.call("CLIENT", "UNPAUSE", "x"));
    return replies;
  });

  test("the server still ends while clients wait", async () => {
    await using storm = await startStormdb();
    const admin = await storm.connect();
    const client = await storm.connect();
    await admin.call("CLIENT", "PAUSE", LONG, "ALL");
    client.write("SET a 1\r\n");
    process.kill(storm.pid, "SIGTERM");
    expect(await storm.exited).toEqual(0);
    await client.closed;
  });
});
