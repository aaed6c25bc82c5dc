/** Holds the shape of the source: who may import whom, and what every file looks like. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, normalize, relative } from "node:path";

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
    "server/configuration/directives.ts",
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

/** What may come from outside the source; where a folder is not named, nothing may. */
const OUTSIDE: Readonly<Record<string, RegExp>> = {
  // The log is a file; memory is given back to the system by its libc.
  base: /^(bun:ffi|node:fs)$/,
  client: /^bun$/,
  persistence: /^(bun|node:fs|node:path)$/,
  replication: /^(bun|node:fs)$/,
  server: /^(bun|bun:jsc|node:[a-z/]+)$/,
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

  test("of each allowed kind exist, so that the table does not outlive its reasons", () => {
    const unused = Object.entries(ALLOWED).flatMap(([from, names]) =>
      names
        .filter((name) => name.includes("/"))
        .filter(
          (name) => !IMPORTS.some(({ file, target }) => moduleOf(file) === from && target === name),
        )
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
