/** Files that are cut short or damaged: what is lost is said, and nothing is loaded silently. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { AofError, readAof } from "../../src/persistence/aof/aof-reader.ts";
import { RdbError, RdbReader } from "../../src/persistence/snapshot/reader.ts";
import type { Keyspace } from "../../src/store/keyspace.ts";
import { DataFolder, freePort, runStormdb, startStormdbOn } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { digestOf, FIRST_PART, fill, kill, type LoadOptions, scratchSpace } from "./load.ts";

const SEED = Number(process.env.SEED ?? 1);
const ROUNDS = Number(process.env.SEEDS ?? 400);
const AOF = ["--appendonly", "yes"];
const BASE = join("appendonlydir", "appendonly.aof.1.base.rdb");
const LOAD: LoadOptions = { keys: 30, shortMs: 0, far: true, flushEvery: 0 };

const COMMANDS: readonly (readonly string[])[] = [
  ["SELECT", "0"],
  ["SET", "a", "1"],
  ["RPUSH", "list", "a\r\nb", "2"],
  ["INCR", "a"],
  ["MULTI"],
  ["SET", "b", "1"],
  ["INCR", "b"],
  ["EXEC"],
  ["APPEND", "b", "xyz"],
];
const WHOLE = Buffer.concat(COMMANDS.map((command) => encodeCommand(command)));

/** Up to where the file is whole, and which commands are in it, when it is cut at `bytes`. */
function prefixOf(bytes: number): { validBytes: number; commands: string[] } {
  let validBytes = 0;
  let at = 0;
  let inside: string[] | null = null;
  const commands: string[] = [];
  for (const command of COMMANDS) {
    at += encodeCommand(command).length;
    if (at > bytes) break;
    const name = command[0]!;
    if (name === "MULTI") inside = [];
    else if (name === "EXEC") {
      commands.push(...inside!);
      inside = null;
    } else (inside ?? commands).push(command.join(" "));
    if (inside === null) validBytes = at;
  }
  return { validBytes, commands };
}

let space: Keyspace;
let scratch: DataFolder;
beforeAll(() => {
  space = scratchSpace();
  scratch = new DataFolder();
});
afterAll(() => scratch[Symbol.dispose]());

/** Reads the bytes as an append-only file; the commands in it instead of running them. */
async function readBytes(bytes: Uint8Array) {
  const path = join(scratch.path, "part.aof");
  writeFileSync(path, bytes);
  const commands: string[] = [];
  space.flushAll();
  const outcome = await readAof(path, space, {
    check() {},
    execute: (request) => {
      commands.push(Array.from({ length: request.count }, (_, i) => request.text(i)).join(" "));
    },
    progress() {},
  });
  return { validBytes: outcome.validBytes, commands };
}

async function expectRefusal(folder: DataFolder, args: readonly string[], ...words: string[]) {
  const port = String(await freePort());
  const all = ["server", "--port", port, "--save", "", ...AOF, ...args];
  const { code, stderr } = await runStormdb(all, folder.path);
  expect({ code, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 1, lines: 1 });
  for (const word of words) expect(stderr).toContain(word);
}

/** A folder whose last part is these bytes. */
async function folderWith(bytes: Uint8Array): Promise<DataFolder> {
  const folder = new DataFolder();
  await kill(await startStormdbOn(folder, ...AOF));
  writeFileSync(join(folder.path, FIRST_PART), bytes);
  return folder;
}

describe("a tail that is cut off", () => {
  test("at every byte: what is before it is read, and no part of a transaction", async () => {
    for (let bytes = 0; bytes <= WHOLE.length; bytes++) {
      expect({ bytes, ...(await readBytes(WHOLE.subarray(0, bytes))) }).toEqual({
        bytes,
        ...prefixOf(bytes),
      });
    }
  });

  const inAppend = WHOLE.length - 2;
  const inMulti = WHOLE.indexOf("EXEC");
  const inList = WHOLE.indexOf("a\r\nb") + 2;

  test.each([
    ["the last command", inAppend],
    ["a transaction", inMulti],
    ["an argument", inList],
  ])("within %s: the server starts, says where, and goes on from there", async (_, bytes) => {
    using folder = await folderWith(WHOLE.subarray(0, bytes));
    const { validBytes, commands } = prefixOf(bytes);
    let digest = "";
    {
      await using storm = await startStormdbOn(folder, ...AOF);
      const client = await storm.connect();
      digest = await digestOf(client);
      const kept = `${FIRST_PART}.cut-at-${validBytes}`;
      expect(storm.output()).toContain(
        `${FIRST_PART} ends in the middle of a command, as after a crash: cut off at byte ${validBytes} of ${bytes} (aof-load-truncated yes). What was cut off is in ${join(folder.path, kept)}`,
      );
      expect(readFileSync(join(folder.path, kept))).toEqual(WHOLE.subarray(validBytes, bytes));
      await client.call("FLUSHALL");
      for (const command of commands) {
        await client.call(...COMMANDS.find((known) => known.join(" ") === command)!);
      }
      expect(await digestOf(client)).toEqual(digest);
      await kill(storm);
    }
    await using storm = await startStormdbOn(folder, ...AOF);
    expect(await digestOf(await storm.connect())).toEqual(digest);
    expect(storm.output()).not.toContain("cut off");
  });

  test("with aof-load-truncated no it is refused, and the file stays as it is", async () => {
    using folder = await folderWith(WHOLE.subarray(0, inAppend));
    const { validBytes } = prefixOf(inAppend);
    await expectRefusal(
      folder,
      ["--aof-load-truncated", "no"],
      FIRST_PART,
      `at byte ${validBytes}`,
    );
    expect(readFileSync(join(folder.path, FIRST_PART)).length).toEqual(inAppend);
  });

  test("of a part that is not the last one is refused", async () => {
    using folder = await folderWith(WHOLE.subarray(0, inAppend));
    const manifest = join(folder.path, "appendonlydir", "appendonly.aof.manifest");
    const second = "appendonly.aof.2.incr.aof";
    writeFileSync(manifest, `${readFileSync(manifest, "latin1")}file ${second} seq 2 type i\n`);
    writeFileSync(join(folder.path, "appendonlydir", second), "");
    await expectRefusal(folder, [], FIRST_PART, `at byte ${prefixOf(inAppend).validBytes}`);
  });
});

describe("damage that is no torn tail is refused", () => {
  const second = encodeCommand(COMMANDS[0]!).length;

  /** Starts a server on an append-only file with these bytes, which refuses it and leaves it alone. */
  async function expectDamage(bytes: Uint8Array, offset: number, ...words: string[]) {
    using folder = await folderWith(bytes);
    const before = readdirSync(join(folder.path, "appendonlydir"));
    await expectRefusal(folder, [], FIRST_PART, `damaged at byte ${offset}`, ...words);
    expect(readFileSync(join(folder.path, FIRST_PART))).toEqual(Buffer.from(bytes));
    expect(readdirSync(join(folder.path, "appendonlydir"))).toEqual(before);
  }

  const block = WHOLE.indexOf("*1\r\n$5\r\nMULTI");
  const inside = block + encodeCommand(["MULTI"]).length;
  const exec = WHOLE.indexOf("*1\r\n$4\r\nEXEC");

  test("a flipped bit in an EXEC, and in a command of a transaction", async () => {
    const damaged = Buffer.from(WHOLE);
    damaged[WHOLE.indexOf("EXEC") + 2] = "D".charCodeAt(0);
    await expectDamage(damaged, exec, "unknown command 'EXDC'");
    const damagedInside = Buffer.from(WHOLE);
    damagedInside[WHOLE.indexOf("SET", inside)] = "R".charCodeAt(0);
    await expectDamage(damagedInside, inside, "unknown command 'RET'");
  });

  test("a wrong number of arguments within a transaction", async () => {
    const bytes = Buffer.concat([
      WHOLE.subarray(0, inside),
      encodeCommand(["SET", "b"]),
      WHOLE.subarray(inside),
    ]);
    await expectDamage(bytes, inside, "wrong number of arguments for 'SET'");
  });

  test("a transaction within a transaction, and an EXEC without one", async () => {
    const multi = WHOLE.subarray(block, inside);
    const nested = Buffer.concat([WHOLE.subarray(0, inside), multi, WHOLE.subarray(inside)]);
    await expectDamage(nested, inside, "MULTI within a transaction");
    const alone = Buffer.concat([WHOLE.subarray(0, block), WHOLE.subarray(inside)]);
    await expectDamage(alone, exec - multi.length, "EXEC without MULTI");
  });

  // In Redis no EXEC ends such a transaction, and all that follows is cut off as a torn tail.
  test("a transaction that is discarded", async () => {
    const discarded = Buffer.concat([
      WHOLE.subarray(0, inside),
      encodeCommand(["DISCARD"]),
      WHOLE.subarray(inside),
    ]);
    await expectDamage(discarded, inside, "DISCARD within a transaction");
  });

  // Redis takes the rest of the file for the tail of this command, and cuts it off.
  test("a length that has become larger than the file", async () => {
    const damaged = Buffer.concat([
      WHOLE.subarray(0, second),
      Buffer.from("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9000001\r\n1\r\n"),
      WHOLE.subarray(second),
    ]);
    await expectDamage(damaged, second, "whole commands follow within this one");
  });

  test("a byte in the middle", async () => {
    const damaged = Buffer.from(WHOLE);
    damaged[second] = 0x58;
    using folder = await folderWith(damaged);
    await expectRefusal(
      folder,
      [],
      FIRST_PART,
      `damaged at byte ${second}: a command should begin here`,
    );
  });

  test("a command that does not exist, and one with too few arguments", async () => {
    for (const words of [
      ["NOSUCH", "a"],
      ["SET", "a"],
    ]) {
      const damaged = Buffer.concat([WHOLE.subarray(0, second), encodeCommand(words)]);
      using folder = await folderWith(damaged);
      await expectRefusal(folder, [], FIRST_PART, `damaged at byte ${second}`, words[0]!);
    }
  });

  test("a base that is cut short or has a wrong checksum", async () => {
    using folder = await folderWith(WHOLE);
    const path = join(folder.path, BASE);
    const base = readFileSync(path);
    writeFileSync(path, base.subarray(0, base.length - 5));
    await expectRefusal(folder, [], BASE, "the file ends in the middle");
    base[base.length - 1] = base[base.length - 1]! ^ 1;
    writeFileSync(path, base);
    await expectRefusal(folder, [], BASE, "the checksum is wrong");
  });

  test("a part that is missing, and a manifest that makes no sense", async () => {
    using folder = await folderWith(WHOLE);
    const manifest = join(folder.path, "appendonlydir", "appendonly.aof.manifest");
    const text = readFileSync(manifest, "latin1");
    writeFileSync(manifest, `${text}file gone.aof seq 9 type i\n`);
    await expectRefusal(folder, [], "gone.aof", "missing");
    writeFileSync(manifest, `${text}nonsense\n`);
    await expectRefusal(folder, [], "manifest", "line 3", "Restore the manifest");
    writeFileSync(manifest, "");
    await expectRefusal(folder, [], "manifest", "it names no file", "Restore the manifest");
  });

  test("an RDB file", async () => {
    using folder = new DataFolder();
    writeFileSync(join(folder.path, "dump.rdb"), "REDIS0010 this is damaged");
    await expectRefusal(folder, ["--appendonly", "no"], "dump.rdb", "damaged at byte");
  });
});

describe(`fuzz, SEED=${SEED}`, () => {
  let rdb = new Uint8Array();
  let aof = new Uint8Array();

  beforeAll(async () => {
    using folder = new DataFolder();
    await using storm = await startStormdbOn(folder, ...AOF, "--aof-use-rdb-preamble", "no");
    const client = await storm.connect();
    await fill(client, new Random(SEED), 300, LOAD);
    await client.call("SAVE");
    rdb = new Uint8Array(readFileSync(join(folder.path, "dump.rdb")));
    aof = new Uint8Array(readFileSync(join(folder.path, FIRST_PART)));
  });

  function damage(random: Random, bytes: Uint8Array): Uint8Array {
    const damaged = bytes.slice(0, random.below(4) === 0 ? random.below(bytes.length) : undefined);
    if (damaged.length === 0) return damaged;
    for (let i = random.below(4); i >= 0; i--) {
      const at = random.below(damaged.length);
      if (random.below(2) === 0) damaged[at] = damaged[at]! ^ (1 << random.below(8));
      else damaged[at] = random.int32();
    }
    return damaged;
  }

  const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

  /** Feeds the file; returns whether it was taken. Anything but an RdbError goes through. */
  function takes(bytes: Uint8Array, checking: boolean): boolean {
    space.flushAll();
    const reader = new RdbReader({ space, keepExpired: true, checking });
    try {
      reader.feed(bytes);
      reader.finish();
      return true;
    } catch (error) {
      if (!(error instanceof RdbError)) throw error;
      expect(error.offset).toBeLessThanOrEqual(bytes.length);
      return false;
    }
  }

  test("a damaged RDB file is never loaded silently", () => {
    const random = new Random(SEED);
    for (let i = 0; i < ROUNDS; i++) {
      const damaged = damage(random, rdb);
      if (isSame(damaged, rdb)) continue;
      const taken = takes(damaged, true);
      if (taken) throw new Error(`SEED=${SEED}, round ${i}: it was taken`);
    }
    expect(takes(rdb, true)).toEqual(true);
  });

  test("without checksum it is loaded or refused, and the keyspace stays sound", () => {
    const random = new Random(SEED);
    for (let i = 0; i < ROUNDS; i++) {
      takes(damage(random, rdb), false);
      space.check();
    }
  });

  test("a damaged append-only file is read or refused", async () => {
    const random = new Random(SEED);
    for (let i = 0; i < ROUNDS; i++) {
      try {
        await readBytes(damage(random, aof));
      } catch (error) {
        if (!(error instanceof AofError) && !(error instanceof RdbError)) throw error;
      }
    }
  });
});
