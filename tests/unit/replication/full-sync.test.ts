/** Where the data of a full sync goes, on a disk that fails. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { latin1 } from "../../../src/base/bytes.ts";
import { Log } from "../../../src/base/log.ts";
import { type FileOperation, setFailpoint } from "../../../src/persistence/files.ts";
import { FullSync } from "../../../src/replication/full-sync.ts";

const REPLID = "0123456789abcdef0123456789abcdef01234567";
/** An RDB without keys, and without a checksum. */
const RDB = Buffer.concat([latin1("REDIS0010\xff"), new Uint8Array(8)]);

let folder = "";
let events: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-sync-"));
  events = [];
});
afterEach(() => {
  setFailpoint(null);
  rmSync(folder, { recursive: true });
});

function fullSync(failure = ""): FullSync {
  const log = new Log();
  log.file = join(folder, "log");
  return new FullSync({
    log,
    temporaryPath: () => join(folder, "temp-sync"),
    disklessLoad: () => "disabled",
    onReplace: () => events.push("replace"),
    onReplaced: ({ offset, replid }) => events.push(`replaced by ${replid} ${offset}`),
    dataSet: {
      rdbPath: join(folder, "dump.rdb"),
      isEmpty: false,
      replaceBy: async (path) => {
        events.push(`load ${readFileSync(path).length} bytes`);
        if (failure !== "") throw new Error(failure);
        return { aux: new Map() };
      },
      loadBeside: () => {
        throw new Error("not wanted");
      },
      replaced: () => events.push("append-only file anew"),
    },
  });
}

async function run(sync: FullSync, bytes: Uint8Array): Promise<string> {
  try {
    const sink = sync.begin(REPLID, 7);
    try {
      sink.take(bytes);
    } catch (error) {
      sink.abandon();
      throw error;
    }
    await sink.finish();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

const LOADED = [
  "replace",
  `load ${RDB.length} bytes`,
  `replaced by ${REPLID} 7`,
  "append-only file anew",
];

describe("the data goes to a file first", () => {
  test("is loaded, and kept as the RDB file", async () => {
    expect(await run(fullSync(), RDB)).toEqual("");
    expect(events).toEqual(LOADED);
    expect(readdirSync(folder).sort()).toEqual(["dump.rdb", "log"]);
  });

  test.each([["open"], ["write"]] as const)("%s fails: nothing is replaced", async (operation) => {
    failAt(operation);
    expect(await run(fullSync(), RDB)).toEqual(`no ${operation}`);
    expect(events).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("rename fails: the data is used all the same, and the log says so", async () => {
    failAt("rename");
    expect(await run(fullSync(), RDB)).toEqual("");
    expect(events).toEqual(LOADED);
    expect(readdirSync(folder)).toEqual(["log"]);
    expect(readFileSync(join(folder, "log"), "latin1")).toContain("no rename");
  });

  test.each([
    ["cut", RDB.subarray(0, RDB.length - 1)],
    ["no RDB", latin1("x".repeat(100))],
    ["none", new Uint8Array(0)],
  ])("data that is %s: nothing is replaced", async (_, bytes) => {
    expect(await run(fullSync(), bytes)).toStartWith("it ");
    expect(events).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("loading fails: the file is removed, and the append-only file begins anew", async () => {
    expect(await run(fullSync("damaged"), RDB)).toEqual("damaged");
    expect(events).toEqual(["replace", `load ${RDB.length} bytes`, "append-only file anew"]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a symbolic link that waits under its name is not followed", async () => {
    const victim = join(folder, "victim");
    writeFileSync(victim, "precious");
    symlinkSync(victim, join(folder, "temp-sync"));
    expect(await run(fullSync(), RDB)).toContain("EEXIST");
    expect(readFileSync(victim, "latin1")).toEqual("precious");
  });
});

function failAt(operation: FileOperation): void {
  setFailpoint((at) => {
    if (at === operation) throw new Error(`no ${operation}`);
  });
}
