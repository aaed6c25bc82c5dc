/** Who gets what, against a plain model; and that a message is encoded once for each protocol. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { globMatch } from "../../../src/base/glob.ts";
import { Hash } from "../../../src/base/key-hash.ts";
import { ReplyWriter } from "../../../src/protocol/reply-writer.ts";
import {
  CHANNEL,
  type Kind,
  type Outlet,
  PATTERN,
  PubSub,
  SHARD,
  type Subscriber,
  type Subscriptions,
} from "../../../src/pubsub/pubsub.ts";
import { forSeeds, pick } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

class Client implements Subscriber {
  subscriptions: Subscriptions | null = null;
  readonly received: string[] = [];
  readonly protocol: number;
  constructor(protocol: number) {
    this.protocol = protocol;
  }
}

class Recorder implements Outlet<Client> {
  readonly writers = [2, 3].map((protocol) => {
    const writer = new ReplyWriter();
    writer.protocol = protocol;
    return writer;
  });

  pushWriter(protocol: number): ReplyWriter {
    return this.writers[protocol - 2]!;
  }

  push(client: Client, protocol: number, from: number, to: number): void {
    expect(protocol).toEqual(client.protocol);
    client.received.push(latin1Text(this.pushWriter(protocol).bytes, from, to));
  }
}

function frame(protocol: number, ...texts: string[]): string {
  const bulks = texts.map((text) => `$${text.length}\r\n${text}\r\n`).join("");
  return `${protocol === 3 ? ">" : "*"}${texts.length}\r\n${bulks}`;
}

function make() {
  const outlet = new Recorder();
  return {
    outlet,
    pubsub: new PubSub<Client>(outlet, new Hash(1, 2)),
    two: new Client(2),
    three: new Client(3),
  };
}

type TestPubSub = PubSub<Client>;

function subscribe(pubsub: TestPubSub, client: Client, kind: Kind, name: string): void {
  pubsub.subscribe(client, kind, latin1(`..${name}..`), 2, name.length);
}

function unsubscribe(pubsub: TestPubSub, client: Client, kind: Kind, name: string): void {
  pubsub.unsubscribe(client, kind, latin1(name), 0, name.length);
}

function listenerCount(pubsub: TestPubSub, kind: Kind, name: string): number {
  return pubsub.listenerCount(kind, latin1(name), 0, name.length);
}

function namesOf(pubsub: TestPubSub, kind: Kind): string[] {
  const names: string[] = [];
  for (let at = pubsub.first(kind); at !== null; at = at.after) names.push(at.name);
  return names;
}

function publish(pubsub: TestPubSub, channel: string, message: string): number {
  const bytes = latin1(`..${channel}..${message}..`);
  return pubsub.publish(bytes, 2, channel.length, bytes, channel.length + 4, message.length);
}

function publishToShard(pubsub: TestPubSub, channel: string, message: string): number {
  const bytes = latin1(`..${channel}..${message}..`);
  return pubsub.publishToShard(bytes, 2, channel.length, bytes, channel.length + 4, message.length);
}

describe("PubSub", () => {
  test("a message goes to channels and patterns, in the receiver's protocol", () => {
    const { pubsub, two, three } = make();
    subscribe(pubsub, two, CHANNEL, "a");
    subscribe(pubsub, two, PATTERN, "a*");
    subscribe(pubsub, three, CHANNEL, "a");
    subscribe(pubsub, three, PATTERN, "b*");
    expect(publish(pubsub, "a", "\0\xff\r\n")).toEqual(3);
    expect(publish(pubsub, "ab", "")).toEqual(1);
    expect(publish(pubsub, "c", "x")).toEqual(0);
    expect(two.received).toEqual([
      frame(2, "message", "a", "\0\xff\r\n"),
      frame(2, "pmessage", "a*", "a", "\0\xff\r\n"),
      frame(2, "pmessage", "a*", "ab", ""),
    ]);
    expect(three.received).toEqual([frame(3, "message", "a", "\0\xff\r\n")]);
  });

  test("shard channels are a world of their own", () => {
    const { pubsub, two, three } = make();
    subscribe(pubsub, two, SHARD, "a");
    subscribe(pubsub, three, CHANNEL, "a");
    subscribe(pubsub, three, PATTERN, "*");
    expect(publishToShard(pubsub, "a", "x")).toEqual(1);
    expect(publishToShard(pubsub, "b", "x")).toEqual(0);
    expect(two.received).toEqual([frame(2, "smessage", "a", "x")]);
    expect(three.received).toEqual([]);
  });

  test("it is encoded once for each protocol, however many listen", () => {
    const { outlet, pubsub } = make();
    const clients = Array.from({ length: 100 }, (_, i) => new Client(2 + (i % 2)));
    for (const client of clients) subscribe(pubsub, client, CHANNEL, "a");
    expect(publish(pubsub, "a", "hello")).toEqual(100);
    const { length } = frame(2, "message", "a", "hello");
    expect(outlet.writers.map(({ at }) => at)).toEqual([length, length]);
    expect(new Set(clients.map(({ received }) => received.join()))).toEqual(
      new Set([frame(2, "message", "a", "hello"), frame(3, "message", "a", "hello")]),
    );
  });

  test("nothing is encoded where nobody listens", () => {
    const { outlet, pubsub, two } = make();
    subscribe(pubsub, two, CHANNEL, "b");
    expect(publish(pubsub, "a", "hello")).toEqual(0);
    expect(outlet.writers.map(({ at }) => at)).toEqual([0, 0]);
  });

  test("twice is once, and the last one to leave takes the name along", () => {
    const { pubsub, two, three } = make();
    for (const client of [two, two, three]) subscribe(pubsub, client, CHANNEL, "a");
    expect([listenerCount(pubsub, CHANNEL, "a"), two.subscriptions!.total]).toEqual([2, 1]);
    unsubscribe(pubsub, two, CHANNEL, "a");
    unsubscribe(pubsub, two, CHANNEL, "a");
    unsubscribe(pubsub, three, PATTERN, "a");
    expect([...namesOf(pubsub, CHANNEL)]).toEqual(["a"]);
    expect(two.subscriptions).toEqual(null);
    unsubscribe(pubsub, three, CHANNEL, "a");
    expect({ names: [...namesOf(pubsub, CHANNEL)], own: three.subscriptions }).toEqual({
      names: [],
      own: null,
    });
  });

  test("random subscriptions against a plain model", () =>
    forSeeds(30, (random) => {
      const { pubsub } = make();
      const clients = Array.from({ length: 6 }, (_, i) => new Client(2 + (i % 2)));
      const model = clients.map(() => [new Set<string>(), new Set<string>(), new Set<string>()]);
      const names = ["a", "b", "ab", "a*", "*", "?b", "[ab]", "\xff"];
      for (let step = 0; step < 300; step++) {
        const n = random.below(clients.length);
        const client = clients[n]!;
        const kind = pick<Kind>(random, [CHANNEL, PATTERN, SHARD]);
        const name = pick(random, names);
        switch (random.below(8)) {
          case 0:
          case 1:
          case 2:
            subscribe(pubsub, client, kind, name);
            model[n]![kind]!.add(name);
            break;
          case 3:
          case 4:
            unsubscribe(pubsub, client, kind, name);
            model[n]![kind]!.delete(name);
            break;
          case 5:
            if (random.below(5) > 0) break;
            pubsub.unsubscribeAll(client);
            for (const set of model[n]!) set.clear();
            break;
          default: {
            const message = String(step);
            const toShard = random.below(3) === 0;
            let receivers = 0;
            const expected = clients.map(({ protocol }, i) => {
              const [channels, patterns, shards] = model[i]!;
              const out: string[] = [];
              if (toShard && shards!.has(name))
                out.push(frame(protocol, "smessage", name, message));
              if (!toShard && channels!.has(name))
                out.push(frame(protocol, "message", name, message));
              for (const pattern of toShard ? [] : patterns!) {
                if (!globMatch(pattern, name)) continue;
                out.push(frame(protocol, "pmessage", pattern, name, message));
              }
              receivers += out.length;
              return out.sort();
            });
            const told = toShard
              ? publishToShard(pubsub, name, message)
              : publish(pubsub, name, message);
            const received = clients.map((each) => each.received.splice(0).sort());
            expect({ step, told, received }).toEqual({ step, told: receivers, received: expected });
          }
        }
        for (const each of [CHANNEL, PATTERN, SHARD] as const) {
          const all = model.flatMap((sets) => [...sets[each]!]);
          expect([...namesOf(pubsub, each)].sort()).toEqual([...new Set(all)].sort());
          expect(pubsub.nameCount(each)).toEqual(new Set(all).size);
          expect(clients.map((own) => own.subscriptions?.count(each) ?? 0)).toEqual(
            model.map((sets) => sets[each]!.size),
          );
          expect(listenerCount(pubsub, each, name)).toEqual(all.filter((n) => n === name).length);
        }
      }
    }));
});
