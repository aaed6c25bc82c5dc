/** Holds the shape of the source: who may import whom, and what every file looks like. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, normalize, relative } from "node:path";
import { NOT_MIRRORED } from "./not-mirrored.ts";

const ROOT = join(import.meta.dir, "../..");
const SOURCE = join(ROOT, "src");
const LINES_MAX = 900;

/**
 * What the files of each folder may import: folders, or single files where not all of a folder
 * is meant for them. Imports go down only. main.ts and version.ts stand beside the folders.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: [],
  protocol: ["base"],
  memory: ["base"],
  store: ["memory", "base"],
  pubsub: ["protocol", "base"],
  client: ["protocol", "base"],
  persistence: ["store", "memory", "protocol", "base", "version.ts"],
  replication: ["persistence", "store", "protocol", "base"],
  commands: [
    "store",
    "pubsub",
    "protocol",
    "base",
    "version.ts",
    // Lists read and write their elements; everything else goes through the store.
    "memory/quicklist.ts",
    "memory/element.ts",
    // DUMP and RESTORE use the file format, never files; commands tell the journal what they did.
    "persistence/rdb/crc64.ts",
    "persistence/journal.ts",
    "persistence/rdb/format.ts",
    "persistence/snapshot/entry-writer.ts",
    "persistence/snapshot/reader.ts",
    "persistence/rdb/writer.ts",
  ],
  server: [
    "commands",
    "replication",
    "pubsub",
    "persistence",
    "store",
    "protocol",
    "base",
    "version.ts",
    // The error of a heap that is full.
    "memory/heap.ts",
  ],
  cli: ["client", "protocol", "base", "version.ts", "commands/index.ts", "commands/spec/syntax.ts"],
  "index.ts": [
    "server/configuration/config.ts",
    "server/configuration/directives/index.ts",
    "server/server.ts",
    "base",
  ],
  benchmark: ["client", "protocol", "base", "version.ts"],
  monitor: ["client", "protocol", "base", "version.ts"],
  "main.ts": [
    "server/main.ts",
    "cli/main.ts",
    "benchmark/main.ts",
    "monitor/main.ts",
    "persistence/check.ts",
    "version.ts",
  ],
  "needs-bun.js": [],
  "version.ts": [],
};

/**
 * Rooms are the folders within a folder, and the folder's own files. What they may import of each
 * other, as above: rooms or single files. A room without a row may import none.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  // Functions of the whole server, and what puts it together.
  server: [
    "server/configuration",
    "server/configuration/directives",
    "server/connections",
    "server/execution",
    "server/figures",
    "server/info",
    "server/keys",
    "server/process",
  ],
  "server/info": [
    "server/configuration",
    "server/connections",
    "server/execution",
    "server/figures",
    "server/keys",
    "server/process",
  ],
  "server/execution": [
    "server/configuration",
    "server/connections",
    "server/figures",
    "server/keys",
  ],
  "server/keys": ["server/connections"],
  "server/connections": ["server/configuration"],
  "server/process": ["server/configuration"],
  "server/configuration": ["server/configuration/directives"],
  commands: ["commands/services", "commands/spec"],
  "commands/services": ["commands/spec"],
  // An entry of the table has a handler, which takes a Context.
  "commands/spec": ["commands/context.ts"],
  persistence: ["persistence/aof", "persistence/snapshot", "persistence/rdb"],
  "persistence/aof": [
    "persistence/snapshot",
    "persistence/damage-error.ts",
    "persistence/files.ts",
    "persistence/journal.ts",
    "persistence/rdb-file.ts",
    "persistence/settings.ts",
    "persistence/snapshot-source.ts",
    "persistence/replication-offset.ts",
    "persistence/transaction-reader.ts",
  ],
  "persistence/snapshot": ["persistence/rdb", "persistence/values", "persistence/files.ts"],
  "persistence/values": ["persistence/rdb"],
  "persistence/rdb": ["persistence/damage-error.ts"],
  // The keyspace puts the types together; they know entries and what all databases share.
  store: ["store/types"],
  "store/types": [
    "store/entry.ts",
    "store/field-expiry.ts",
    "store/space.ts",
    "store/value-digest.ts",
    "store/value-type.ts",
  ],
  cli: ["cli/modes"],
  "cli/modes": ["cli"],
};

/** What may come from outside the source; where a folder is not named, nothing may. */
const OUTSIDE: Readonly<Record<string, RegExp>> = {
  // The log is a file; memory is given back to the system by its libc.
  base: /^(bun:ffi|node:fs)$/,
  client: /^bun$/,
  persistence: /^(bun|node:fs|node:path)$/,
  replication: /^bun$/,
  server: /^(bun|bun:ffi|bun:jsc|node:[a-z/]+)$/,
  cli: /^(@clack\/prompts|node:[a-z/]+)$/,
  "index.ts": /^node:(fs|os|path)$/,
  "main.ts": /^node:path$/,
  benchmark: /^(bun|node:fs)$/,
  monitor: /^(terminal-kit|node:[a-z/]+)$/,
  "version.ts": /^\.\.\/package\.json$/,
};

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

const SOURCES = filesUnder(SOURCE)
  .map((path) => relative(SOURCE, path))
  .filter((path) => path !== "README.md");
const ALL = ["src", "tests", "scripts"]
  .flatMap((folder) => filesUnder(join(ROOT, folder)))
  .map((path) => relative(ROOT, path))
  .filter((path) => path.endsWith(".ts"));

/** The folder in `src` that a file is in, or its name where it is in none. */
function moduleOf(file: string): string {
  return file.split("/")[0]!;
}

interface Import {
  readonly file: string;
  /** A file in `src`, or what comes from outside. */
  readonly target: string;
  readonly isInside: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SOURCE, file), "utf8");
  const found = text.matchAll(/(?:\bfrom|\bimport\(|^import) ?"([^"]+)"/gm);
  return [...found].map(([, name]) => {
    const path = normalize(join(dirname(file), name!));
    const isInside = name!.startsWith(".") && !path.startsWith("..");
    return { file, target: isInside ? path : name!, isInside };
  });
}

const IMPORTS = SOURCES.flatMap(importsOf);

/** The sets of files that reach each other (strongly connected components, by Tarjan's algorithm). */
function circlesOf(files: readonly string[], targets: (file: string) => string[]): string[][] {
  const indexes = new Map<string, number>();
  const lowest = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    indexes.set(file, indexes.size);
    lowest.set(file, indexes.get(file)!);
    path.push(file);
    const all = targets(file);
    for (const target of all) {
      if (!indexes.has(target)) visit(target);
      if (path.includes(target)) {
        lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
      }
    }
    if (lowest.get(file) !== indexes.get(file)) return;
    const circle = path.splice(path.indexOf(file)).sort();
    if (circle.length > 1 || all.includes(file)) circles.push(circle);
  };
  for (const file of files) if (!indexes.has(file)) visit(file);
  return circles.sort();
}

describe("imports", () => {
  test("were found at all", () => {
    expect(IMPORTS.length).toBeGreaterThan(100);
    for (const { isInside, target } of IMPORTS) if (isInside) expect(SOURCES).toContain(target);
  });

  test("every folder has its row", () => {
    const modules = [...new Set(SOURCES.map(moduleOf))].sort();
    expect(modules).toEqual(Object.keys(ALLOWED).sort());
  });

  test("go where they may", () => {
    const wrong = IMPORTS.filter(({ file, isInside, target }) => {
      const from = moduleOf(file);
      if (!isInside) return !OUTSIDE[from]?.test(target);
      const to = moduleOf(target);
      return from !== to && !ALLOWED[from]!.some((name) => name === to || name === target);
    });
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  test("go down only: no folder reaches itself", () => {
    const reached = (from: string, seen: Set<string>): Set<string> => {
      for (const { file, isInside, target } of IMPORTS) {
        const to = moduleOf(target);
        if (!isInside || moduleOf(file) !== from || to === from || seen.has(to)) continue;
        seen.add(to);
        reached(to, seen);
      }
      return seen;
    };
    for (const module of Object.keys(ALLOWED)) {
      expect([module, reached(module, new Set()).has(module)]).toEqual([module, false]);
    }
  });

  test("go where they may within a folder", () => {
    const wrong = IMPORTS.filter(({ file, isInside, target }) => {
      const [from, to] = [dirname(file), dirname(target)];
      if (!isInside || from === to || moduleOf(file) !== moduleOf(target)) return false;
      return !(ROOMS[from] ?? []).some((name) => name === to || name === target);
    });
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  test("go in no circle: no file reaches itself", () => {
    const circles = circlesOf(SOURCES, (file) =>
      IMPORTS.filter((one) => one.isInside && one.file === file).map((one) => one.target),
    );
    expect(circles).toEqual([]);
  });

  test("of each allowed kind exist, so that the table does not outlive its reasons", () => {
    const isUsed = (from: string, name: string) =>
      IMPORTS.some(({ file, target }) => {
        const isFrom = moduleOf(file) === from || dirname(file) === from;
        return isFrom && (target === name || dirname(target) === name);
      });
    const unused = [...Object.entries(ALLOWED), ...Object.entries(ROOMS)].flatMap(([from, names]) =>
      names
        .filter((name) => name.includes("/") && !isUsed(from, name))
        .map((name) => `${from} does not import ${name}`),
    );
    expect(unused).toEqual([]);
  });
});

describe("files", () => {
  const lines = (file: string) => readFileSync(join(ROOT, file), "utf8").split("\n");

  test(`have at most ${LINES_MAX} lines`, () => {
    expect(ALL.filter((file) => lines(file).length > LINES_MAX)).toEqual([]);
  });

  test("have names in kebab-case", () => {
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/;
    const wrong = ALL.filter((file) =>
      [...dirname(file).split("/"), basename(file).replace(/(\.test)?\.ts$/, "")].some(
        (part) => !kebab.test(part),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test("say what they export by its name", () => {
    expect(ALL.filter((file) => lines(file).some((l) => /^export default\b/.test(l)))).toEqual([]);
  });

  test("leave nothing to be done", () => {
    // Put together, so that this file does not find itself.
    const mark = new RegExp(
      `\\b(${["TO", "FIX"].map((word, i) => word + ["DO", "ME"][i]).join("|")})\\b`,
    );
    expect(ALL.filter((file) => lines(file).some((line) => mark.test(line)))).toEqual([]);
  });

  test("have no absolute paths of somebody's machine", () => {
    const path = new RegExp(`["'\`](/${"home"}|/${"work"}|/${"Users"})/`);
    expect(ALL.filter((file) => lines(file).some((line) => path.test(line)))).toEqual([]);
  });
});

describe("unit tests mirror the source", () => {
  const stem = (file: string) => file.replace(/(\.test)?\.ts$/, "");
  const UNIT_TESTS = ALL.filter((file) => /^tests\/unit\/.*\.test\.ts$/.test(file)).map((file) =>
    stem(relative("tests/unit", file)),
  );
  const STEMS = SOURCES.map(stem);

  /** Whether there is anything to run: types and re-exports need no test. */
  function runs(file: string): boolean {
    const code = new Bun.Transpiler({ loader: "ts" }).transformSync(
      readFileSync(join(SOURCE, file), "utf8"),
    );
    return code.replace(/^(import|export) .* from .*$/gm, "").trim() !== "";
  }

  // A test of one aspect has a word more in its name: journal-replicas.test.ts is one of journal.ts.
  const isTestOf = (test: string, source: string) =>
    test === source || test.startsWith(`${source}-`);

  // A file of the list that is moved or parted takes its line along.
  test("each file of src has a unit test, but for those that are listed", () => {
    const missing = SOURCES.filter((file) => file.endsWith(".ts") && runs(file))
      .filter((file) => !UNIT_TESTS.some((name) => isTestOf(name, stem(file))))
      .filter((file) => !NOT_MIRRORED.includes(file));
    expect(missing.map((file) => `write tests/unit/${stem(file)}.test.ts`)).toEqual([]);
  });

  test("the list only becomes shorter: who has a test, or is gone, is taken off", () => {
    const stale = NOT_MIRRORED.filter(
      (file) => !SOURCES.includes(file) || UNIT_TESTS.includes(stem(file)),
    );
    expect(stale.map((file) => `take ${file} out of tests/unit/not-mirrored.ts`)).toEqual([]);
  });

  test("each unit test is that of a file of src or of scripts", () => {
    const scripts = ALL.filter((file) => file.startsWith("scripts/")).map(stem);
    const known = [...STEMS, ...scripts, "architecture"];
    const lost = UNIT_TESTS.filter((name) => !known.some((source) => isTestOf(name, source)));
    expect(lost).toEqual([]);
  });
});
