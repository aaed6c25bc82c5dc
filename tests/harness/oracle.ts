/**
 * The oracle: each call goes to a real redis-server and to StormDB, in RESP2 and in RESP3, and
 * the replies must be equal to the byte. Where redis-server is missing the tests are skipped.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { splitArguments } from "../../src/protocol/arguments.ts";
import { type RunningServer, startRedis, startStormdb } from "./processes.ts";
import { encodeCommand, type RawClient } from "./raw-client.ts";
import { without } from "./skips.ts";

/** A line as at redis-cli's prompt ("\x00" and the like in double quotes), or its arguments. */
export type Words = string | readonly string[];

/**
 * A call with how to compare its replies. Where an argument is "{name.id}" the id of that
 * connection stands in the call.
 */
export interface Step {
  readonly call: Words;
  readonly as?: Comparison;
  /** The name of the connection that sends it; each name has a connection of its own. */
  readonly on?: string;
  /** How many frames come back, replies and pushes; 1 without it. */
  readonly replies?: number;
  /** The servers close the connection behind their reply; the next call opens it anew. */
  readonly closes?: true;
}

/** Calls sent in one write: whatever comes back until the reply to a last ECHO must be equal. */
export interface Pipe {
  readonly pipe: readonly Words[];
  readonly on?: string;
  readonly as?: Comparison;
}

/** Calls sent in one write, whose replies are not waited for. */
export interface Send {
  readonly send: readonly Words[];
  readonly on: string;
}

/** A call that makes its client wait, and calls sent in the same write; done when it waits. */
export interface Waits {
  readonly waits: Words;
  readonly then?: readonly Words[];
  readonly on: string;
}

/** The next frames that come at a connection without a call; `closes`: all, up to its end. */
export interface Read {
  readonly read: string;
  readonly replies?: number;
  readonly closes?: true;
  readonly as?: Comparison;
}

/** All that has come at a connection: up to the reply to a PING, which subscribers may send too. */
export interface Sync {
  readonly sync: string;
  readonly as?: Comparison;
}

/** The connection is closed from this side; done when the servers have noticed. */
export interface Leave {
  readonly leave: string;
}

/** The call is repeated on a connection of the harness until it has that reply from both. */
export interface Until {
  readonly until: Words;
  readonly is: string;
}

type Item = Step | Pipe | Send | Waits | Read | Sync | Leave | Until;

export type Call = string | Item;

/**
 * same: equal bytes. sorted: the same set of elements. shape: equal but for digits.
 * error: both fail. any: both reply, whatever it is. without: equal but for what matches. only:
 * what matches is equal. A function makes what must be equal. redis72: StormDB replies this, as Redis 7.2
 * does where 7.0 differs; as a function it makes that from the reply of 7.0. differs: StormDB
 * replies this for the reason given.
 */
export type Comparison =
  | "same"
  | "sorted"
  | "shape"
  | "error"
  | "any"
  | { readonly without: RegExp }
  | { readonly only: RegExp }
  | ((reply: string) => string)
  | { readonly redis72: string | ((redis70: string) => string) }
  | { readonly differs: string; readonly because: string };

export interface Pair {
  readonly redis: RunningServer;
  readonly storm: RunningServer;
}

/** Directives for both servers, such as "--requirepass", "secret". */
export type Directives = readonly string[];

interface Shared {
  pair: Promise<Pair> | undefined;
  users: number;
}

const shared = new Map<string, Shared>();

async function start(directives: Directives): Promise<Pair> {
  const [redis, storm] = await Promise.all([
    startRedis(...directives),
    startStormdb(...directives),
  ]);
  return { redis, storm };
}

/**
 * A describe block whose tests share a pair of servers with all others of the file that have the
 * same directives; skipped without redis-server. `pair` starts the servers at its first call.
 */
export function describePair(
  name: string,
  body: (pair: () => Promise<Pair>) => void,
  directives: Directives = [],
): void {
  const id = directives.join(" ");
  describe.skipIf(without("redis-server"))(name, () => {
    // Counted where blocks are declared, so that the last one to end stops the servers.
    const entry = shared.get(id) ?? { pair: undefined, users: 0 };
    shared.set(id, entry);
    entry.users++;
    afterAll(async () => {
      if (--entry.users > 0) return;
      shared.delete(id);
      if (entry.pair === undefined) return;
      const { redis, storm } = await entry.pair;
      await Promise.all([redis[Symbol.asyncDispose](), storm[Symbol.asyncDispose]()]);
    });
    body(() => {
      entry.pair ??= start(directives);
      return entry.pair;
    });
  });
}

const PIPE_END = "end of pipe";
const SYNC_END = "end of sync";

/** The connection of the harness itself, for what is no part of the script. */
const OWN = "harness";

/** Stands for a reply that did not come. */
const FAILED = "failed: ";

/** A frame that has not come by then is missing. */
const FRAME_MS_MAX = 10_000;
/** Long enough for a missing frame to be reported; a test that is cut short ends the servers. */
const TEST_MS_MAX = 60_000;

/** The connections of a script to one server. */
class Session {
  readonly #server: RunningServer;
  readonly #protocol: string;
  readonly #password: string | undefined;
  readonly #clients = new Map<string, RawClient>();
  /** Ids of the connections, in decimal. */
  readonly #ids = new Map<string, string>();
  /** Connections at the begin. */
  #present = 0;

  constructor(server: RunningServer, protocol: string, directives: Directives) {
    this.#server = server;
    this.#protocol = protocol;
    const at = directives.indexOf("--requirepass");
    this.#password = at < 0 ? undefined : directives[at + 1];
  }

  async begin(): Promise<void> {
    this.#present = await this.#figure("connected_clients");
  }

  /** Closes what is open, and waits until the server has forgotten it. */
  async end(): Promise<void> {
    for (const [name, client] of this.#clients) if (name !== OWN) client.close();
    await become("connections are gone", async () => {
      return (await this.#figure("connected_clients")) <= this.#present;
    });
    this.#clients.get(OWN)!.close();
  }

  /** A number of INFO's. */
  async #figure(name: string): Promise<number> {
    const info = await (await this.#client(OWN)).call("INFO", "clients");
    return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)![1]);
  }

  async #client(name: string): Promise<RawClient> {
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = await this.#server.connect();
      if (name === OWN && this.#password !== undefined) await client.call("AUTH", this.#password);
      const hello = await client.call("HELLO", this.#protocol);
      this.#ids.set(name, /\bid\r\n:(\d+)/.exec(hello)?.[1] ?? "");
      this.#clients.set(name, client);
    }
    return client;
  }

  async #read(client: RawClient, frames = 1): Promise<string> {
    let text = "";
    for (let i = 0; i < frames; i++) text += await inTime(client.read(), "a reply is missing");
    return text;
  }

  async #readToEnd(name: string): Promise<string> {
    const client = await this.#client(name);
    await inTime(client.closed, "it is not closed");
    this.#clients.delete(name);
    return `${client.unread}(closed)`;
  }

  #encode(calls: readonly Words[]): Buffer {
    const ids = this.#ids;
    const filled = (word: string) =>
      word.replace(/^\{(\w+)\.id\}$/, (_, name: string) => ids.get(name)!);
    return Buffer.concat(calls.map((call) => encodeCommand(argumentsOf(call).map(filled))));
  }

  async run(item: Item): Promise<string> {
    if ("until" in item) return this.#runUntil(item);
    if ("leave" in item) return this.#leave(item.leave);
    if ("read" in item) {
      if (item.closes) return this.#readToEnd(item.read);
      return this.#read(await this.#client(item.read), item.replies);
    }
    if ("sync" in item) {
      const client = await this.#client(item.sync);
      client.write(encodeCommand(["PING", SYNC_END]));
      return inTime(client.readThrough(`${SYNC_END}\r\n`), "the end is missing");
    }
    const name = item.on ?? "";
    const client = await this.#client(name);
    if ("send" in item) {
      client.write(this.#encode(item.send));
      return "";
    }
    if ("pipe" in item) {
      client.write(this.#encode([...item.pipe, ["ECHO", PIPE_END]]));
      return inTime(client.readThrough(`${PIPE_END}\r\n`), "the end is missing");
    }
    if ("waits" in item) {
      const waiting = await this.#figure("blocked_clients");
      client.write(this.#encode([item.waits, ...(item.then ?? [])]));
      await become("the client waits", async () => {
        return (await this.#figure("blocked_clients")) > waiting;
      });
      return "";
    }
    client.write(this.#encode([item.call]));
    return item.closes ? this.#readToEnd(name) : this.#read(client, item.replies);
  }

  async #runUntil({ until: call, is }: Until): Promise<string> {
    const own = await this.#client(OWN);
    await become(`the reply is ${shown(is)}`, async () => {
      return (await own.call(...argumentsOf(call))) === is;
    });
    return "";
  }

  async #leave(name: string): Promise<string> {
    const before = await this.#figure("connected_clients");
    (await this.#client(name)).close();
    this.#clients.delete(name);
    await become("the client is gone", async () => {
      return (await this.#figure("connected_clients")) < before;
    });
    return "";
  }

  /** What has come and was not read, by connection; without the times and ports of MONITOR. */
  get unread(): string {
    const unread = [...this.#clients].map(([name, client]) => `${name}: ${client.unread}`);
    return unread.join("; ").replace(/\d+\.\d{6} \[|127\.0\.0\.1:\d+/g, "*");
  }
}

/** Waits until the condition holds, no longer than for a frame. */
async function become(what: string, condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + FRAME_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`timed out waiting for: ${what}`);
    await Bun.sleep(1);
  }
}

async function inTime<T>(promise: Promise<T>, message: string): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(message)), FRAME_MS_MAX);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function argumentsOf(call: Words): readonly string[] {
  return typeof call === "string" ? splitArguments(call)! : call;
}

/** Long arguments cut, so that a failure can be read. */
export function shown(text: string): string {
  const line = text.replace(/\r\n/g, "|");
  return line.length <= 400
    ? line
    : `${line.slice(0, 300)}… (${line.length} bytes) …${line.slice(-60)}`;
}

function wordsOf(item: Item): string {
  if ("read" in item || "sync" in item)
    return `what comes at ${"read" in item ? item.read : item.sync}`;
  if ("leave" in item) return `${item.leave} leaves`;
  const calls =
    "pipe" in item
      ? item.pipe
      : "send" in item
        ? item.send
        : "waits" in item
          ? [item.waits, ...(item.then ?? [])]
          : ["until" in item ? item.until : item.call];
  const words = calls.map((call) => argumentsOf(call).join(" ")).join("; ");
  return "on" in item ? `${item.on}: ${words}` : words;
}

function comparable(reply: string, as: Comparison): string {
  if (as === "sorted") return reply.split("\r\n").sort().join("\r\n");
  if (as === "shape") return reply.replace(/[0-9]+/g, "0");
  if (as === "error") return reply.slice(0, 1);
  if (as === "any") return "";
  if (typeof as === "function") return as(reply);
  if (typeof as === "object" && "without" in as) return reply.replace(as.without, "*");
  if (typeof as === "object" && "only" in as) return (reply.match(as.only) ?? []).join(" ");
  return reply;
}

function wanted(redis70: string, as: Comparison): string {
  if (typeof as !== "object") return comparable(redis70, as);
  if ("differs" in as) return as.differs;
  if (!("redis72" in as)) return comparable(redis70, as);
  return typeof as.redis72 === "string" ? as.redis72 : as.redis72(redis70);
}

async function runScript(calls: readonly Call[], sessions: readonly Session[]): Promise<void> {
  const own = (call: string) =>
    Promise.all(sessions.map((session) => session.run({ call, on: OWN })));
  await own("FLUSHALL");
  // All differences are gathered, because one often explains the next.
  const expected: string[] = [];
  const got: string[] = [];
  const compare = (what: string, want: string, have: string): void => {
    if (want === have) return;
    expected.push(`${what} -> ${shown(want)}`);
    got.push(`${what} -> ${shown(have)}`);
  };
  for (const [step, call] of calls.entries()) {
    const item: Item = typeof call === "string" ? { call } : call;
    const what = `${step}: ${shown(wordsOf(item))}`;
    const [ofRedis, ofStorm] = await Promise.all(
      sessions.map((session) =>
        session.run(item).catch((error: Error) => `${FAILED}${error.message}`),
      ),
    );
    const as = ("as" in item && item.as) || "same";
    compare(what, wanted(ofRedis!, as), comparable(ofStorm!, as));
    // Behind a reply that did not come all others are those of calls before.
    if (ofRedis!.startsWith(FAILED)) throw new Error(`redis-server: ${what}: ${ofRedis}`);
    if (ofStorm!.startsWith(FAILED)) break;
  }
  expect(got).toEqual(expected);
  const [wantDigest, digest] = await own("DEBUG DIGEST");
  expect(digest).toEqual(wantDigest!);
  expect((await own("DEBUG CHECK"))[1]).toEqual("+OK\r\n");
  const [unread, unreadOfStorm] = sessions.map((session) => session.unread);
  expect(unreadOfStorm).toEqual(unread!);
}

/** Runs a script of calls; data, databases and connections are fresh at its start. */
export function oracleTest(
  name: string,
  calls: readonly Call[],
  directives: Directives = [],
): void {
  describePair(
    name,
    (pair) => {
      for (const protocol of ["2", "3"]) {
        test(
          `RESP${protocol}`,
          async () => {
            const { redis, storm } = await pair();
            const sessions = [redis, storm].map((one) => new Session(one, protocol, directives));
            await Promise.all(sessions.map((session) => session.begin()));
            try {
              await runScript(calls, sessions);
            } finally {
              await Promise.all(sessions.map((session) => session.end()));
            }
          },
          TEST_MS_MAX,
        );
      }
    },
    directives,
  );
}
