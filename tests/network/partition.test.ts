/** The network between a primary and its replica is cut under writes, and healed. */
import { describe, expect, test } from "bun:test";
import { type Cut, HostServer, Network, networkMissing } from "../harness/network.ts";
import { until } from "../harness/processes.ts";
import { skips } from "../harness/skips.ts";

const missing = networkMissing();

const COMMON = ["repl-diskless-sync-delay 0", "repl-ping-replica-period 1"];
const SHORT = [...COMMON, "repl-timeout 2"];

/** A condition about servers; where it never comes about, their logs are shown. */
async function reached(
  what: string,
  servers: readonly HostServer[],
  condition: () => Promise<boolean>,
): Promise<void> {
  try {
    await until(what, condition);
  } catch (error) {
    const logs = servers.map((server) => `--- ${server.address}\n${server.log().slice(-5000)}`);
    throw new Error([(error as Error).message, ...logs].join("\n"));
  }
}

async function areLevel(primary: HostServer, replica: HostServer): Promise<boolean> {
  const [own, other] = await Promise.all([primary.info(), replica.info()]);
  return other.master_link_status === "up" && own.master_repl_offset === other.master_repl_offset;
}

/** Writes without end, one command after the other, until it is told to stop. */
class Load implements AsyncDisposable {
  readonly #done: Promise<void>;
  #stopped = false;
  count = 0;

  constructor(server: HostServer) {
    this.#done = this.#run(server);
  }

  async #run(server: HostServer): Promise<void> {
    for (; !this.#stopped; this.count++) {
      await server.ask("SET", `key:${this.count % 1000}`, String(this.count));
      await server.ask("RPUSH", `list:${this.count % 10}`, String(this.count));
      // The stream must not outgrow the backlog while the replica is away.
      if (this.count % 10 === 0) await Bun.sleep(1);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}

describe.skipIf(skips(missing))("a network that is cut", () => {
  test.concurrent.each<Cut>(["link down", "packets vanish"])(
    "%s: the replica goes on where it stopped, with one connection",
    async (cut) => {
      using network = new Network();
      await using primary = await HostServer.start(network, ...SHORT, "repl-backlog-size 64mb");
      const follow = `replicaof ${primary.address} ${primary.port}`;
      await using replica = await HostServer.start(network, ...SHORT, follow);
      const both = [primary, replica];
      await reached("the replica follows", both, () => areLevel(primary, replica));
      {
        await using load = new Load(primary);
        network.cut(replica.index, cut);
        await reached("both have noticed, and tried again in vain", both, async () => {
          const [own, other] = await Promise.all([primary.info(), replica.info()]);
          const tries = replica.log().split("Connecting to MASTER").length - 1;
          return own.connected_slaves === "0" && other.master_link_status === "down" && tries >= 3;
        });
        const { count } = load;
        await reached("writes go on", both, async () => load.count > count + 100);
        network.heal(replica.index);
        await reached("the link is up", both, async () => {
          return (await replica.info()).master_link_status === "up";
        });
      }
      await reached("the replica has all", both, () => areLevel(primary, replica));
      expect(await replica.ask("DEBUG", "DIGEST")).toEqual(await primary.ask("DEBUG", "DIGEST"));
      // Attempts from while it was cut off are given up, even if they come through now.
      await reached("the primary has one connection of the replica", both, async () => {
        const clients = String(await primary.ask("CLIENT", "LIST")).split("\n");
        return clients.filter((line) => line.includes(`addr=${replica.address}:`)).length === 1;
      });
      const { sync_full, sync_partial_err, sync_partial_ok } = await primary.info();
      expect({ sync_full, sync_partial_err, sync_partial_ok }).toEqual({
        sync_full: "1",
        sync_partial_err: "0",
        sync_partial_ok: "1",
      });
      const links = replica.log().match(/Successful partial resynchronization/g);
      expect(links).toHaveLength(1);
      expect((await replica.info()).master_link_status).toEqual("up");
    },
  );
});
