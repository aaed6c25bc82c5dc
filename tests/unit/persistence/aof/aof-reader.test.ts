/**
 * One flipped bit in an append-only file with a transaction, and the file cut at every byte, beside
 * redis-check-aof. What it refuses is never loaded. redis-server itself is less strict: it does not
 * look at the line ends behind lengths and arguments, and loads some files that its tool refuses.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../../../src/commands/index.ts";
import { CommandTable } from "../../../../src/commands/spec/command-table.ts";
import { AofError, readAof } from "../../../../src/persistence/aof/aof-reader.ts";
import type { Request } from "../../../../src/protocol/request.ts";
import type { Keyspace } from "../../../../src/store/keyspace.ts";
import { DataFolder } from "../../../harness/processes.ts";
import { encodeCommand } from "../../../harness/raw-client.ts";
import { scratchSpace } from "../../../persistence/load.ts";

const REDIS_CHECK_AOF = Bun.which("redis-check-aof");
const COMMANDS_IN_FILE = [
  ["SELECT", "0"],
  ["SET", "a", "1"],
  ["MULTI"],
  ["SET", "b", "1"],
  ["INCR", "b"],
  ["EXEC"],
  ["RPUSH", "list", "x", "0123456789"],
  ["INCR", "a"],
];
const WHOLE = Buffer.concat(COMMANDS_IN_FILE.map((command) => encodeCommand(command)));
const LAST = WHOLE.length - encodeCommand(COMMANDS_IN_FILE.at(-1)!).length;
/** Each flip starts the tool once; a step that is prime meets every bit of a byte. */
const TOOL_STEP = 11;

let folder: DataFolder;
let path = "";
let space: Keyspace;
beforeAll(() => {
  folder = new DataFolder();
  path = join(folder.path, "a.aof");
  space = scratchSpace();
});
afterAll(() => folder[Symbol.dispose]());

const table = new CommandTable(COMMANDS);

function check(request: Request): void {
  if (table.find(request, 0)?.acceptsCount(request.count) !== true) throw new Error("unknown");
}

interface Outcome {
  /** "loaded", "torn" with the offset, or why it is refused. */
  readonly text: string;
  readonly commands: number;
}

async function load(bytes: Uint8Array): Promise<Outcome> {
  writeFileSync(path, bytes);
  let commands = 0;
  const execute = () => {
    commands++;
  };
  try {
    const outcome = await readAof(path, space, { check, execute, progress() {} });
    const isWhole = outcome.validBytes === outcome.totalBytes;
    return { text: isWhole ? "loaded" : `torn at ${outcome.validBytes}`, commands };
  } catch (error) {
    if (!(error instanceof AofError)) throw error;
    return { text: error.message, commands };
  }
}

function flipped(bit: number): Buffer {
  const bytes = Buffer.from(WHOLE);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes;
}

describe("a flipped bit", () => {
  test("cuts off nothing but the last command, and loses no command silently", async () => {
    for (let bit = 0; bit < WHOLE.length * 8; bit++) {
      const { commands, text } = await load(flipped(bit));
      if (text === "loaded") expect({ bit, commands }).toEqual({ bit, commands: 6 });
      else if (text.startsWith("torn"))
        expect({ bit, text }).toEqual({ bit, text: `torn at ${LAST}` });
    }
  });

  test.skipIf(REDIS_CHECK_AOF === null)(
    "is refused where redis-check-aof refuses it, and taken where it takes it",
    async () => {
      for (let bit = 0; bit < WHOLE.length * 8; bit += TOOL_STEP) {
        const { text } = await load(flipped(bit));
        // The tool knows no commands.
        if (text === "unknown") continue;
        const { exitCode } = Bun.spawnSync([REDIS_CHECK_AOF!, path], { stderr: "ignore" });
        expect({ bit, isTaken: text === "loaded" }).toEqual({ bit, isTaken: exitCode === 0 });
      }
    },
    120_000,
  );
});

test("a file that is cut is torn, wherever that is, and loads up to there", async () => {
  for (let bytes = 0; bytes < WHOLE.length; bytes++) {
    const { text } = await load(WHOLE.subarray(0, bytes));
    expect({ bytes, text }).toEqual({
      bytes,
      text: expect.stringMatching(/^(loaded|torn at [0-9]+)$/),
    });
  }
});

test("a length that swallows commands is damage, and a torn value that only looks like some is not", async () => {
  const at = WHOLE.indexOf("$1\r\n1\r\n*1\r\n$5\r\nMULTI");
  const swallows = Buffer.concat([
    WHOLE.subarray(0, at),
    Buffer.from("$900"),
    WHOLE.subarray(at + 2),
  ]);
  expect((await load(swallows)).text).toContain("whole commands follow within this one");
  const value = `text\r\n*2\r\n$3\r\nNOSUCH\r\n*1\r\n$900\r\nx\r\n*x\r\n*3\r\n${"$0\r\n\r\n".repeat(2)}`;
  const torn = Buffer.concat([
    WHOLE,
    Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5000\r\n${value}`),
  ]);
  expect((await load(torn)).text).toEqual(`torn at ${WHOLE.length}`);
});

test("a tail whose bytes were chosen to make the search slow is refused in time", async () => {
  const nested = "$8\r\n\r\n*99999\r\n".repeat(200_000);
  const torn = Buffer.concat([
    WHOLE,
    Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$50000000\r\n${nested}`),
  ]);
  expect((await load(torn)).text).toContain("a length is wrong");
});
