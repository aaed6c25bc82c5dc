/**
 * High availability by real redis-sentinel processes: the primary is killed, a replica takes its
 * place, clients that ask Sentinel go on, and the old primary comes back as a replica.
 */
import { describe, expect, test } from "bun:test";
import { Redis } from "ioredis";
import {
  GROUP_NAME,
  Group,
  type GroupOptions,
  type Member,
  SENTINEL_MISSING,
} from "../harness/sentinel.ts";
import { skips } from "../harness/skips.ts";

/** A client that asks the sentinels who the primary is. */
function clientOf(group: Group, password?: string): Redis {
  const client = new Redis({
    sentinels: group.sentinels.map(({ port }) => ({ host: "127.0.0.1", port })),
    name: GROUP_NAME,
    ...(password === undefined ? {} : { password }),
    maxRetriesPerRequest: null,
    sentinelRetryStrategy: () => 20,
    retryStrategy: () => 20,
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  client.on("error", () => {});
  return client;
}

/** Writes one key after the other, and remembers those that the server has confirmed. */
class Writer implements AsyncDisposable {
  readonly confirmed: string[] = [];
  readonly #client: Redis;
  readonly #waitsForReplica: boolean;
  readonly #done: Promise<void>;
  #stopped = false;
  #tried = 0;

  constructor(client: Redis, waitsForReplica: boolean) {
    this.#client = client;
    this.#waitsForReplica = waitsForReplica;
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const key = `write:${this.#tried++}`;
      try {
        if (await this.#write(key)) this.confirmed.push(key);
      } catch {
        // Refused or cut off: not confirmed. Refusals come at once, so others get their turn.
        await Bun.sleep(1);
      }
    }
  }

  async #write(key: string): Promise<boolean> {
    if (!this.#waitsForReplica) return (await this.#client.set(key, key)) === "OK";
    // Together, so that both go over the same connection.
    const results = await this.#client.pipeline().set(key, key).wait(1, 1000).exec();
    const [[, set], [, reached]] = results as [[unknown, unknown], [unknown, unknown]];
    return set === "OK" && Number(reached) >= 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    // What is still waiting for a server ends here.
    this.#client.disconnect();
    await this.#done;
  }
}

async function lostOf(confirmed: readonly string[], member: Member): Promise<string[]> {
  const values = (await member.ask("MGET", ...confirmed)) as unknown[];
  return confirmed.filter((key, i) => values[i] !== key);
}

interface Loss {
  readonly confirmed: number;
  readonly lost: string[];
}

/** Kills the primary under writes, and brings it back. */
async function killPrimary(options: GroupOptions, waitsForReplica: boolean): Promise<Loss> {
  await using group = await Group.start(options);
  const [old] = group.members as [Member, ...Member[]];
  const grown = (writer: Writer, count: number) =>
    group.reached("writes are confirmed", async () => writer.confirmed.length >= count);
  let confirmed: readonly string[];
  let primary: Member;
  {
    await using writer = new Writer(clientOf(group), waitsForReplica);
    await grown(writer, 200);
    await old.kill();
    primary = await group.newPrimary(old);
    await grown(writer, writer.confirmed.length + 200);
    await group.settled();
    await old.start();
    await group.reached("the old primary is a replica", async () => {
      return (await old.info("replication")).role === "slave";
    });
    await grown(writer, writer.confirmed.length + 200);
    confirmed = writer.confirmed;
  }
  await group.settled();
  expect((await old.info("replication")).master_port).toEqual(`${primary.port}`);
  // Sentinel has had both write down what they are now.
  expect(old.config).toContain(`replicaof 127.0.0.1 ${primary.port}`);
  expect(primary.config.filter((line) => line.startsWith("replicaof"))).toEqual([]);
  const digests = await group.digests();
  expect(digests).toEqual(digests.map(() => digests[0]!));
  return { confirmed: confirmed.length, lost: await lostOf(confirmed, primary) };
}

describe.skipIf(skips(SENTINEL_MISSING))("redis-sentinel", () => {
  test("the primary is killed under plain writes", async () => {
    const loss = await killPrimary({ kinds: ["stormdb", "stormdb", "stormdb"] }, false);
    console.log(
      `Plain writes: ${loss.lost.length} of ${loss.confirmed} confirmed ones were lost at the failover.`,
    );
  });

  test("the primary is killed, and nothing is lost that a replica has confirmed", async () => {
    const { lost } = await killPrimary(
      {
        kinds: ["stormdb", "stormdb", "stormdb"],
        directives: { "min-replicas-to-write": "1" },
      },
      true,
    );
    expect(lost).toEqual([]);
  });
});
