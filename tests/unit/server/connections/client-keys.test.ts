/** The queue of the clients that wait for a key. */
import { describe, expect, test } from "bun:test";
import { RequestQueue } from "../../../../src/protocol/request-queue.ts";
import { AwaitedKey, type Waiter } from "../../../../src/server/connections/client-keys.ts";
import type { Database } from "../../../../src/store/database.ts";
import { forSeeds, pick } from "../../seeds.ts";

const DATABASE = {} as Database;

function waiterOf(client: string): Waiter<string> {
  return {
    client,
    type: 0,
    waits: [],
    requests: new RequestQueue(),
    timer: null,
    untilMs: Number.POSITIVE_INFINITY,
  };
}

function clientsOf(key: AwaitedKey<string>): string[] {
  const clients: string[] = [];
  let before = null;
  for (let wait = key.first; wait !== null; wait = wait.after) {
    expect(wait.before).toBe(before);
    clients.push(wait.waiter.client);
    before = wait;
  }
  expect(key.last).toBe(before);
  return clients;
}

describe("AwaitedKey", () => {
  test("a client whose request names the key twice stands in its queue once", () => {
    const key = new AwaitedKey<string>(DATABASE, "k", 1);
    const [a, b] = [waiterOf("a"), waiterOf("b")];
    for (const waiter of [a, a, b, b]) key.join(waiter);
    expect(clientsOf(key)).toEqual(["a", "b"]);
    expect([a.waits.length, b.waits.length]).toEqual([1, 1]);
  });

  test("clients come and go in any order, against a plain model", () =>
    forSeeds(30, (random) => {
      const key = new AwaitedKey<string>(DATABASE, "k", 1);
      let model: Waiter<string>[] = [];
      for (let step = 0; step < 100; step++) {
        if (random.below(2) === 0) {
          const waiter = waiterOf(String(step));
          key.join(waiter);
          model.push(waiter);
        } else if (model.length > 0) {
          const gone = pick(random, model);
          key.leave(gone.waits[0]!);
          model = model.filter((waiter) => waiter !== gone);
        }
        expect(clientsOf(key)).toEqual(model.map(({ client }) => client));
      }
    }));

  test("a walk goes on behind a wait that it takes out", () => {
    const key = new AwaitedKey<string>(DATABASE, "k", 1);
    for (const client of ["a", "b", "c"]) key.join(waiterOf(client));
    const seen: string[] = [];
    for (let wait = key.first; wait !== null; wait = wait.after) {
      seen.push(wait.waiter.client);
      key.leave(wait);
    }
    expect(seen).toEqual(["a", "b", "c"]);
    expect(clientsOf(key)).toEqual([]);
  });
});
