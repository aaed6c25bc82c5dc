/** Which files the folder of the append-only file may hold beside its manifest. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AofParts } from "../../../../src/persistence/aof/aof-parts.ts";
import { ManifestError } from "../../../../src/persistence/aof/manifest.ts";
import { setFailpoint } from "../../../../src/persistence/files.ts";
import type { PersistenceSettings } from "../../../../src/persistence/settings.ts";

const COMMAND = "*1\r\n$4\r\nPING\r\n";
const MANIFEST = "a.aof.manifest";
const BASE = "a.aof.1.base.aof";
const TWO_INCREMENTS = `file ${BASE} seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\nfile a.aof.2.incr.aof seq 2 type i\n`;

let folder = "";
let parts: AofParts;

function partsOf(): AofParts {
  const settings = { folder, appendFolder: "parts", appendFileName: "a.aof", rdbPreamble: false };
  return new AofParts(() => settings as PersistenceSettings);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-parts-"));
  mkdirSync(join(folder, "parts"));
  parts = partsOf();
});
afterEach(() => {
  setFailpoint(null);
  rmSync(folder, { recursive: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, "parts", name), text);
}

function names(): string[] {
  return readdirSync(join(folder, "parts")).sort();
}

function manifest(): string {
  return readFileSync(join(folder, "parts", MANIFEST), "latin1");
}

/** Why the folder is refused. */
function refusal(): string {
  const before = names();
  try {
    parts.adoptExisting();
  } catch (error) {
    expect(error).toBeInstanceOf(ManifestError);
    // What is refused is not touched.
    expect(names()).toEqual(before);
    return (error as Error).message;
  }
  return "";
}

const WHOLE = { [BASE]: COMMAND, "a.aof.1.incr.aof": COMMAND, "a.aof.2.incr.aof": COMMAND };

describe("a folder is refused if", () => {
  test("the manifest is empty (as in Redis), or names nothing (where Redis starts without data)", () => {
    for (const text of ["", "\n", "# nothing\n"]) {
      write({ ...WHOLE, [MANIFEST]: text });
      expect(refusal()).toContain(`${MANIFEST}: it names no file. Restore the manifest`);
    }
  });

  test("the manifest is a folder", () => {
    mkdirSync(join(folder, "parts", MANIFEST));
    expect(refusal()).toContain(`${MANIFEST}: EISDIR`);
  });

  // Redis starts without data, and its next rewrite overwrites the parts.
  test("the manifest is missing and parts are there", () => {
    write(WHOLE);
    expect(refusal()).toContain(`${MANIFEST} is missing, but there are parts`);
    for (const name of Object.keys(WHOLE)) expect(refusal()).toContain(join("parts", name));
  });

  test("the manifest is missing and only one part is there", () => {
    for (const name of Object.keys(WHOLE)) {
      write({ [name]: COMMAND });
      expect(refusal()).toContain(name);
      rmSync(join(folder, "parts", name));
    }
  });

  test("files that the manifest names are missing, or are folders: all of them are told", () => {
    write({ [MANIFEST]: TWO_INCREMENTS, "a.aof.1.incr.aof": COMMAND });
    mkdirSync(join(folder, "parts", "a.aof.2.incr.aof"));
    const message = refusal();
    expect(message).toContain("names files that are missing");
    expect(message).toContain(BASE);
    expect(message).toContain("a.aof.2.incr.aof");
    expect(message).not.toContain("a.aof.1.incr.aof");
  });

  // Redis loads what is left of them, and its next rewrite overwrites the others.
  test("lines have been lost from the manifest", () => {
    const lines = TWO_INCREMENTS.split("\n").slice(0, 3);
    for (const [i, line] of lines.entries()) {
      if (i === 1) continue;
      const left = lines.filter((one) => one !== line);
      write({ ...WHOLE, [MANIFEST]: `${left.join("\n")}\n` });
      expect(refusal()).toContain(line.split(" ")[1]!);
    }
  });

  test("the increment's base is there, but the manifest has lost the increment", () => {
    write({
      [MANIFEST]: `file ${BASE} seq 1 type b\n`,
      [BASE]: COMMAND,
      "a.aof.1.incr.aof": `#awaits base 1\r\n${COMMAND}`,
    });
    expect(refusal()).toContain("a.aof.1.incr.aof");
  });
});

describe("what a crash leaves is no reason to refuse", () => {
  test("the first base without keys, before the manifest named it", () => {
    write({ [BASE]: "" });
    expect(refusal()).toEqual("");
    expect(parts.all).toEqual([]);
  });

  test("an increment without commands, and one whose base was not finished", () => {
    write({
      ...WHOLE,
      [MANIFEST]: TWO_INCREMENTS,
      "a.aof.3.incr.aof": "",
      "a.aof.4.incr.aof": `#awaits base 2\r\n${COMMAND}`,
    });
    expect(refusal()).toEqual("");
    expect(parts.removeUnnamed()).toEqual([join(folder, "parts", "a.aof.4.incr.aof")]);
    expect(names()).not.toContain("a.aof.3.incr.aof");
  });

  test("a base that the manifest does not name yet: it is never overwritten", () => {
    write({ ...WHOLE, [MANIFEST]: TWO_INCREMENTS, "a.aof.2.base.aof": "another" });
    expect(refusal()).toEqual("");
    expect(parts.nextBase()).toEqual({ name: "a.aof.3.base.aof", sequence: 3 });
    expect(parts.removeUnnamed()).toEqual([join(folder, "parts", "a.aof.2.base.aof")]);
  });

  test("history, which is deleted", () => {
    write({
      ...WHOLE,
      "a.aof.2.base.aof": COMMAND,
      [MANIFEST]: `file a.aof.2.base.aof seq 2 type b\nfile ${BASE} seq 1 type h\nfile a.aof.1.incr.aof seq 1 type h\nfile a.aof.2.incr.aof seq 2 type i\n`,
    });
    expect(refusal()).toEqual("");
    expect(names()).toEqual(["a.aof.2.base.aof", "a.aof.2.incr.aof", MANIFEST]);
    expect(manifest()).not.toContain("type h");
  });

  test("other files, and those of another appendfilename", () => {
    write({ ...WHOLE, [MANIFEST]: TWO_INCREMENTS, "b.aof.1.incr.aof": COMMAND, notes: "x" });
    expect(refusal()).toEqual("");
  });
});

describe("a disk that fails", () => {
  test("leaves no file for a new increment that could not be named, and the old ones in use", () => {
    write({ ...WHOLE, [MANIFEST]: TWO_INCREMENTS });
    parts.adoptExisting();
    const before = names();
    for (const operation of ["write", "sync", "rename", "open"]) {
      setFailpoint((at, path) => {
        if (at === operation && path.includes("manifest")) throw new Error(`no ${operation}`);
      });
      expect(() => parts.addIncrement()).toThrow(`no ${operation}`);
      setFailpoint(null);
      expect({ operation, names: names(), manifest: manifest() }).toEqual({
        operation,
        names: before,
        manifest: TWO_INCREMENTS,
      });
      expect(parts.last?.name).toEqual("a.aof.2.incr.aof");
    }
    parts.addIncrement();
    expect(parts.last?.name).toEqual("a.aof.3.incr.aof");
  });

  test("keeps every part if a new base cannot be named", () => {
    write({ ...WHOLE, [MANIFEST]: TWO_INCREMENTS });
    parts.adoptExisting();
    const base = parts.nextBase();
    write({ [base.name]: COMMAND });
    setFailpoint((operation) => {
      if (operation === "rename") throw new Error("no rename");
    });
    expect(() => parts.replaceBase(base, 2)).toThrow("no rename");
    setFailpoint(null);
    expect(names()).toEqual([...Object.keys(WHOLE), base.name, MANIFEST].sort());
    expect(parts.base?.name).toEqual(BASE);
    expect(refusal()).toEqual("");
  });

  test("a part that cannot be deleted stays named as history until it can", () => {
    write({ ...WHOLE, [MANIFEST]: TWO_INCREMENTS });
    parts.adoptExisting();
    const base = parts.nextBase();
    write({ [base.name]: COMMAND });
    setFailpoint((operation, path) => {
      if (operation === "remove" && path.endsWith(BASE)) throw new Error("no remove");
    });
    parts.replaceBase(base, 2);
    setFailpoint(null);
    expect(manifest()).toContain(`file ${BASE} seq 1 type h`);
    parts = partsOf();
    expect(refusal()).toEqual("");
    expect(names()).toEqual([base.name, "a.aof.2.incr.aof", MANIFEST].sort());
  });

  test("increments that wait for a base do not pile up", () => {
    write({ ...WHOLE, [MANIFEST]: TWO_INCREMENTS });
    parts.read();
    parts.baseAwaited = true;
    parts.addIncrement();
    parts.addIncrement();
    parts.addIncrement();
    expect(names().filter((name) => name.includes("incr"))).toHaveLength(3);
    expect(manifest()).toEqual(TWO_INCREMENTS);
    const base = parts.nextBase();
    write({ [base.name]: COMMAND });
    parts.replaceBase(base, parts.last!.sequence);
    expect(names()).toEqual([base.name, parts.last!.name, MANIFEST].sort());
  });
});
