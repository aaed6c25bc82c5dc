/** A primary that is shut down leaves nothing behind that its replicas should have. */
import { expect, test } from "bun:test";
import { againstBoth, type StartServer } from "../clients/servers.ts";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { readInfo } from "../server/info.ts";

const WRITES = 300;
const VALUE = "v".repeat(100);

interface Pair extends AsyncDisposable {
  readonly primary: RunningServer;
  readonly replica: RunningServer;
  readonly client: RawClient;
}

async function startPair(start: StartServer): Promise<Pair> {
  const primary = await start("--repl-diskless-sync-delay", "0");
  const replica = await start();
  const client = await primary.connect();
  const follower = await replica.connect();
  await follower.call("REPLICAOF", "127.0.0.1", String(primary.port));
  await until("the replica follows", async () => {
    return (await readInfo(client, "replication")).slave0?.includes("state=online") === true;
  });
  return {
    primary,
    replica,
    client,
    [Symbol.asyncDispose]: async () => {
      await primary[Symbol.asyncDispose]();
      await replica[Symbol.asyncDispose]();
    },
  };
}

function writes(): Buffer[] {
  return Array.from({ length: WRITES }, (_, i) => encodeCommand(["SET", `key:${i}`, VALUE]));
}

async function hasAll(replica: RunningServer): Promise<void> {
  const client = await replica.connect();
  await until("the replica has noticed", async () => {
    return (await readInfo(client, "replication")).master_link_status === "down";
  });
  expect(await client.call("DBSIZE")).toEqual(`:${WRITES}\r\n`);
}

againstBoth("a shutdown", (start) => {
  test.concurrent("sends replicas the writes that came with it", async () => {
    await using pair = await startPair(start);
    const shutdown = encodeCommand(["SHUTDOWN", "NOSAVE"]);
    pair.client.write(Buffer.concat([...writes(), shutdown]));
    expect(await pair.primary.exited).toEqual(0);
    await hasAll(pair.replica);
  });
});

test("a shutdown does not take back what a replica has not read yet", async () => {
  await using pair = await startPair(startStormdb);
  process.kill(pair.replica.pid, "SIGSTOP");
  pair.client.write(Buffer.concat(writes()));
  for (let i = 0; i < WRITES; i++) expect(await pair.client.read()).toEqual("+OK\r\n");
  process.kill(pair.primary.pid, "SIGTERM");
  expect(await pair.primary.exited).toEqual(0);
  process.kill(pair.replica.pid, "SIGCONT");
  await hasAll(pair.replica);
});
