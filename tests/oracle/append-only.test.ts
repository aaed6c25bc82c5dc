/**
 * What the append-only file says of transactions and of clients that waited, compared with the
 * file of the real redis-server.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { splitArguments } from "../../src/protocol/arguments.ts";
import { type RunningServer, startRedis, startStormdb, until } from "../harness/processes.ts";
import { without } from "../harness/skips.ts";

/** Lines of the main client; "a: " and "b: " before those of clients that begin to wait. */
const SCRIPT: readonly string[] = [
  ...["MULTI", "SET a 1", "GET a", "INCR a", "SELECT 1", "SET b 2", "EXEC", "SET c 3", "SELECT 0"],
  // One change needs no frame, and none leaves nothing.
  ...["MULTI", "GET a", "EXEC", "MULTI", "SET a 5", "EXEC", "MULTI", "DEL none", "EXEC"],
  ...["MULTI", "SET a 6", "INCR k2", "LPUSH a x", "EXEC", "MULTI", "nothing", "EXEC"],
  // Pops that were waited for stand behind what let them go on, as pops that need not wait.
  ...["a: BLPOP k 0", "RPUSH k 1 2", "a: BRPOP none k9 0", "RPUSH k9 1 2"],
  ...["a: BLMOVE x y LEFT RIGHT 0", "b: BLPOP y 0", "RPUSH x 1 2"],
  ...["a: BLPOP k3 0", "MULTI", "RPUSH k3 1 2", "SET z 1", "EXEC"],
  ...["a: BLMPOP 0 2 none m LEFT COUNT 5", "RPUSH m 1 2"],
  ...["a: BLPOP k4 0", "MULTI", "RPUSH k4 1", "DEL k4", "EXEC", "RPUSH k4 2"],
  // A key that expires within a transaction.
  ...["DEBUG SET-ACTIVE-EXPIRE 0", "SET p 1", "PEXPIRE p 1", "DEBUG SLEEP 0.005"],
  ...["MULTI", "GET p", "SET q 1", "EXEC", "SET p 1", "PEXPIRE p 1", "DEBUG SLEEP 0.005", "GET p"],
  ...["RPUSH n 1 2 3", "MULTI", "BLPOP n 0", "BLPOP nn 0", "LMPOP 1 n LEFT", "BLMPOP 0 1 n LEFT"],
  ...["FLUSHALL", "SWAPDB 0 1", "EXEC", "WATCH a", "SET a 1", "MULTI", "SET a 2", "EXEC"],
  // Sorted sets: what chance or the waiting decided is written as what was done.
  ...["a: BZPOPMIN z 0", "ZADD z 1 a 2 b 3 c", "ZPOPMIN z", "ZPOPMAX z 5", "ZINCRBY z 1.5 x"],
  ...["a: BZMPOP 0 2 none zz MAX COUNT 2", "ZADD zz 1 a 2 b 3 c", "ZMPOP 2 none zz MIN COUNT 9"],
  ...["ZADD z INCR 2 x", "ZADD z XX 1 nobody", "ZADD z 0.1 y 3 x", "ZRANGESTORE y z 0 -1 REV"],
  ...["ZUNIONSTORE u 2 z y WEIGHTS 1 2", "ZINTERSTORE u 2 z y", "ZDIFFSTORE u 2 z y", "ZREM z x q"],
  ...["ZREMRANGEBYSCORE z 0 1", "ZREMRANGEBYRANK y 0 0", "ZREMRANGEBYLEX y - +", "BZPOPMAX y 0.01"],
  // Messages are not in the file.
  ...["PUBLISH x y", "SPUBLISH x y", "MULTI", "PUBLISH x y", "SET a 1", "EXEC", "SET end 1"],
];

/** The file's commands, one a line, without the times that depend on the clock. */
function commandsOf(server: RunningServer): string {
  const folder = join(server.folder, "appendonlydir");
  const file = readdirSync(folder).find((name) => name.endsWith(".incr.aof"))!;
  const lines = readFileSync(join(folder, file), "latin1").split("\r\n");
  const words = lines.filter((line) => !/^[$#]/.test(line)).join(" ");
  return words.replace(/ ?\*\d+ /g, "\n").replace(/PEXPIREAT p \d+/g, "PEXPIREAT p");
}

async function run(start: typeof startRedis): Promise<string> {
  await using server = await start("--appendonly", "yes", "--appendfsync", "always");
  const clients = {
    main: await server.connect(),
    a: await server.connect(),
    b: await server.connect(),
    control: await server.connect(),
  };
  const replies: Promise<string>[] = [];
  const waiting = async () =>
    Number(/blocked_clients:(\d+)/.exec(await clients.control.call("INFO", "clients"))![1]);
  for (const line of SCRIPT) {
    const [, name, text] = /^(?:([ab]): )?(.*)$/.exec(line)!;
    const words = splitArguments(text!)!;
    if (name === undefined) {
      await clients.main.call(...words);
      // Those who can go on have to do so before they wait again.
      if ((await waiting()) === 0) await Promise.all(replies.splice(0));
      continue;
    }
    const before = await waiting();
    replies.push(clients[name as "a" | "b"].call(...words));
    await until("the client waits", async () => (await waiting()) > before);
  }
  return commandsOf(server);
}

test.skipIf(without("redis-server"))("transactions and pops that were waited for", async () => {
  const [expected, got] = await Promise.all([run(startRedis), run(startStormdb)]);
  expect(got).toContain("SET end 1");
  expect(got).toEqual(expected);
});
