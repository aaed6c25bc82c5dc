/** Very many connections: short ones, idle ones, and ones that work on the same keys. */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { startStormdb, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { forSeeds } from "../unit/seeds.ts";
import { ByteSocket } from "./byte-socket.ts";
import { readClientBuffers, readInfo, readInfoNumber } from "./info.ts";

/** As many as the system's limit on open files allows, on both sides. */
const filesMax = Number(Bun.spawnSync(["sh", "-c", "ulimit -n"]).stdout.toString());
const IDLE = Math.min(2000, (filesMax || 20000) - 100);

const canCountFiles = process.platform === "linux";

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) * 1024;
}

async function untilAlone(control: RawClient): Promise<void> {
  await until("only one client is left", async () => {
    return (await readInfoNumber(control, "clients", "connected_clients")) === 1;
  });
}

test("3,000 short connections", async () => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  await control.call("CONFIG", "RESETSTAT");
  await control.call("SET", "count", "0");
  const files = canCountFiles ? openFiles(storm.pid) : 0;
  const oneAfterTheOther = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const socket = await ByteSocket.connect(storm.port);
      await socket.write("INCR count\r\nQUIT\r\n");
      if (i % 2 === 0) await socket.closed;
      else {
        await socket.text(3);
        socket.close();
      }
    }
  };
  await Promise.all(Array.from({ length: 20 }, () => oneAfterTheOther(150)));
  expect(await control.call("GET", "count")).toEqual("$4\r\n3000\r\n");
  await untilAlone(control);
  const { total_connections_received, rejected_connections } = await readInfo(control, "stats");
  expect({ total_connections_received, rejected_connections }).toEqual({
    total_connections_received: "3000",
    rejected_connections: "0",
  });
  expect(await readClientBuffers(control)).toEqual(0);
  if (canCountFiles) {
    await until("no descriptor is left open", () => openFiles(storm.pid) <= files);
  }
});

test(`${IDLE} idle connections, served when they wake up`, async () => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  const before = canCountFiles ? residentBytes(storm.pid) : 0;
  const sockets: ByteSocket[] = [];
  while (sockets.length < IDLE) {
    const some = Math.min(100, IDLE - sockets.length);
    sockets.push(
      ...(await Promise.all(Array.from({ length: some }, () => ByteSocket.connect(storm.port)))),
    );
  }
  await until("all are connected", async () => {
    return (await readInfoNumber(control, "clients", "connected_clients")) === IDLE + 1;
  });
  await Promise.all(
    sockets.map(async (socket, i) => {
      const text = `$${String(i).length}\r\n${i}\r\n`;
      await socket.write(encodeCommand(["ECHO", String(i)]));
      expect(await socket.text(text.length)).toEqual(text);
    }),
  );
  // Idle again, each costs little: no buffer is kept for it.
  expect(await readClientBuffers(control)).toEqual(0);
  if (canCountFiles) {
    expect(residentBytes(storm.pid) - before).toBeLessThan(IDLE * 30_000);
  }
  for (const socket of sockets) socket.close();
  await untilAlone(control);
});

test("50 clients with interleaved pipelines: sums are right, replies are each one's own", async () => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  await forSeeds(2, async (random) => {
    await control.call("FLUSHALL");
    const clients: ByteSocket[] = [];
    for (let i = 0; i < 50; i++) clients.push(await ByteSocket.connect(storm.port));
    const keys = ["a", "b", "c"];
    const sums = new Map(keys.map((key) => [key, 0]));
    const pushed = { count: 0 };
    await Promise.all(
      clients.map(async (client, i) => {
        // Every counter as this client saw it last: it may only rise.
        const last = new Map(keys.map((key) => [key, 0]));
        for (let round = 0; round < 20; round++) {
          const commands: Buffer[] = [];
          const checks: ((reply: string) => boolean)[] = [];
          const length = 1 + random.below(40);
          for (let n = 0; n < length; n++) {
            const kind = random.below(4);
            const key = keys[random.below(keys.length)]!;
            if (kind === 0) {
              const text = `${i}:${round}:${n}`;
              commands.push(encodeCommand(["ECHO", text]));
              checks.push((reply) => reply === text);
            } else if (kind === 1) {
              commands.push(encodeCommand(["RPUSH", "list", `${i}`]));
              pushed.count++;
              checks.push((reply) => reply.startsWith(":"));
            } else {
              const by = 1 + random.below(9);
              commands.push(encodeCommand(["INCRBY", key, String(by)]));
              sums.set(key, sums.get(key)! + by);
              checks.push((reply) => {
                const value = Number(reply.slice(1));
                const rose = value >= last.get(key)! + by;
                last.set(key, value);
                return reply.startsWith(":") && rose;
              });
            }
          }
          const bytes = Buffer.concat(commands);
          const cut = random.below(bytes.length);
          await client.write(bytes.subarray(0, cut));
          await client.write(bytes.subarray(cut));
          for (const [n, check] of checks.entries()) {
            const line = await client.line();
            const reply = line.startsWith("$") ? await client.line() : line;
            if (!check(reply)) throw new Error(`client ${i}, round ${round}, reply ${n}: ${reply}`);
          }
        }
        expect(client.available).toEqual(0);
        client.close();
      }),
    );
    for (const key of keys) {
      const text = String(sums.get(key));
      expect(await control.call("GET", key)).toEqual(`$${text.length}\r\n${text}\r\n`);
    }
    expect(await control.call("LLEN", "list")).toEqual(`:${pushed.count}\r\n`);
    expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
    await untilAlone(control);
  });
});
