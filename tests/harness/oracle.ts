/**
 * The oracle: each call goes to a real redis-server and to StormDB, in RESP2 and in RESP3, and
 * the replies must be equal to the byte. Where redis-server is missing the tests are skipped.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { splitArguments } from "../../src/protocol/arguments.ts";
import { REDIS_SERVER, type RunningServer, startRedis, startStormdb } from "./processes.ts";
import { encodeCommand, type RawClient } from "./raw-client.ts";

/** A line as at redis-cli's prompt ("\x00" and the like in double quotes), or its arguments. */
export type Words = string | readonly string[];

/** A call with how to compare its replies. */
export interface Step {
  readonly call: Words;
  readonly as?: Comparison;
  /** The name of the connection that sends it; each name has a connection of its own. */
  readonly on?: string;
  /** The servers close the connection behind their reply; the next call opens it anew. */
  readonly closes?: true;
}

/** Calls sent in one write: whatever comes back until the reply to a last ECHO must be equal. */
export interface Pipe {
  readonly pipe: readonly Words[];
}

export type Call = string | Step | Pipe;

/**
 * same: equal bytes. sorted: the same set of elements. shape: equal but for digits.
 * error: both fail. any: both reply, whatever it is. redis72: StormDB replies this, as Redis 7.2
 * does where 7.0 differs; as a function it makes that from the reply of 7.0. differs: StormDB
 * replies this for the reason given.
 */
export type Comparison =
  | "same"
  | "sorted"
  | "shape"
  | "error"
  | "any"
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
  describe.skipIf(REDIS_SERVER === null)(name, () => {
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

/** The connection of the harness itself, for what is no part of the script. */
const OWN = "harness";

/** The connections of a script to one server. */
class Session {
  readonly #server: RunningServer;
  readonly #protocol: string;
  readonly #password: string | undefined;
  readonly #clients = new Map<string, RawClient>();

  constructor(server: RunningServer, protocol: string, directives: Directives) {
    this.#server = server;
    this.#protocol = protocol;
    const at = directives.indexOf("--requirepass");
    this.#password = at < 0 ? undefined : directives[at + 1];
  }

  async #client(name: string): Promise<RawClient> {
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = await this.#server.connect();
      if (name === OWN && this.#password !== undefined) await client.call("AUTH", this.#password);
      await client.call("HELLO", this.#protocol);
      this.#clients.set(name, client);
    }
    return client;
  }

  async run(item: Step | Pipe): Promise<string> {
    if ("pipe" in item) return this.#runPipe(item.pipe);
    const name = item.on ?? "";
    const client = await this.#client(name);
    const args = argumentsOf(item.call);
    if (item.closes !== true) return client.call(...args);
    client.write(encodeCommand(args));
    await client.closed;
    this.#clients.delete(name);
    return `${client.unread}(closed)`;
  }

  async #runPipe(calls: readonly Words[]): Promise<string> {
    const client = await this.#client("");
    const requests = [...calls.map(argumentsOf), ["ECHO", PIPE_END]];
    client.write(Buffer.concat(requests.map(encodeCommand)));
    const replies: string[] = [];
    while (!replies.at(-1)?.includes(PIPE_END)) replies.push(await client.read());
    return replies.join("");
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
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

function wordsOf(item: Step | Pipe): string {
  const calls = "pipe" in item ? item.pipe : [item.call];
  return calls.map((call) => argumentsOf(call).join(" ")).join("; ");
}

function comparable(reply: string, as: Comparison): string {
  if (as === "sorted") return reply.split("\r\n").sort().join("\r\n");
  if (as === "shape") return reply.replace(/[0-9]+/g, "0");
  if (as === "error") return reply.slice(0, 1);
  if (as === "any") return "";
  return reply;
}

function wanted(redis70: string, as: Comparison): string {
  if (typeof as !== "object") return comparable(redis70, as);
  if ("differs" in as) return as.differs;
  return typeof as.redis72 === "string" ? as.redis72 : as.redis72(redis70);
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
        test(`RESP${protocol}`, async () => {
          const { redis, storm } = await pair();
          const sessions = [redis, storm].map((one) => new Session(one, protocol, directives));
          const own = (call: string) =>
            Promise.all(sessions.map((session) => session.run({ call, on: OWN })));
          await own("FLUSHALL");
          // All differences are gathered, because one often explains the next.
          const expected: string[] = [];
          const got: string[] = [];
          for (const call of calls) {
            const item = typeof call === "string" ? { call } : call;
            const [ofRedis, ofStorm] = await Promise.all(sessions.map((s) => s.run(item)));
            const as = ("as" in item && item.as) || "same";
            const want = wanted(ofRedis!, as);
            const have = comparable(ofStorm!, as);
            if (want === have) continue;
            expected.push(`${shown(wordsOf(item))} -> ${shown(want)}`);
            got.push(`${shown(wordsOf(item))} -> ${shown(have)}`);
          }
          expect(got).toEqual(expected);
          const [wantDigest, digest] = await own("DEBUG DIGEST");
          expect(digest).toEqual(wantDigest!);
          expect((await own("DEBUG CHECK"))[1]).toEqual("+OK\r\n");
          for (const session of sessions) session.close();
        });
      }
    },
    directives,
  );
}
