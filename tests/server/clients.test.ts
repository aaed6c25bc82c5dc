/** CLIENT: who is connected, and what one client can do to another or to itself. */
import { describe, expect, test } from "bun:test";
import { startRedis, startStormdb, until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { without } from "../harness/skips.ts";
import { readClients, readInfoNumber } from "./info.ts";
import { exchange, sameAsRedis } from "./same-as-redis.ts";

async function idOf(client: RawClient): Promise<string> {
  return (await client.call("CLIENT", "ID")).slice(1, -2);
}

async function addressOf(client: RawClient): Promise<string> {
  return (await readClients(client, "INFO"))[0]!.addr!;
}

describe("CLIENT LIST", () => {
  test("shows every client with every field of Redis 7.2", async () => {
    await using storm = await startStormdb();
    const first = await storm.connect();
    const second = await storm.connect();
    await first.call("HELLO", "3", "SETNAME", "one");
    await first.call("CLIENT", "SETINFO", "lib-name", "tests");
    await first.call("CLIENT", "SETINFO", "LIB-VER", "1.2.3");
    await first.call("SELECT", "5");
    await first.call("CLIENT", "NO-EVICT", "ON");
    await first.call("CLIENT", "NO-TOUCH", "ON");
    await first.call("GET", "a");
    const list = await readClients(second, "LIST");
    const common = {
      laddr: `127.0.0.1:${storm.port}`,
      fd: "0",
      age: "0",
      idle: "0",
      sub: "0",
      psub: "0",
      ssub: "0",
      multi: "-1",
      qbuf: "0",
      "qbuf-free": "0",
      "argv-mem": "0",
      "multi-mem": "0",
      rbs: "0",
      rbp: "0",
      obl: "0",
      oll: "0",
      omem: "0",
      "tot-mem": "0",
      events: "r",
      user: "default",
      redir: "-1",
    };
    for (const fields of list) {
      expect(Number(fields.fd)).toBeGreaterThan(2);
      expect(Number(fields["tot-mem"])).toBeGreaterThan(Number(fields.qbuf));
      Object.assign(fields, { age: "0", fd: "0", idle: "0", "tot-mem": "0" });
    }
    // The one that asks has its own command to show.
    const ownCommand = "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n";
    expect(list[1]).toMatchObject({ qbuf: String(ownCommand.length), "argv-mem": "10" });
    Object.assign(list[1]!, { qbuf: "0", "argv-mem": "0" });
    expect(list).toEqual([
      {
        ...common,
        id: await idOf(first),
        addr: await addressOf(first),
        name: "one",
        flags: "eT",
        db: "5",
        cmd: "get",
        resp: "3",
        "lib-name": "tests",
        "lib-ver": "1.2.3",
      },
      {
        ...common,
        id: await idOf(second),
        addr: await addressOf(second),
        name: "",
        flags: "N",
        db: "0",
        cmd: "client|list",
        resp: "2",
        "lib-name": "",
        "lib-ver": "",
      },
    ]);
  });

  test.skipIf(without("redis-server"))("has redis-server's fields in its order", async () => {
    await using redis = await startRedis();
    await using storm = await startStormdb();
    const [expected] = await readClients(await redis.connect(), "INFO");
    const [got] = await readClients(await storm.connect(), "INFO");
    // Redis 7.2 adds two at the end.
    expect(Object.keys(got!)).toEqual([...Object.keys(expected!), "lib-name", "lib-ver"]);
  });

  test("a half sent command and unread replies are shown", async () => {
    await using storm = await startStormdb();
    const admin = await storm.connect();
    const slow = await storm.connect();
    const half = await storm.connect();
    const id = await idOf(slow);
    const halfId = await idOf(half);
    await admin.call("SET", "a", "x".repeat(1 << 20));
    slow.pause();
    slow.write("GET a\r\n".repeat(20));
    half.write("*2\r\n$3\r\nGET\r\n$5\r\nab");
    await until("both are seen", async () => {
      const [slowInfo] = await readClients(admin, "LIST", "ID", id);
      const [halfInfo] = await readClients(admin, "LIST", "ID", halfId);
      return Number(slowInfo!.omem) > 0 && slowInfo!.events === "rw" && halfInfo!.qbuf === "19";
    });
    slow.resume();
    for (let i = 0; i < 20; i++) expect(await slow.read()).toHaveLength((1 << 20) + 12);
    half.write("cde\r\n");
    expect(await half.read()).toEqual("$-1\r\n");
    await until("nothing is owed any more", async () => {
      const list = await readClients(admin, "LIST", "ID", id, halfId);
      return list.every(({ omem, qbuf }) => omem === "0" && qbuf === "0");
    });
  });

  sameAsRedis("by id and by type", [], async (server) => {
    const first = await server.connect();
    const second = await server.connect();
    const ids = [await idOf(first), await idOf(second)];
    const idsOf = async (...args: string[]) =>
      (await readClients(first, "LIST", ...args)).map(({ id }) => ids.indexOf(id!));
    return [
      await idsOf("ID", ids[1]!, "999999", ids[0]!),
      await idsOf("TYPE", "normal"),
      await idsOf("TYPE", "PUBSUB"),
      await idsOf("TYPE", "replica"),
      await first.call("CLIENT", "LIST", "TYPE", "other"),
      await first.call("CLIENT", "LIST", "ID"),
      await first.call("CLIENT", "LIST", "ID", "x"),
      await first.call("CLIENT", "LIST", "WHAT"),
    ];
  });
});

describe("CLIENT KILL", () => {
  sameAsRedis("by address, in the old form", [], async (server) => {
    const killer = await server.connect();
    const victim = await server.connect();
    const address = await addressOf(victim);
    const replies = [
      await killer.call("CLIENT", "KILL", address),
      await killer.call("CLIENT", "KILL", address),
      await killer.call("CLIENT", "KILL", "nonsense"),
    ];
    await victim.closed;
    // Its own connection gets the reply before it is closed, and runs nothing behind it.
    const own = await addressOf(killer);
    killer.write(`CLIENT KILL ${own}\r\nPING\r\n`);
    replies.push(await killer.read());
    await killer.closed;
    return [...replies, killer.unread];
  });

  sameAsRedis("by filters", [], async (server) => {
    const killer = await server.connect();
    const replies: string[] = [];
    const kill = async (...args: string[]) => {
      replies.push(`${args[0]} -> ${await killer.call("CLIENT", "KILL", ...args)}`);
    };
    const [a, b, c, d] = [
      await server.connect(),
      await server.connect(),
      await server.connect(),
      await server.connect(),
    ];
    const own = await idOf(killer);
    await kill("ID", await idOf(a));
    await a.closed;
    await kill("ADDR", await addressOf(b));
    await b.closed;
    await kill("ID", await idOf(c), "ADDR", await addressOf(d));
    await kill("LADDR", `127.0.0.1:${server.port}`, "ID", await idOf(c));
    await c.closed;
    await kill("ID", own);
    await kill("ID", "0");
    await kill("ID", "x");
    await kill("TYPE", "nonsense");
    await kill("TYPE", "pubsub");
    await kill("USER", "nobody");
    await kill("SKIPME", "maybe");
    await kill("ID");
    await kill("ID", "1", "ADDR");
    await kill("WHAT", "1");
    await kill("USER", "default", "TYPE", "normal");
    await d.closed;
    killer.write(`CLIENT KILL ID ${own} SKIPME no\r\nPING\r\n`);
    replies.push(await killer.read());
    await killer.closed;
    return [...replies, killer.unread];
  });

  test("a killed client's commands do not run any more, and nobody else notices", async () => {
    await using storm = await startStormdb();
    const killer = await storm.connect();
    const victim = await storm.connect();
    const id = await idOf(victim);
    // The rest of this command never comes.
    victim.write("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\nab");
    await until("the half command is there", async () => {
      const [info] = await readClients(killer, "LIST", "ID", id);
      return info!.qbuf !== "0";
    });
    expect(await killer.call("CLIENT", "KILL", "ID", id)).toEqual(":1\r\n");
    await victim.closed;
    expect(await killer.call("GET", "a")).toEqual("$-1\r\n");
    expect(await readInfoNumber(killer, "clients", "connected_clients")).toEqual(1);
    // Of the victim nothing is left: what counts is the one client that asks.
    const [own] = await readClients(killer, "INFO");
    const left = await readInfoNumber(killer, "memory", "mem_clients_normal");
    expect(left).toBeLessThanOrEqual(Number(own!["tot-mem"]));
  });
});

describe("CLIENT REPLY", () => {
  sameAsRedis("OFF, ON and SKIP", [], async (server) => ({
    off: await exchange(
      server,
      "SET a 1\r\nCLIENT REPLY OFF\r\nGET a\r\nNOSUCH\r\nGET\r\nCLIENT REPLY SKIP\r\nINCR a\r\nCLIENT REPLY ON\r\nGET a\r\n",
      3,
    ),
    skip: await exchange(server, "CLIENT REPLY SKIP\r\nINCR a\r\nGET a\r\nPING\r\n", 2),
    skipError: await exchange(server, "CLIENT REPLY SKIP\r\nNOSUCH\r\nGET a\r\n", 1),
    skipTwice: await exchange(
      server,
      "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nGET a\r\nPING\r\n",
      1,
    ),
    wrong: await exchange(server, "CLIENT REPLY MAYBE\r\nCLIENT REPLY\r\nPING\r\n", 3),
    afterReset: await exchange(server, "CLIENT REPLY OFF\r\nRESET\r\nPING\r\n", 2),
  }));

  test("OFF: the connection is closed without a word, where redis-server leaves it open", async () => {
    await using storm = await startStormdb();
    const closed = { received: "", closed: true };
    expect(await exchange(storm, "CLIENT REPLY OFF\r\nQUIT\r\n")).toEqual(closed);
    expect(await exchange(storm, "CLIENT REPLY OFF\r\n*x\r\n")).toEqual(closed);
  });

  test("OFF: 10,000 commands run and nothing comes", async () => {
    await using storm = await startStormdb();
    const client = await storm.connect();
    client.write(`CLIENT REPLY OFF\r\n${"INCR n\r\n".repeat(10000)}CLIENT REPLY ON\r\nGET n\r\n`);
    expect([await client.read(), await client.read()]).toEqual(["+OK\r\n", "$5\r\n10000\r\n"]);
  });
});

test("CLIENT NO-TOUCH leaves OBJECT IDLETIME as it is; TOUCH and other clients do not", async () => {
  await using storm = await startStormdb();
  const normal = await storm.connect();
  const silent = await storm.connect();
  for (const key of ["a", "b", "c", "d"]) await normal.call("SET", key, "1");
  expect(await silent.call("CLIENT", "NO-TOUCH", "ON")).toEqual("+OK\r\n");
  const idle = async (key: string) =>
    Number((await normal.call("OBJECT", "IDLETIME", key)).slice(1));
  await until("the keys are idle for 2 s, though they are read all the time", async () => {
    for (const key of ["a", "b", "c", "d"]) await silent.call("GET", key);
    return (await idle("a")) >= 2 && (await idle("d")) >= 2;
  });
  await silent.call("TOUCH", "a");
  expect(await idle("a")).toBeLessThan(2);
  await normal.call("GET", "b");
  expect(await idle("b")).toBeLessThan(2);
  expect(await silent.call("CLIENT", "NO-TOUCH", "OFF")).toEqual("+OK\r\n");
  await silent.call("GET", "c");
  expect(await idle("c")).toBeLessThan(2);
  expect(await idle("d")).toBeGreaterThanOrEqual(2);
});
