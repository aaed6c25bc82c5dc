/**
 * One connection's writes against a plain model: each connection has a database of its own, so
 * that what a crash leaves there must be a prefix of what this connection sent.
 */
import type { Random } from "../../src/base/random.ts";
import type { RunningServer } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { parseValue } from "../harness/reply-value.ts";
import type { Tally } from "./tally.ts";

type Stored = { readonly value: string | readonly string[]; readonly expireAtMs: number };
type Data = Map<string, Stored>;

/** A command that was sent and what it does to the data. */
interface Write {
  readonly args: readonly string[];
  readonly apply: (data: Data) => void;
}

const KEYS = 12;
const PIPELINE_MAX = 12;
/** Far enough that nothing expires in a test. */
const FAR_MS = 4_000_000_000_000;
const NEVER = -1;

function keep(data: Data, key: string, value: string | readonly string[]): void {
  if (value.length === 0 && typeof value !== "string") data.delete(key);
  else data.set(key, { value, expireAtMs: data.get(key)?.expireAtMs ?? NEVER });
}

function listOf(data: Data, key: string): readonly string[] {
  return (data.get(key)?.value as readonly string[] | undefined) ?? [];
}

/** Draws one write; its arguments depend on chance alone, so the model need not be asked. */
function draw(random: Random): Write {
  const text = `t${random.below(KEYS)}`;
  const counter = `n${random.below(KEYS)}`;
  const list = `l${random.below(KEYS)}`;
  const any = [text, counter, list][random.below(3)]!;
  const value = random.hex(1 + random.below(random.below(20) === 0 ? 3000 : 40));
  const atMs = FAR_MS + random.below(1_000_000);
  switch (random.below(16)) {
    case 0:
    case 1:
      return {
        args: ["SET", text, value],
        apply: (data) => void data.set(text, { value, expireAtMs: NEVER }),
      };
    case 2:
      return {
        args: ["SET", text, value, "PXAT", String(atMs)],
        apply: (data) => void data.set(text, { value, expireAtMs: atMs }),
      };
    case 3:
      return {
        args: ["APPEND", text, value],
        apply: (data) => keep(data, text, ((data.get(text)?.value as string) ?? "") + value),
      };
    case 4:
    case 5: {
      const by = random.below(1000) - 500;
      return {
        args: ["INCRBY", counter, String(by)],
        apply: (data) => keep(data, counter, String(Number(data.get(counter)?.value ?? 0) + by)),
      };
    }
    case 6:
    case 7:
      return {
        args: ["RPUSH", list, value, "1", value],
        apply: (data) => keep(data, list, [...listOf(data, list), value, "1", value]),
      };
    case 8:
      return {
        args: ["LPUSH", list, value],
        apply: (data) => keep(data, list, [value, ...listOf(data, list)]),
      };
    case 9:
      return {
        args: ["LPOP", list, "2"],
        apply: (data) => data.has(list) && keep(data, list, listOf(data, list).slice(2)),
      };
    case 10:
      return {
        args: ["LMPOP", "1", list, "RIGHT"],
        apply: (data) => data.has(list) && keep(data, list, listOf(data, list).slice(0, -1)),
      };
    case 11:
      return {
        args: ["DEL", any, list],
        apply: (data) => {
          data.delete(any);
          data.delete(list);
        },
      };
    case 12:
      return {
        args: ["PEXPIREAT", any, String(atMs)],
        apply: (data) => {
          const stored = data.get(any);
          if (stored !== undefined) data.set(any, { ...stored, expireAtMs: atMs });
        },
      };
    case 13:
      return {
        args: ["MSET", text, value, counter, "7"],
        apply: (data) => {
          data.set(text, { value, expireAtMs: NEVER });
          data.set(counter, { value: "7", expireAtMs: NEVER });
        },
      };
    case 14: {
      const other = `l${random.below(KEYS)}`;
      return {
        args: ["RENAME", list, other],
        apply: (data) => {
          const stored = data.get(list);
          if (stored === undefined) return;
          data.delete(list);
          data.set(other, stored);
        },
      };
    }
    default:
      if (random.below(8) > 0) {
        return {
          args: ["COPY", text, `t${KEYS}`, "REPLACE"],
          apply: (data) => {
            const stored = data.get(text);
            if (stored !== undefined) data.set(`t${KEYS}`, stored);
          },
        };
      }
      return { args: ["FLUSHDB"], apply: (data) => data.clear() };
  }
}

/** The entries that differ, cut so that they can be read. */
function difference(a: Data, b: Data): string {
  const keys = [...new Set([...a.keys(), ...b.keys()])].sort();
  const text = (data: Data, key: string) => JSON.stringify(data.get(key))?.slice(0, 200);
  const differing = keys.filter((key) => text(a, key) !== text(b, key));
  return differing.map((key) => `${key}: ${text(a, key)} | ${text(b, key)}`).join("\n");
}

function shown(data: Data): string {
  return JSON.stringify([...data].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What the database of the client holds. */
async function readAll(client: RawClient): Promise<Data> {
  const data: Data = new Map();
  const keys = parseValue(await client.call("KEYS", "*")) as string[];
  await Promise.all(
    keys.map(async (key) => {
      const read = key.startsWith("l") ? ["LRANGE", key, "0", "-1"] : ["GET", key];
      const [value, time] = await Promise.all([
        client.call(...read),
        client.call("PEXPIRETIME", key),
      ]);
      const stored = parseValue(value) as string | string[];
      data.set(key, { value: stored, expireAtMs: parseValue(time) as number });
    }),
  );
  return data;
}

export class Writer {
  readonly #index: number;
  readonly #random: Random;
  /** Of all writers' acknowledged writes. */
  readonly #tally: Tally;
  /** What is there for certain. */
  readonly #data: Data = new Map();
  /** Sent behind that; the first `#acknowledged` of them have been answered. */
  #sent: Write[] = [];
  #acknowledged = 0;

  constructor(index: number, random: Random, tally: Tally) {
    this.#index = index;
    this.#random = random;
    this.#tally = tally;
  }

  /** Writes pipelines of random length until the connection ends. */
  async run(server: RunningServer): Promise<void> {
    const client = await server.connect().catch(() => null);
    // The server was killed before it had taken the connection.
    if (client === null) return;
    client.write(encodeCommand(["SELECT", String(this.#index)]));
    let unread = 0;
    const read = async () => {
      await client.read();
      while (true) {
        const reply = await client.read();
        unread--;
        this.#acknowledged++;
        if (reply.startsWith("-") && !reply.startsWith("-ERR no such key")) {
          throw new Error(`a write was refused: ${reply}`);
        }
        this.#tally.add();
      }
    };
    const reading = read().catch((error: Error) => {
      if (client.isClosed) return;
      client.close();
      throw error;
    });
    while (!client.isClosed) {
      if (unread < PIPELINE_MAX * 4) {
        const writes = Array.from({ length: 1 + this.#random.below(PIPELINE_MAX) }, () =>
          draw(this.#random),
        );
        this.#sent.push(...writes);
        unread += writes.length;
        client.write(Buffer.concat(writes.map((write) => encodeCommand(write.args))));
      }
      await new Promise((done) => setImmediate(done));
    }
    await reading;
  }

  /** Compares with what the server has now; returns what is wrong, or "". */
  async compare(client: RawClient): Promise<string> {
    await client.call("SELECT", String(this.#index));
    const found = await readAll(client);
    const have = shown(found);
    for (const write of this.#sent.slice(0, this.#acknowledged)) write.apply(this.#data);
    const acknowledged = new Map(this.#data);
    const inFlight = this.#sent.slice(this.#acknowledged);
    this.#sent = [];
    this.#acknowledged = 0;
    if (have === shown(acknowledged)) return "";
    for (const write of inFlight) {
      write.apply(this.#data);
      if (shown(this.#data) === have) return "";
    }
    return [
      `database ${this.#index} is in no state that its connection can have left, with ${inFlight.length} writes in flight; acknowledged | found:`,
      difference(acknowledged, found),
    ].join("\n");
  }
}
