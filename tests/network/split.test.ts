/**
 * The primary is cut off together with its own sentinel and clients: the others go on without it,
 * it stops taking writes that nobody else has, and gives in when it is back.
 */
import { describe, expect, test } from "bun:test";
import { HostSentinel, HostServer, Network, networkMissing } from "../harness/network.ts";
import { until } from "../harness/processes.ts";
import { SENTINEL_MISSING } from "../harness/sentinel.ts";
import { skips } from "../harness/skips.ts";

const missing = SENTINEL_MISSING || networkMissing();

const DIRECTIVES = [
  "repl-diskless-sync-delay 0",
  "repl-ping-replica-period 1",
  "repl-timeout 2",
  "min-replicas-to-write 1",
  "min-replicas-max-lag 1",
];

describe.skipIf(skips(missing))("a primary that is cut off", () => {
  test("stops taking writes, and follows who was promoted meanwhile", async () => {
    using network = new Network();
    await using old = await HostServer.start(network, ...DIRECTIVES);
    const follow = `replicaof ${old.address} ${old.port}`;
    await using one = await HostServer.start(network, ...DIRECTIVES, follow);
    await using two = await HostServer.start(network, ...DIRECTIVES, follow);
    const servers = [old, one, two];
    const sentinels: HostSentinel[] = [];
    await using _ended = {
      [Symbol.asyncDispose]: async () => {
        for (const sentinel of sentinels) await sentinel[Symbol.asyncDispose]();
      },
    };
    const reached = async (what: string, condition: () => Promise<boolean>) => {
      try {
        await until(what, condition);
      } catch (error) {
        const logs = [...servers, ...sentinels].map((each) => each.log().slice(-4000));
        throw new Error([(error as Error).message, ...logs].join("\n---\n"));
      }
    };
    const follows = async (replica: HostServer, primary: HostServer) => {
      const [own, other] = await Promise.all([primary.info(), replica.info()]);
      return (
        other.master_host === primary.address &&
        other.master_link_status === "up" &&
        own.master_repl_offset === other.master_repl_offset
      );
    };
    await reached("both follow", async () => (await follows(one, old)) && follows(two, old));
    for (const { index } of servers) {
      sentinels.push(
        await HostSentinel.start(
          network,
          index,
          `sentinel monitor storm ${old.address} ${old.port} 2`,
          "sentinel down-after-milliseconds storm 1000",
          "sentinel failover-timeout storm 3000",
        ),
      );
    }
    for (const sentinel of sentinels) {
      await reached("the sentinels know each other", async () => {
        const quorum = await sentinel.ask("SENTINEL", "CKQUORUM", "storm");
        const replicas = await sentinel.ask("SENTINEL", "REPLICAS", "storm");
        return quorum.startsWith("OK 3 ") && replicas.split("master-link-status\nok").length === 3;
      });
    }

    await reached("the primary takes writes", async () => {
      return (await old.ask("SET", "before", "1")) === "OK";
    });
    await reached("both have it", async () => (await follows(one, old)) && follows(two, old));
    network.cut(old.index, "packets vanish");
    let alone = 0;
    await reached("the primary that is cut off takes no more writes", async () => {
      const reply = await old.ask("SET", `alone:${alone}`, "1");
      if (reply === "OK") alone++;
      return String(reply).startsWith("NOREPLICAS");
    });
    let primary = one;
    await reached("another one takes writes", async () => {
      for (const server of [one, two]) {
        if ((await server.ask("SET", "after", "1")) !== "OK") continue;
        primary = server;
        return true;
      }
      return false;
    });
    network.heal(old.index);
    for (const server of servers) {
      if (server !== primary) {
        await reached("the others follow", async () => follows(server, primary));
      }
    }
    // What only the old one had is gone, as far as it was let to have it.
    console.log(`Cut off: ${alone} writes were confirmed by the old primary alone, and are lost.`);
    const keys = ["before", "after", `alone:${alone - 1}`];
    for (const server of servers)
      expect(await server.ask("MGET", ...keys)).toEqual(["1", "1", null]);
    await reached("the old one has it in its file", async () => {
      return old.config.includes(`replicaof ${primary.address} ${primary.port}`);
    });
    const digests = await Promise.all(servers.map((server) => server.ask("DEBUG", "DIGEST")));
    expect(digests).toEqual(digests.map(() => digests[0]!));
  });
});
