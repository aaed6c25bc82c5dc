/** The package as others install it: packed, and unpacked into a project of theirs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { without } from "../harness/skips.ts";

const ROOT = join(import.meta.dir, "../..");
const project = mkdtempSync(join(tmpdir(), "stormdb-package-"));
afterAll(() => rmSync(project, { recursive: true }));

const README = readFileSync(join(ROOT, "README.md"), "utf8");
const EXAMPLE = /<!-- example test -->\n+```ts\n([\s\S]*?)```/.exec(README)![1]!;
/** What `bun add -d @types/bun` brings, and what StormDB's commands are made with. */
const INSTALLED = ["bun-types", "undici-types", "@types/node", "@clack", "terminal-kit"];

async function run(
  ...command: string[]
): Promise<{ readonly code: number; readonly output: string }> {
  const child = Bun.spawn(command, {
    cwd: project,
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, output: out + err };
}

let files: string[] = [];
beforeAll(async () => {
  const pack = Bun.spawn([process.execPath, "pm", "pack", "--destination", project], {
    cwd: ROOT,
    stdout: "pipe",
    stderr: "pipe",
  });
  const output = `${await pack.stdout.text()}${await pack.stderr.text()}`;
  const archive = /\S+\.tgz/.exec(output)?.[0];
  if ((await pack.exited) !== 0 || archive === undefined) throw new Error(output);
  const folder = join(project, "node_modules/stormdb");
  mkdirSync(folder, { recursive: true });
  await run("tar", "xzf", archive, "--strip-components=1", "-C", folder);
  files = (await run("tar", "tzf", archive)).output.trim().split("\n");
  for (const name of INSTALLED) {
    const link = join(project, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), link);
  }
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
  writeFileSync(join(project, "example.test.ts"), EXAMPLE);
}, 60_000);

test("it holds the sources, the types and what people read", () => {
  const others = files.filter((name) => !name.startsWith("package/src/"));
  expect(others.sort()).toEqual([
    "package/LICENSE",
    "package/README.md",
    "package/build/src/index.d.ts",
    "package/package.json",
  ]);
});

test("the README's example passes", async () => {
  expect(await run(process.execPath, "test", "./example.test.ts")).toEqual({
    code: 0,
    output: expect.stringMatching(/ 1 pass\n/),
  });
});

describe("its types", () => {
  test.each([
    ["esnext", "bundler", true],
    ["nodenext", "nodenext", false],
  ])(
    "module %s, resolution %s, skipLibCheck %p",
    async (module, moduleResolution, skipLibCheck) => {
      const compilerOptions = {
        ...{ module, moduleResolution, skipLibCheck, target: "esnext", lib: ["esnext"] },
        ...{ types: ["bun-types"], strict: true, exactOptionalPropertyTypes: true, noEmit: true },
      };
      writeFileSync(
        join(project, "wrong.ts"),
        'import { createServer } from "stormdb";\nawait createServer({ port: "6379" });\n',
      );
      const include = ["*.ts"];
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
      const { output } = await run(join(ROOT, "node_modules/.bin/tsc"), "--pretty", "false");
      expect(output).toMatch(/^wrong\.ts\(2,22\): error TS2322: [^\n]*\n$/);
    },
  );
});

test("`stormdb` is a command of it", async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const { bin } = JSON.parse(
    readFileSync(join(project, "node_modules/stormdb/package.json"), "utf8"),
  );
  const command = join(project, "node_modules/stormdb", bin.stormdb);
  expect(await run(process.execPath, command, "--version")).toEqual({
    code: 0,
    output: expect.stringContaining(`StormDB ${version} `),
  });
});

const NODE = Bun.which("node");
test.skipIf(without("node"))("Node is told that it takes Bun", async () => {
  const program = 'import { createServer } from "stormdb"; createServer();';
  const { code, output } = await run(NODE!, "--input-type=module", "-e", program);
  expect(code).toEqual(1);
  expect(output).toContain("Error: stormdb needs Bun");
});
