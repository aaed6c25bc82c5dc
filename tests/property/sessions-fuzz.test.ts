/**
 * Random commands on several connections at once, of the kind that make connections wait for,
 * listen to and interfere with one another. Whatever they do, the server lives, its data is sound,
 * and every connection that is unblocked and reset answers again.
 */
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import type { Random } from "../../src/base/random.ts";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { readClients, readInfo } from "../server/info.ts";
import { forSeeds, pick } from "../unit/seeds.ts";

const CONNECTIONS = 12;
const STEPS = 60;

// ── Commands ─────────────────────────────────────────────────────────────────────────────────

function randomCommand(random: Random, ids: readonly string[]): string[] {
  const list = () => `l${random.below(4)}`;
  const text = () => `s${random.below(4)}`;
  const any = () => pick(random, [list(), text()]);
  const channel = () => pick(random, ["a", "b", "ab"]);
  const pattern = () => pick(random, ["a*", "*", "?b", "__key*__:*"]);
  const seconds = () => pick(random, ["0", "0.01", "0.05"]);
  const side = () => pick(random, ["LEFT", "RIGHT"]);
  const id = () => pick(random, ids);
  return pick<() => string[]>(random, [
    () => ["BLPOP", list(), list(), seconds()],
    () => ["BRPOP", any(), seconds()],
    () => ["BLMOVE", list(), list(), side(), side(), seconds()],
    () => ["BRPOPLPUSH", list(), any(), seconds()],
    () => ["BLMPOP", seconds(), "2", list(), list(), side(), "COUNT", "2"],
    () => ["RPUSH", list(), "x", "y"],
    () => ["LPUSH", list(), "z".repeat(random.below(300))],
    () => ["LMOVE", list(), list(), side(), side()],
    () => ["LTRIM", list(), "1", "0"],
    () => ["SET", text(), "1", "PX", String(1 + random.below(20))],
    () => ["SET", any(), "1"],
    () => ["INCR", text()],
    () => ["GET", text()],
    () => ["PEXPIRE", any(), String(1 + random.below(20))],
    () => ["DEL", any(), any()],
    () => ["RENAME", any(), any()],
    () => ["COPY", any(), any(), "DB", String(random.below(3)), "REPLACE"],
    () => ["MOVE", any(), String(random.below(3))],
    () => ["SWAPDB", String(random.below(3)), String(random.below(3))],
    () => ["SELECT", String(random.below(3))],
    () => [pick(random, ["FLUSHALL", "FLUSHDB"])],
    () => ["MULTI"],
    () => ["MULTI"],
    () => ["EXEC"],
    () => ["EXEC"],
    () => ["EXEC"],
    () => ["DISCARD"],
    () => ["WATCH", any(), any()],
    () => ["UNWATCH"],
    () => ["SUBSCRIBE", channel(), channel()],
    () => ["PSUBSCRIBE", pattern()],
    () => ["SSUBSCRIBE", channel()],
    () => [pick(random, ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"])],
    () => ["UNSUBSCRIBE", channel()],
    () => ["PUBLISH", channel(), "m".repeat(random.below(2000))],
    () => ["SPUBLISH", channel(), "m"],
    () => ["PUBSUB", pick(random, ["CHANNELS", "NUMPAT", "SHARDCHANNELS"])],
    () => ["CLIENT", "UNBLOCK", id(), pick(random, ["TIMEOUT", "ERROR"])],
    () => ["CLIENT", "UNBLOCK", id()],
    () => ["CLIENT", "REPLY", pick(random, ["ON", "OFF", "SKIP"])],
    () => ["CLIENT", "LIST"],
    () => (random.below(4) === 0 ? ["CLIENT", "KILL", "ID", id()] : ["CLIENT", "INFO"]),
    () => ["CLIENT", "PAUSE", "5", pick(random, ["WRITE", "ALL"])],
    () => ["CLIENT", "UNPAUSE"],
    () => ["HELLO", pick(random, ["2", "3"])],
    () => ["RESET"],
    () => (random.below(4) === 0 ? ["MONITOR"] : ["PING"]),
    () => ["CONFIG", "SET", "notify-keyspace-events", pick(random, ["", "KEA", "KEAmn"])],
    () => ["NOSUCH"],
    () => ["GET"],
    () => ["OBJECT", "ENCODING", any()],
    () => ["TOUCH", any()],
  ])();
}

// ── Connections ──────────────────────────────────────────────────────────────────────────────

interface Connection {
  readonly socket: Socket;
  id: string;
  /** What came back and was not looked at. */
  text: string;
  closed: boolean;
}

async function open(storm: RunningServer): Promise<Connection> {
  const socket = connect(storm.port, "127.0.0.1");
  const connection: Connection = { socket, id: "", text: "", closed: false };
  socket.on("data", (chunk: Buffer) => {
    connection.text += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    connection.closed = true;
  });
  socket.write("CLIENT ID\r\n");
  await until("it has its id", () => connection.text.endsWith("\r\n"));
  connection.id = connection.text.slice(1, -2);
  connection.text = "";
  return connection;
}

/** Unblocks and resets all until each has answered; none may be left hanging. */
async function callTogether(
  control: RawClient,
  connections: readonly Connection[],
  mark: string,
): Promise<void> {
  await control.call("CLIENT", "UNPAUSE");
  const answer = `$${mark.length}\r\n${mark}\r\n`;
  for (const { closed, socket } of connections) {
    if (closed) continue;
    for (const line of [["RESET"], ["CLIENT", "REPLY", "ON"], ["ECHO", mark]]) {
      socket.write(encodeCommand(line));
    }
  }
  await until("every connection answers", async () => {
    const silent = connections.filter(({ closed, text }) => !closed && !text.includes(answer));
    // What was sent behind a command that blocks may block in turn.
    for (const { id } of silent) await control.call("CLIENT", "UNBLOCK", id);
    await control.call("CLIENT", "UNPAUSE");
    return silent.length === 0;
  });
  for (const connection of connections) {
    expect(connection.text).not.toContain("internal error");
    connection.text = "";
  }
}

test("connections that block, listen, watch and interfere", async () => {
  await using storm = await startStormdb("--appendonly", "yes");
  let exitCode: number | null = null;
  storm.exited.then((code) => {
    exitCode = code;
  });
  const control = await storm.connect();
  await forSeeds(8, async (random, seed) => {
    const connections: Connection[] = [];
    while (connections.length < CONNECTIONS) connections.push(await open(storm));
    const ids = connections.map(({ id }) => id);
    for (let step = 0; step < STEPS; step++) {
      for (const [i, { closed, socket }] of connections.entries()) {
        if (closed || random.below(40) === 0) {
          // Gone in the middle of whatever it did, and another one comes.
          socket.destroy();
          connections[i] = await open(storm);
          ids[i] = connections[i].id;
          continue;
        }
        const commands = Array.from({ length: 1 + random.below(6) }, () =>
          encodeCommand(randomCommand(random, ids)),
        );
        socket.write(Buffer.concat(commands));
      }
      if (random.below(3) === 0) await new Promise((later) => setImmediate(later));
      if (step % 20 === 19) await callTogether(control, connections, `end:${seed}:${step}`);
    }
    const blocked = (await readClients(control, "LIST")).filter(({ flags }) =>
      flags!.includes("b"),
    );
    expect(blocked).toEqual([]);
    for (const { socket } of connections) socket.destroy();
    let seen: Record<string, string | undefined> = {};
    await until("all are gone", async () => {
      seen = await readInfo(control, "all");
      return seen.connected_clients === "1";
    });
    const { blocked_clients, total_blocking_keys, pubsub_channels, pubsub_patterns } = seen;
    expect({ blocked_clients, total_blocking_keys, pubsub_channels, pubsub_patterns }).toEqual({
      blocked_clients: "0",
      total_blocking_keys: "0",
      pubsub_channels: "0",
      pubsub_patterns: "0",
    });
    expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
    expect(exitCode).toEqual(null);
    await control.call("CONFIG", "SET", "notify-keyspace-events", "");
    await control.call("FLUSHALL");
  });
  expect(storm.output()).not.toContain("failed:");
}, 600000);
