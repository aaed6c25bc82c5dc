/** A primary that is shut down leaves nothing behind that its replicas should have. */
import { expect, test } from "bun:test";
import { againstBoth, type StartServer } from "../clients/servers.ts";
import { type RunningServer, until } from "../harness/processes.ts";
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

  /** The replica stands still, and has not got all of the writes. */
  async function lagging(pair: Pair): Promise<void> {
    process.kill(pair.replica.pid, "SIGSTOP");
    pair.client.write(Buffer.concat(writes()));
    for (let i = 0; i < WRITES; i++) expect(await pair.client.read()).toEqual("+OK\r\n");
  }

  async function shutdownWaits(pair: Pair): Promise<RawClient> {
    const observer = await pair.primary.connect();
    await until("the shutdown waits", async () => {
      return (await readInfo(observer, "clients")).blocked_clients === "1";
    });
    return observer;
  }

  test.concurrent("waits for a replica that lags, and takes no writes meanwhile", async () => {
    await using pair = await startPair(start);
    await lagging(pair);
    pair.client.write(encodeCommand(["SHUTDOWN", "NOSAVE"]));
    const observer = await shutdownWaits(pair);
    observer.write(encodeCommand(["SET", "late", "1"]));
    process.kill(pair.replica.pid, "SIGCONT");
    expect(await pair.primary.exited).toEqual(0);
    await hasAll(pair.replica);
  });

  test.concurrent("can be aborted while it waits", async () => {
    await using pair = await startPair(start);
    await lagging(pair);
    const reply = pair.client.call("SHUTDOWN", "NOSAVE");
    const observer = await shutdownWaits(pair);
    expect(await observer.call("SHUTDOWN", "ABORT")).toEqual("+OK\r\n");
    expect(await reply).toEqual("-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    expect(await observer.call("SHUTDOWN", "ABORT")).toEqual("-ERR No shutdown in progress.\r\n");
    // redis-server 7.0.15 dies of an assertion when the one that waited goes on.
    expect(await observer.call("SET", "key:0", "1")).toEqual("+OK\r\n");
    observer.write(encodeCommand(["SHUTDOWN", "NOSAVE", "NOW"]));
    expect(await pair.primary.exited).toEqual(0);
    process.kill(pair.replica.pid, "SIGCONT");
  });

  test.concurrent.each(["SIGTERM", "SIGINT"] as const)(
    "waits no longer than told, %s",
    async (signal) => {
      await using pair = await startPair(start);
      await pair.client.call("CONFIG", "SET", "shutdown-timeout", "1");
      await lagging(pair);
      process.kill(pair.primary.pid, signal);
      expect(await pair.primary.exited).toEqual(0);
      process.kill(pair.replica.pid, "SIGCONT");
    },
  );
});
