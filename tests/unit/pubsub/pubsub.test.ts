/** Who gets what, against a plain model; and that a message is encoded once for each protocol. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { globMatch } from "../../../src/base/glob.ts";
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
  return { outlet, pubsub: new PubSub<Client>(outlet), two: new Client(2), three: new Client(3) };
}

const publish = (pubsub: PubSub<Client>, channel: string, message: string) =>
  pubsub.publish(channel, latin1(`..${message}..`), 2, message.length);

describe("PubSub", () => {
  test("a message goes to channels and patterns, in the receiver's protocol", () => {
    const { pubsub, two, three } = make();
    pubsub.subscribe(two, CHANNEL, "a");
    pubsub.subscribe(two, PATTERN, "a*");
    pubsub.subscribe(three, CHANNEL, "a");
    pubsub.subscribe(three, PATTERN, "b*");
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
    pubsub.subscribe(two, SHARD, "a");
    pubsub.subscribe(three, CHANNEL, "a");
    pubsub.subscribe(three, PATTERN, "*");
    expect(pubsub.publishToShard("a", latin1("x"), 0, 1)).toEqual(1);
    expect(pubsub.publishToShard("b", latin1("x"), 0, 1)).toEqual(0);
    expect(two.received).toEqual([frame(2, "smessage", "a", "x")]);
    expect(three.received).toEqual([]);
  });

  test("it is encoded once for each protocol, however many listen", () => {
    const { outlet, pubsub } = make();
    const clients = Array.from({ length: 100 }, (_, i) => new Client(2 + (i % 2)));
    for (const client of clients) pubsub.subscribe(client, CHANNEL, "a");
    expect(publish(pubsub, "a", "hello")).toEqual(100);
    const { length } = frame(2, "message", "a", "hello");
    expect(outlet.writers.map(({ at }) => at)).toEqual([length, length]);
    expect(new Set(clients.map(({ received }) => received.join()))).toEqual(
      new Set([frame(2, "message", "a", "hello"), frame(3, "message", "a", "hello")]),
    );
  });

  test("nothing is encoded where nobody listens", () => {
    const { outlet, pubsub, two } = make();
    pubsub.subscribe(two, CHANNEL, "b");
    expect(publish(pubsub, "a", "hello")).toEqual(0);
    expect(outlet.writers.map(({ at }) => at)).toEqual([0, 0]);
  });

  test("twice is once, and the last one to leave takes the name along", () => {
    const { pubsub, two, three } = make();
    for (const client of [two, two, three]) pubsub.subscribe(client, CHANNEL, "a");
    expect([pubsub.listenerCount(CHANNEL, "a"), two.subscriptions!.total]).toEqual([2, 1]);
    pubsub.unsubscribe(two, CHANNEL, "a");
    pubsub.unsubscribe(two, CHANNEL, "a");
    pubsub.unsubscribe(three, PATTERN, "a");
    expect([...pubsub.names(CHANNEL)]).toEqual(["a"]);
    expect(two.subscriptions).toEqual(null);
    pubsub.unsubscribe(three, CHANNEL, "a");
    expect({ names: [...pubsub.names(CHANNEL)], own: three.subscriptions }).toEqual({
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
            pubsub.subscribe(client, kind, name);
            model[n]![kind]!.add(name);
            break;
          case 3:
          case 4:
            pubsub.unsubscribe(client, kind, name);
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
            const bytes = latin1(message);
            const told = toShard
              ? pubsub.publishToShard(name, bytes, 0, bytes.length)
              : pubsub.publish(name, bytes, 0, bytes.length);
            const received = clients.map((each) => each.received.splice(0).sort());
            expect({ step, told, received }).toEqual({ step, told: receivers, received: expected });
          }
        }
        for (const each of [CHANNEL, PATTERN, SHARD] as const) {
          const all = model.flatMap((sets) => [...sets[each]!]);
          expect([...pubsub.names(each)].sort()).toEqual([...new Set(all)].sort());
          expect(pubsub.nameCount(each)).toEqual(new Set(all).size);
          expect(clients.map((own) => own.subscriptions?.count(each) ?? 0)).toEqual(
            model.map((sets) => sets[each]!.size),
          );
          expect(pubsub.listenerCount(each, name)).toEqual(all.filter((n) => n === name).length);
        }
      }
    }));
});
