/** 10,000 connections at once, and what each costs, compared with redis-server. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningServer, startRedis, startStormdb, until } from "../harness/processes.ts";
import { skips, without } from "../harness/skips.ts";
import { readInfoNumber } from "./info.ts";

const CONNECTIONS = 10_000;
/** What a process needs besides. */
const FILES = CONNECTIONS + 200;
const RATIO_MAX = 1.5;

const filesMax = Number(Bun.spawnSync(["sh", "-c", "ulimit -Hn"]).stdout.toString());
const hasFiles = Number.isNaN(filesMax) || filesMax >= FILES;

function residentBytes(server: RunningServer): number {
  const status = readFileSync(`/proc/${server.pid}/status`, "latin1");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

/** Bytes that the server grows by for each of them. */
async function costOf(server: RunningServer): Promise<number> {
  const control = await server.connect();
  const before = residentBytes(server);
  const holder = Bun.spawn(
    [
      ...["sh", "-c", 'ulimit -n "$0" && exec "$@"', String(FILES)],
      ...[process.execPath, join(import.meta.dir, "hold-connections.ts")],
      ...[String(server.port), String(CONNECTIONS)],
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toEqual("held\n");
  expect(await readInfoNumber(control, "clients", "connected_clients")).toEqual(CONNECTIONS + 1);
  expect(await control.call("PING")).toEqual("+PONG\r\n");
  const late = await server.connect();
  expect(await late.call("PING")).toEqual("+PONG\r\n");
  const grown = residentBytes(server) - before;
  holder.stdin.end();
  expect(await holder.exited).toEqual(0);
  late.close();
  await until("all are gone", async () => {
    return (await readInfoNumber(control, "clients", "connected_clients")) === 1;
  });
  return grown / CONNECTIONS;
}

test.skipIf(
  skips(hasFiles ? "" : `no more than ${filesMax} files may be open`) ||
    skips(process.platform === "linux" ? "" : "it needs Linux") ||
    without("redis-server"),
)(
  `${CONNECTIONS} connections are held, at no more than ${RATIO_MAX} times what they cost in redis-server`,
  async () => {
    const args = ["--maxclients", String(CONNECTIONS + 100)];
    await using redis = await startRedis(...args);
    await using storm = await startStormdb(...args);
    const ofRedis = await costOf(redis);
    const ofStorm = await costOf(storm);
    const figures = `an idle connection: ${Math.round(ofStorm)} bytes, in redis-server ${Math.round(ofRedis)}`;
    console.log(figures);
    expect(ofStorm, figures).toBeLessThan(ofRedis * RATIO_MAX);
  },
);
