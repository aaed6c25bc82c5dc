import { describe, expect, test } from "bun:test";
import * as errors from "../../../../src/protocol/errors.ts";
import { Subscriptions } from "../../../../src/pubsub/pubsub.ts";
import type { Connection } from "../../../../src/server/connections/connection.ts";
import { Harness, specOf } from "./harness.ts";

const MISCONF = "MISCONF the disk fails";

function harness() {
  return new Harness([
    specOf("set", "write denyoom", (c) => c.reply.ok()),
    specOf("del", "write", (c) => c.reply.ok()),
    specOf("get", "readonly", (c) => c.reply.ok()),
    specOf("ping", "fast", (c) => c.reply.ok(), { whileSubscribed: true }),
    specOf("auth", "noscript loading stale no_auth", (c) => c.reply.ok()),
    specOf("info", "loading stale", (c) => c.reply.ok()),
    specOf("watch", "no_multi loading stale", (c) => c.reply.ok()),
  ]);
}

/** Puts the server and a client into a state in which several refusals hold. */
const STATES = {
  unauthenticated: (_: Harness, client: Connection) => {
    client.authenticated = false;
  },
  "out of memory": (made: Harness) => {
    made.refusals.memoryMax = 1;
  },
  "failing disk": (made: Harness) => {
    made.persistence.refusal = MISCONF;
  },
  "read-only replica": (made: Harness) => {
    made.refusals.writeRefusal = errors.READ_ONLY_REPLICA;
  },
  subscribed: (_: Harness, client: Connection) => {
    client.subscriptions = new Subscriptions();
  },
  "stale replica": (made: Harness) => {
    made.refusals.readRefusal = errors.PRIMARY_DOWN;
  },
  loading: (made: Harness) => {
    made.persistence.loading = true;
  },
  monitor: (_: Harness, client: Connection) => {
    client.isMonitor = true;
  },
} as const;
type State = keyof typeof STATES;

function reply(command: string, ...states: State[]): string | null {
  const made = harness();
  const client = made.client();
  for (const state of states) STATES[state](made, client);
  return made.call(client, command, "k")!.trim();
}

const SUBSCRIBERS_ONLY = (name: string) => `-${errors.subscribersOnly(name)}`;

describe("each state refuses what Redis refuses in it", () => {
  test.each<[State, Readonly<Record<string, string>>]>([
    [
      "unauthenticated",
      {
        get: errors.NO_AUTH,
        set: errors.NO_AUTH,
        del: errors.NO_AUTH,
        ping: errors.NO_AUTH,
        info: errors.NO_AUTH,
      },
    ],
    ["out of memory", { set: errors.OOM }],
    ["failing disk", { set: MISCONF, del: MISCONF, ping: MISCONF }],
    ["read-only replica", { set: errors.READ_ONLY_REPLICA, del: errors.READ_ONLY_REPLICA }],
    [
      "stale replica",
      {
        get: errors.PRIMARY_DOWN,
        set: errors.PRIMARY_DOWN,
        del: errors.PRIMARY_DOWN,
        ping: errors.PRIMARY_DOWN,
      },
    ],
    [
      "loading",
      { get: errors.LOADING, set: errors.LOADING, del: errors.LOADING, ping: errors.LOADING },
    ],
    ["monitor", { get: errors.MONITOR_ONLY, set: errors.MONITOR_ONLY, del: errors.MONITOR_ONLY }],
  ])("%s", (state, refused) => {
    for (const name of ["get", "set", "del", "ping", "auth", "info"]) {
      const expected = refused[name] === undefined ? "+OK" : `-${refused[name]}`;
      expect([name, reply(name, state)]).toEqual([name, expected]);
    }
  });

  test("subscribed, in RESP2 only", () => {
    expect(reply("get", "subscribed")).toEqual(SUBSCRIBERS_ONLY("get"));
    expect(reply("ping", "subscribed")).toEqual("+OK");
    const made = harness();
    const client = made.client();
    client.subscriptions = new Subscriptions();
    client.protocol = 3;
    expect(made.call(client, "get", "k")).toEqual("+OK\r\n");
  });
});

test("of several refusals the first in Redis's order is told", () => {
  const order: [State, string][] = [
    ["unauthenticated", errors.NO_AUTH],
    ["out of memory", errors.OOM],
    ["failing disk", MISCONF],
    ["read-only replica", errors.READ_ONLY_REPLICA],
    ["subscribed", errors.subscribersOnly("set")],
    ["stale replica", errors.PRIMARY_DOWN],
    ["monitor", errors.MONITOR_ONLY],
  ];
  for (const [i, [, error]] of order.entries()) {
    expect(reply("set", ...order.slice(i).map(([state]) => state))).toEqual(`-${error}`);
  }
});

test("a PING to a subscriber tells of the failing disk too", () => {
  expect(reply("ping", "failing disk", "subscribed")).toEqual(`-${MISCONF}`);
});

test("while the data is loaded an earlier failure of the disk is not told", () => {
  expect(reply("ping", "failing disk", "loading")).toEqual(`-${errors.LOADING}`);
});

test("in a transaction, too, the states decide", () => {
  const made = harness();
  const client = made.client();
  client.transaction = {
    requests: {} as never,
    commands: [],
    bits: 0,
    aborted: false,
    queue() {},
    clear() {},
  };
  expect(made.call(client, "watch", "k")).toEqual(`-${errors.NOT_IN_TRANSACTION}\r\n`);
  expect(client.transaction.aborted).toEqual(true);
  client.transaction.aborted = false;
  expect(made.call(client, "get", "k")).toEqual("+QUEUED\r\n");
  made.refusals.memoryMax = 1;
  // What is queued takes memory, whatever it does.
  expect(made.call(client, "get", "k")).toEqual(`-${errors.OOM}\r\n`);
  expect(client.transaction.aborted).toEqual(true);
});

test("a pause of writes holds writes until it ends, by itself or by UNPAUSE", () => {
  const made = harness();
  const client = made.client();
  made.pause.begin(made.clock.nowMs + 1000, true);
  expect(made.call(client, "get", "k")).toEqual("+OK\r\n");
  expect(made.call(client, "set", "k")).toBeNull();
  expect(client.paused).toEqual(true);
  client.paused = false;
  made.clock.advanceBy(1001);
  expect(made.call(client, "set", "k")).toEqual("+OK\r\n");
  made.pause.begin(made.clock.nowMs + 1000, false);
  expect(made.call(client, "get", "k")).toBeNull();
  made.pause.end();
  expect(made.call(client, "get", "k")).toEqual("+OK\r\n");
});

test("the plain path is left as soon as one bit of client or server is set", () => {
  const made = harness();
  const client = made.client();
  made.dispatch.beginBatch();
  expect(client.state | made.refusals.conditions).toEqual(0);
  const states: ((on: boolean) => void)[] = [
    (on) => (client.authenticated = !on),
    (on) => (client.isMonitor = on),
    (on) => (client.isReplica = on),
    (on) => (client.noTouch = on),
    (on) => (client.replyMode = on ? "off" : "on"),
    (on) => (client.subscriptions = on ? new Subscriptions() : null),
    (on) => (made.persistence.loading = on),
    (on) => (made.persistence.refusal = on ? MISCONF : ""),
    (on) => (made.refusals.writeRefusal = on ? "x" : ""),
    (on) => (made.refusals.readRefusal = on ? "x" : ""),
    (on) => (on ? made.pause.begin(made.clock.nowMs + 1000, true) : made.pause.end()),
  ];
  for (const set of states) {
    set(true);
    made.dispatch.refreshConditions();
    expect(client.state | made.refusals.conditions).not.toEqual(0);
    set(false);
    made.dispatch.refreshConditions();
    expect(client.state | made.refusals.conditions).toEqual(0);
  }
});
