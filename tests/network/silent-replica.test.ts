/** Replicas that fall silent while they get the data are let go, so that others can have it. */
import { expect, test } from "bun:test";
import { againstBoth } from "../clients/servers.ts";
import { type RunningServer, until } from "../harness/processes.ts";
import { encodeCommand, RawClient } from "../harness/raw-client.ts";
import { readInfo } from "../server/info.ts";

const DIRECTIVES = [
  ["--repl-timeout", "1"],
  ["--repl-ping-replica-period", "1"],
  ["--repl-diskless-sync", "yes"],
  ["--repl-diskless-sync-delay", "0"],
  ["--rdbcompression", "no"],
].flat();

async function replicaOf(server: RunningServer): Promise<RawClient> {
  const replica = await RawClient.connect(server.port);
  await replica.call("REPLCONF", "listening-port", "1", "capa", "eof", "capa", "psync2");
  return replica;
}

againstBoth("a replica that falls silent", (start) => {
  test.concurrent("is let go when it takes no more of the data", async () => {
    await using server = await start(...DIRECTIVES);
    const client = await server.connect();
    // Far more than fits into the buffers between the two.
    await client.call("DEBUG", "POPULATE", "12000", "key", "2000");
    const replica = await replicaOf(server);
    replica.pause();
    replica.write(encodeCommand(["PSYNC", "?", "-1"]));
    await until("it gets the data", async () => {
      const { slave0 } = await readInfo(client, "replication");
      // How long ago it has said how far it is does not matter yet.
      return slave0?.endsWith(",lag=0") === true;
    });
    await until("it is let go", async () => {
      return (await readInfo(client, "replication")).connected_slaves === "0";
    });
    replica.close();
    // Another one gets all that it should.
    const other = await replicaOf(server);
    other.write(encodeCommand(["PSYNC", "?", "-1"]));
    await until("another one has the end of the data", async () => {
      const mark = /\$EOF:(.{40})\r\n/.exec(other.unread.slice(0, 1000))?.[1];
      return mark !== undefined && other.unread.length > 24e6 && other.unread.endsWith(mark);
    });
    other.close();
  });

  test.concurrent("is let go when it has the data and never says that it has loaded it", async () => {
    await using server = await start(...DIRECTIVES);
    const client = await server.connect();
    const replica = await replicaOf(server);
    replica.write(encodeCommand(["PSYNC", "?", "-1"]));
    await replica.closed;
    expect((await readInfo(client, "replication")).connected_slaves).toEqual("0");
  });

  // Alone, for it has to be heard of within a second again and again.
  test("is waited for as long as it says that it is still loading", async () => {
    await using server = await start(...DIRECTIVES);
    const client = await server.connect();
    const uptime = async () => Number((await readInfo(client, "server")).uptime_in_seconds);
    const replica = await replicaOf(server);
    replica.write(encodeCommand(["PSYNC", "?", "-1"]));
    const since = await uptime();
    await until("three times the timeout has gone by", async () => {
      replica.write("\n");
      return (await uptime()) > since + 3;
    });
    await until("it is online", async () => {
      replica.write(encodeCommand(["REPLCONF", "ACK", "0"]));
      const { slave0 = "" } = await readInfo(client, "replication");
      return slave0.includes("state=online");
    });
    expect(replica.isClosed).toEqual(false);
    replica.close();
  });
});
