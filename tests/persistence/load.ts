/** Random writes for tests of durability, and what they need to compare servers and files. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Clock } from "../../src/base/clock.ts";
import { Random } from "../../src/base/random.ts";
import { RdbReader } from "../../src/persistence/snapshot/reader.ts";
import { Request } from "../../src/protocol/request.ts";
import { READY, RequestParser } from "../../src/protocol/request-parser.ts";
import { digestOfAll } from "../../src/store/digest.ts";
import { Keyspace } from "../../src/store/keyspace.ts";
import { DataFolder, type RunningServer, startStormdbOn, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";

export type Command = readonly string[];

export interface LoadOptions {
  readonly keys: number;
  /** Milliseconds that some keys live; 0 for none that expire in the test. */
  readonly shortMs: number;
  /** Whether some keys expire long after the test. */
  readonly far: boolean;
  /** One in this many commands is FLUSHALL, FLUSHDB or SWAPDB; 0 for none. */
  readonly flushEvery: number;
}

export const DATABASES = 4;
const FAR_SECONDS = 1_000_000;

/** Values of every form: short and long numbers, text that compresses and text that does not. */
export function randomValue(random: Random): string {
  switch (random.below(9)) {
    case 0:
      return String(random.int32() >> random.below(31));
    case 1:
      return String(BigInt(random.int32()) * BigInt(random.int32()) * 2n);
    case 2:
      return "a compressible text ".repeat(1 + random.below(30));
    case 3:
      return random.hex(20 + random.below(200));
    case 4:
      return random.below(40) === 0 ? random.hex(9000) : "x".repeat(random.below(400));
    case 5:
      return ["", "0", "-0", "007", "3.5", "\0\r\n\xff", "-9223372036854775808"][random.below(7)]!;
    default:
      return `value:${random.below(100000)}`;
  }
}

export function randomCommand(random: Random, options: LoadOptions): Command {
  const { keys } = options;
  const text = `s${random.below(keys)}`;
  const list = `l${random.below(Math.max(2, keys >> 4))}`;
  const any = random.below(2) === 0 ? text : list;
  const database = String(random.below(DATABASES));
  const value = randomValue(random);
  if (options.flushEvery > 0 && random.below(options.flushEvery) === 0) {
    const rare = [["FLUSHALL"], ["FLUSHDB"], ["FLUSHDB", "ASYNC"]];
    return random.below(3) === 0
      ? rare[random.below(rare.length)]!
      : ["SWAPDB", database, String(random.below(DATABASES))];
  }
  switch (random.below(24)) {
    case 0:
      return ["SELECT", database];
    case 1:
      return ["APPEND", text, value];
    case 2:
      return ["SETRANGE", text, String(random.below(300)), value];
    case 3:
      return ["INCR", `n${random.below(keys)}`];
    case 4:
      return ["INCRBYFLOAT", `f${random.below(keys)}`, "1.25"];
    case 5:
      return ["DEL", any, `s${random.below(keys)}`];
    case 6:
      return ["RENAME", any, random.below(2) === 0 ? `s${random.below(keys)}` : list];
    case 7:
      return ["COPY", any, `c${random.below(keys)}`, "DB", database, "REPLACE"];
    case 8:
      return ["MOVE", any, database];
    case 9:
      return ["LPUSH", list, value, value, "5"];
    case 10:
      return ["RPUSH", list, ...Array.from({ length: 30 }, () => randomValue(random))];
    case 11:
      return ["LPOP", list, String(random.below(8))];
    case 12:
      return ["LSET", list, String(random.below(6) - 3), value];
    case 13:
      return ["LINSERT", list, "BEFORE", "5", value];
    case 14:
      return random.below(4) === 0 ? ["LTRIM", list, "2", "-3"] : ["LREM", list, "1", "5"];
    case 15:
      return ["LMOVE", list, `l${random.below(Math.max(2, keys >> 4))}`, "LEFT", "RIGHT"];
    case 16:
      if (options.shortMs === 0) return ["GETDEL", text];
      return ["PEXPIRE", any, String(1 + random.below(options.shortMs))];
    case 17:
      if (options.shortMs === 0) return ["PERSIST", any];
      return ["SET", text, value, "PX", String(1 + random.below(options.shortMs))];
    case 18:
      return options.far ? ["EXPIRE", any, String(FAR_SECONDS)] : ["PERSIST", any];
    case 19:
      return ["MSET", text, value, `s${random.below(keys)}`, value];
    default:
      return ["SET", text, value];
  }
}

/** Sends the commands in one write and reads as many replies. */
export async function pipeline(client: RawClient, commands: readonly Command[]): Promise<string[]> {
  client.write(Buffer.concat(commands.map((command) => encodeCommand(command))));
  const replies: string[] = [];
  for (let i = 0; i < commands.length; i++) replies.push(await client.read());
  return replies;
}

/** Runs random commands, and lists large enough for several nodes at the end. */
export async function fill(client: RawClient, random: Random, count: number, options: LoadOptions) {
  const commands = Array.from({ length: count }, () => randomCommand(random, options));
  for (let i = 0; i < 5; i++) {
    for (let j = 0; j < 20; j++) {
      commands.push([
        "RPUSH",
        `large${i}`,
        ...Array.from({ length: 40 }, () => randomValue(random)),
      ]);
    }
  }
  commands.push(["RPUSH", "huge", random.hex(70000), "x".repeat(100000), "1"]);
  await pipeline(client, commands);
}

export async function digestOf(client: RawClient): Promise<string> {
  return (await client.call("DEBUG", "DIGEST")).slice(1, 41);
}

/** A field of INFO. */
export async function infoField(client: RawClient, name: string): Promise<string> {
  const info = await client.call("INFO", "everything");
  return new RegExp(`^${name}:(.*)\\r$`, "m").exec(info)?.[1] ?? "";
}

export async function untilIdle(client: RawClient): Promise<void> {
  await until("the background work has ended", async () => {
    // One reading of all: work goes from scheduled to running between two.
    const info = await client.call("INFO", "persistence");
    return !/^(rdb_bgsave_in_progress|aof_rewrite_(in_progress|scheduled)):1/m.test(info);
  });
}

export async function kill(server: RunningServer): Promise<void> {
  process.kill(server.pid, "SIGKILL");
  await server.exited;
}

export function scratchSpace(): Keyspace {
  const space = new Keyspace({
    databases: 16,
    segments: 1,
    clock: new Clock(),
    random: new Random(1),
  });
  space.expiryPaused = true;
  return space;
}

/** The digest of an RDB file, with the keys that have expired since. */
export function digestOfFile(path: string): string {
  const space = scratchSpace();
  const reader = new RdbReader({ space, keepExpired: true, checking: true });
  reader.feed(readFileSync(path));
  reader.finish();
  space.check();
  return digestOfAll(space);
}

/** The part of the append-only file that a new server writes to. */
export const FIRST_PART = join("appendonlydir", "appendonly.aof.1.incr.aof");

/** What stands in the append-only file when the lines have been sent, times in ms as T. */
export async function journalOf(lines: readonly string[]): Promise<string[]> {
  using folder = new DataFolder();
  await using storm = await startStormdbOn(folder, "--appendonly", "yes");
  const client = await storm.connect();
  for (const line of lines) await client.call(...line.split(" "));
  return commandsOf(join(folder.path, FIRST_PART)).map((line) => line.replace(/\b1\d{12}\b/g, "T"));
}

/** The commands of an append-only file, each as its words. */
export function commandsOf(path: string): string[] {
  const bytes = new Uint8Array(readFileSync(path));
  const parser = new RequestParser();
  const request = new Request();
  parser.begin(0);
  const commands: string[] = [];
  while (parser.at < bytes.length && parser.next(bytes, bytes.length, request) === READY) {
    commands.push(Array.from({ length: request.count }, (_, i) => request.text(i)).join(" "));
  }
  return commands;
}
