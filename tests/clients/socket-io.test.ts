/**
 * Two Socket.IO servers that reach each other's clients through the server, with the Redis
 * adapter in both of its forms and with both of the clients that it takes.
 */
import { describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { Server, type ServerOptions } from "socket.io";
import { connect, type Socket } from "socket.io-client";
import { type RunningServer, until } from "../harness/processes.ts";
import { againstBoth, BINARY_VALUE } from "./servers.ts";

type Adapter = NonNullable<ServerOptions["adapter"]>;

interface Node extends AsyncDisposable {
  readonly io: Server;
  connect(): Promise<Socket>;
}

/** One Socket.IO server; `close` ends what its adapter uses. */
async function startNode(adapter: Adapter, close: () => unknown): Promise<Node> {
  const http = createServer();
  const io = new Server(http, { adapter });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const address = http.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const sockets: Socket[] = [];
  io.on("connection", (socket) => {
    socket.on("join", async (room: string, done: () => void) => {
      await socket.join(room);
      done();
    });
    socket.on("say", (room: string, ...said: unknown[]) => void io.to(room).emit("said", ...said));
    socket.on("say to others", (...said: unknown[]) => void socket.broadcast.emit("said", ...said));
  });
  return {
    io,
    connect: async () => {
      const socket = connect(`http://127.0.0.1:${port}`, { transports: ["websocket"] });
      sockets.push(socket);
      await new Promise<void>((done) => socket.on("connect", done));
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.disconnect();
      await io.close();
      await close();
    },
  };
}

type Kind = "plain" | "sharded";

async function withNodeRedis(server: RunningServer, kind: Kind): Promise<Node> {
  const publisher = createClient({ socket: { host: "127.0.0.1", port: server.port } });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) {
    client.on("error", () => {});
    await client.connect();
  }
  const make = kind === "plain" ? createAdapter : createShardedAdapter;
  return startNode(make(publisher, subscriber), () =>
    // What the adapter has left under way is waited for.
    Promise.all([publisher.close(), subscriber.close()]),
  );
}

async function withIoredis(server: RunningServer, kind: Kind): Promise<Node> {
  const publisher = new Redis(server.port, "127.0.0.1");
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on("error", () => {});
  const make = kind === "plain" ? createAdapter : createShardedAdapter;
  return startNode(make(publisher, subscriber), () =>
    Promise.all([publisher.quit(), subscriber.quit()]),
  );
}

againstBoth("Socket.IO", (start) => {
  describe.each([
    ["node-redis, plain", withNodeRedis, "plain"],
    ["node-redis, sharded", withNodeRedis, "sharded"],
    ["ioredis, plain", withIoredis, "plain"],
    ["ioredis, sharded", withIoredis, "sharded"],
  ] as const)("%s", (_, open, kind) => {
    test("two servers are one: broadcasts, rooms, bytes, acknowledgements", async () => {
      await using server = await start();
      await using one = await open(server, kind);
      await using two = await open(server, kind);
      const a = await one.connect();
      const b = await two.connect();
      const c = await two.connect();
      const heard: Record<string, unknown[]> = { a: [], b: [], c: [] };
      for (const [name, socket] of Object.entries({ a, b, c })) {
        socket.on("said", (...said: unknown[]) => void heard[name]!.push(said));
        socket.on("ask", (answer: (text: string) => void) => answer(`I am ${name}`));
      }
      // Each server knows of the other one.
      await until("both see all sockets", async () => {
        const seen = [await one.io.fetchSockets(), await two.io.fetchSockets()];
        return seen.every((sockets) => sockets.length === 3);
      });

      one.io.emit("said", "to all", 1);
      await until("all heard", () => Object.values(heard).every(({ length }) => length === 1));
      a.emit("say to others", "from a", BINARY_VALUE);
      await until("the others heard", () => heard.b!.length === 2 && heard.c!.length === 2);

      await a.emitWithAck("join", "room");
      await c.emitWithAck("join", "room");
      b.emit("say", "room", "to the room", { bytes: BINARY_VALUE, text: "wörld ✓" });
      await until("the room heard", () => heard.a!.length === 2 && heard.c!.length === 3);
      const inRoom = ["to the room", { bytes: BINARY_VALUE, text: "wörld ✓" }];
      expect(heard).toEqual({
        a: [["to all", 1], inRoom],
        b: [
          ["to all", 1],
          ["from a", BINARY_VALUE],
        ],
        c: [["to all", 1], ["from a", BINARY_VALUE], inRoom],
      });

      const answers = await one.io.timeout(5000).emitWithAck("ask");
      expect(answers.sort()).toEqual(["I am a", "I am b", "I am c"]);

      // From one server into the rooms of the other.
      one.io.in("room").socketsLeave("room");
      await until("the room is empty", async () => {
        return (await one.io.in("room").fetchSockets()).length === 0;
      });
      one.io.in(b.id!).disconnectSockets();
      await until("b is gone", () => b.disconnected);
    });

    test("100 messages each way come once and in order", async () => {
      await using server = await start();
      await using one = await open(server, kind);
      await using two = await open(server, kind);
      const a = await one.connect();
      const b = await two.connect();
      await until("both see both", async () => {
        const seen = [await one.io.fetchSockets(), await two.io.fetchSockets()];
        return seen.every((sockets) => sockets.length === 2);
      });
      const heard: Record<"a" | "b", unknown[]> = { a: [], b: [] };
      a.on("said", (n: unknown) => void heard.a.push(n));
      b.on("said", (n: unknown) => void heard.b.push(n));
      const numbers = Array.from({ length: 100 }, (_, i) => i);
      for (const n of numbers) {
        a.emit("say to others", n);
        b.emit("say to others", n);
      }
      await until("all have come", () => heard.a.length >= 100 && heard.b.length >= 100);
      expect(heard).toEqual({ a: numbers, b: numbers });
    });
  });
});
