/** Watched keys whose time comes: before WATCH, between WATCH and EXEC, met by somebody or not. */
import { type RunningServer, until } from "../harness/processes.ts";
import { sameAsRedis } from "./same-as-redis.ts";

/** The steps; `expire` waits until the time of the key has come, without looking at it. */
const SCRIPTS: readonly (readonly string[])[] = [
  ["expire", "WATCH k", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "GET k", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "GET k", "SET k 1", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "SET k 1", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "DEL k", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "RENAME k l", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "APPEND k x", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "FLUSHALL", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "SWAPDB 0 1", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k k", "GET k", "WATCH k", "SET k 1", "MULTI", "GET k", "EXEC"],
  ["expire", "WATCH k", "SWAPDB 0 1", "SWAPDB 0 1", "MULTI", "SET a 1", "EXEC"],
  ["expire", "SELECT 1", "WATCH k", "SWAPDB 0 1", "MULTI", "SET a 1", "EXEC"],
  ["expire", "SELECT 1", "WATCH k", "SWAPDB 0 1", "SET k 1", "MULTI", "SET a 1", "EXEC"],
  ["SELECT 1", "WATCH k", "SWAPDB 0 1", "MULTI", "SET a 1", "EXEC"],
  ["expire", "WATCH k", "SELECT 1", "SET k 1", "SWAPDB 0 1", "MULTI", "SET a 1", "EXEC"],
  ["SELECT 1", "SET k 1", "WATCH k", "expire", "SWAPDB 0 1", "MULTI", "SET a 1", "EXEC"],
  ["WATCH k", "FLUSHALL", "MULTI", "SET a 1", "EXEC"],
  ["WATCH k", "expire", "MULTI", "SET a 1", "EXEC"],
  ["WATCH k", "expire", "GET k", "MULTI", "SET a 1", "EXEC"],
  ["WATCH k", "PERSIST k", "expire", "MULTI", "SET a 1", "EXEC"],
  ["WATCH k", "MULTI", "SET a 1", "expire", "EXEC"],
  ["WATCH k", "expire", "UNWATCH", "MULTI", "SET a 1", "EXEC"],
];

const FAR_MS = 100_000;

/** Runs the steps with a key that lives for so long; null where that was not long enough. */
async function play(
  server: RunningServer,
  script: readonly string[],
  ttlMs: number,
): Promise<string[] | null> {
  const client = await server.connect();
  await client.call("FLUSHALL");
  const at = Date.now() + ttlMs;
  await client.call("SET", "k", "1", "PXAT", String(at));
  const replies: string[] = [];
  for (const step of script) {
    if (step === "expire") {
      if (replies.length > 0 && Date.now() >= at) return null;
      await until("the time has come", () => Date.now() > at + 1);
    } else replies.push(await client.call(...step.split(" ")));
  }
  client.close();
  return replies;
}

sameAsRedis("EXEC runs or not as in Redis", [], async (server) => {
  const client = await server.connect();
  await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
  const seen: Record<string, string[]> = {};
  for (const script of SCRIPTS) {
    let replies: string[] | null = null;
    let ttlMs = script.includes("expire") ? 20 : FAR_MS;
    for (; replies === null; ttlMs *= 2) replies = await play(server, script, ttlMs);
    seen[script.join(", ")] = replies;
  }
  return seen;
});
