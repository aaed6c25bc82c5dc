/** Every file operation fails at each of its callers: nothing is lost or half done, and the log says why. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { latin1 } from "../../../src/base/bytes.ts";
import { Clock } from "../../../src/base/clock.ts";
import { Log } from "../../../src/base/log.ts";
import { type FileOperation, setFailpoint } from "../../../src/persistence/files.ts";
import { LoadError } from "../../../src/persistence/loader.ts";
import { Persistence } from "../../../src/persistence/persistence.ts";
import type { FsyncPolicy, PersistenceSettings } from "../../../src/persistence/settings.ts";
import { digestOfAll } from "../../../src/store/digest.ts";
import { NO_EXPIRY } from "../../../src/store/entry.ts";
import type { Keyspace } from "../../../src/store/keyspace.ts";
import { until } from "../../harness/processes.ts";
import { encodeCommand } from "../../harness/raw-client.ts";
import { digestOfFile, scratchSpace } from "../../persistence/load.ts";

const COMMAND = encodeCommand(["SET", "b", "2"]);
const CREATING: readonly FileOperation[] = ["open", "write", "sync", "rename"];

let folder = "";
let space: Keyspace;
let executed: string[] = [];
let deaths: string[] = [];
const open: Persistence[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-disk-"));
  space = scratchSpace();
  executed = [];
  deaths = [];
});
afterEach(() => {
  setFailpoint(null);
  for (const persistence of open.splice(0)) persistence.release();
  rmSync(folder, { recursive: true });
});

function persistenceOn(appendOnly: boolean, fsync: FsyncPolicy = "everysec"): Persistence {
  const settings: PersistenceSettings = {
    folder,
    dbFileName: "dump.rdb",
    appendOnly,
    appendFolder: "parts",
    appendFileName: "a.aof",
    fsync,
    syncsWhileRewriting: true,
    loadsTruncated: true,
    rdbPreamble: true,
    rewritePercentage: 0,
    rewriteMinBytes: 0,
    compressing: true,
    isValkey: false,
    checking: true,
    stopsWritesOnError: true,
    stamping: false,
    keepsExpired: false,
    savePoints: [[1, 1]],
  };
  const log = new Log();
  log.file = join(folder, "log");
  const propagation = {
    usedBytes: 0,
    offset: null,
    flush: () => persistence.append(new Uint8Array(0)),
    mark() {},
    beginBlock() {},
    endBlock() {},
  };
  const persistence = new Persistence({
    space,
    clock: new Clock(),
    log,
    settings,
    propagation,
    check() {},
    execute: (request) => executed.push(request.text(1)),
    die: (reason) => deaths.push(reason),
  });
  open.push(persistence);
  return persistence;
}

function set(key: string, value: string): void {
  const bytes = latin1(key + value);
  const { length } = key;
  const db = space.databases[0]!;
  space.strings.set(db, 0, bytes, 0, length, bytes, length, value.length, NO_EXPIRY);
}

/** The operation fails on files whose path contains `where`. */
function failAt(operation: FileOperation, where: string): void {
  setFailpoint((at, path) => {
    if (at === operation && path.includes(where)) throw new Error(`no ${operation}`);
  });
}

function log(): string {
  return readFileSync(join(folder, "log"), "latin1");
}

/** The files of the data, in the folder and in that of the append-only file. */
function files(): string[] {
  const isData = (name: string) => !["log", "parts"].includes(name) && !name.startsWith(".");
  const parts = readdirSync(folder).includes("parts") ? readdirSync(join(folder, "parts")) : [];
  return [...readdirSync(folder).filter(isData), ...parts].sort();
}

async function idle(persistence: Persistence): Promise<void> {
  await until("the snapshot has ended", () => persistence.figures.task === "none");
}

describe.each(CREATING.map((operation) => [operation]))("%s fails", (operation) => {
  test("SAVE and BGSAVE keep the last file, and the next one succeeds", async () => {
    const persistence = persistenceOn(false);
    set("a", "1");
    expect(persistence.save()).toEqual("");
    const before = readFileSync(join(folder, "dump.rdb"));
    set("b", "2");
    persistence.changes = 1;
    failAt(operation, "dump.rdb");
    expect(persistence.save()).toEqual("ERR");
    expect(log()).toContain(`Error saving ${join(folder, "dump.rdb")}: no ${operation}`);
    for (const ends of [persistence.saveInBackground(false)]) {
      await idle(persistence);
      expect(ends).toEqual(operation === "open" ? "ERR no open" : "Background saving started");
    }
    expect(log()).toContain(
      operation === "open"
        ? "Can't save in background: no open"
        : `Background saving failed: no ${operation}`,
    );
    expect(persistence.figures).toMatchObject({ lastSaveOk: false, changes: 1, saves: 1 });
    expect(persistence.refusal).toStartWith("MISCONF");
    expect(files()).toEqual(["dump.rdb"]);
    expect(readFileSync(join(folder, "dump.rdb"))).toEqual(before);
    setFailpoint(null);
    persistence.saveInBackground(false);
    await idle(persistence);
    expect(persistence.figures).toMatchObject({ lastSaveOk: true, changes: 0, saves: 2 });
    expect(persistence.refusal).toEqual("");
    expect(digestOfFile(join(folder, "dump.rdb"))).toEqual(digestOfAll(space));
    expect(files()).toEqual(["dump.rdb"]);
  });

  test.each([["base"], ["incr"], ["manifest"]])(
    "on the %s of a rewrite: the parts in use stay, and the next rewrite succeeds",
    async (where) => {
      // Increments are created empty.
      if (where === "incr" && operation !== "open") return;
      const persistence = persistenceOn(true);
      await persistence.load();
      set("a", "1");
      persistence.append(encodeCommand(["SET", "a", "1"]));
      failAt(operation, where);
      persistence.rewrite();
      await idle(persistence);
      setFailpoint(null);
      expect(persistence.figures).toMatchObject({ rewriteFailures: 1, rewrites: 0, aofError: "" });
      expect(log()).toMatch(
        new RegExp(`(Can't rewrite the append only file|AOF rewrite failed): no ${operation}`),
      );
      expect(files().filter((name) => name.includes("tmp"))).toEqual([]);
      persistence.append(COMMAND);
      persistence.release();
      // What a start would load now.
      const again = persistenceOn(true);
      await again.load();
      expect(executed).toEqual(["a", "b"]);
      again.release();
      expect(persistence.rewrite()).toEqual("");
      await idle(persistence);
      expect(persistence.figures).toMatchObject({ rewriteFailures: 0, rewrites: 1 });
      executed = [];
      space.flushAll();
      await persistenceOn(true).load();
      expect(executed).toEqual([]);
      expect(space.keyCount()).toEqual(1);
    },
  );

  test("switching the append-only file on: it is off or has its base later", async () => {
    const persistence = persistenceOn(false);
    set("a", "1");
    failAt(operation, "parts");
    persistence.setAppendOnly(true);
    await idle(persistence);
    expect(persistence.figures.rewriteFailures).toBeGreaterThan(0);
    setFailpoint(null);
    if (!persistence.aofEnabled) expect(persistence.setAppendOnly(true)).toEqual("");
    else expect(persistence.rewrite()).toEqual("");
    await idle(persistence);
    expect(persistence.figures).toMatchObject({ aofEnabled: true, rewriteFailures: 0 });
    expect(files()).toHaveLength(3);
    space.flushAll();
    await persistenceOn(true).load();
    expect(space.keyCount()).toEqual(1);
  });
});

describe("appending", () => {
  test.each([["write"], ["truncate"]] as const)(
    "%s fails: writes are refused, and all commands are in the file in the end",
    async (operation) => {
      const persistence = persistenceOn(true);
      await persistence.load();
      const path = join(folder, "parts", "a.aof.1.incr.aof");
      let torn = true;
      setFailpoint((at, failing) => {
        if (!failing.endsWith("incr.aof")) return;
        // A part of the command has been written when the disk is full.
        if (at === "write" && torn) writeFileSync(path, COMMAND.subarray(0, 9), { flag: "a" });
        if (at === "write" && torn) {
          torn = false;
          throw new Error("no write");
        }
        if (at === operation && operation === "truncate") throw new Error("no truncate");
      });
      persistence.append(COMMAND);
      expect(persistence.refusal).toEqual("MISCONF Errors writing to the AOF file: no write");
      persistence.append(new Uint8Array(0));
      setFailpoint(null);
      persistence.append(encodeCommand(["SET", "c", "3"]));
      expect(persistence.refusal).toEqual("");
      expect(log()).toContain(`Error writing to the AOF file ${path}: no write`);
      expect(log()).toContain("AOF write error looks solved");
      persistence.release();
      await persistenceOn(true).load();
      expect(executed).toEqual(["b", "c"]);
    },
  );

  test("sync fails: with always the process ends, with everysec writes are refused", async () => {
    const persistence = persistenceOn(true, "always");
    await persistence.load();
    failAt("sync", "incr.aof");
    persistence.append(COMMAND);
    expect(deaths).toHaveLength(1);
    expect(log()).toContain("no sync");
    setFailpoint(null);
    persistence.release();
    const other = persistenceOn(true);
    await other.load();
    failAt("sync", "incr.aof");
    other.append(COMMAND);
    await until("the error is told", () => {
      other.append(new Uint8Array(0));
      return other.refusal !== "";
    });
    expect(deaths).toHaveLength(1);
  });
});

describe("a torn tail", () => {
  test.each([["open"], ["read"], ["write"], ["sync"], ["truncate"]] as const)(
    "%s fails: the start is refused, and the file is as it was",
    async (operation) => {
      const persistence = persistenceOn(true);
      await persistence.load();
      persistence.append(COMMAND);
      persistence.release();
      const name = "a.aof.1.incr.aof";
      const path = join(folder, "parts", name);
      writeFileSync(path, COMMAND.subarray(0, 12), { flag: "a" });
      const before = readFileSync(path);
      // The cut is what fails, not what comes before it.
      setFailpoint((at, failing) => {
        if (at === operation && failing.includes(operation === "read" ? name : `${name}`)) {
          throw new Error(`no ${operation}`);
        }
      });
      const refused = await persistenceOn(true)
        .load()
        .catch((error: Error) => error);
      setFailpoint(null);
      expect(refused).toBeInstanceOf(LoadError);
      expect((refused as Error).message).toContain(`no ${operation}`);
      expect((refused as Error).message).toContain("check-aof --fix");
      expect(readFileSync(path)).toEqual(before);
      for (const persistence of open) persistence.release();
      executed = [];
      await persistenceOn(true).load();
      expect(executed).toEqual(["b"]);
      expect(readFileSync(path)).toEqual(Buffer.from(COMMAND));
    },
  );
});
