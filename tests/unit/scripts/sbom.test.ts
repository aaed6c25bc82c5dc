/** The bill of materials: what is in a binary, and nothing that only builds or tests it. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import manifest from "../../../package.json";
import { type Lock, sbom } from "../../../scripts/sbom.ts";

const LOCK = Bun.JSONC.parse(
  await Bun.file(join(import.meta.dir, "../../../bun.lock")).text(),
) as Lock;

interface Bill {
  readonly components: readonly {
    readonly purl: string;
    readonly group?: string;
    readonly name: string;
    readonly hashes: { content: string }[];
    readonly licenses?: object[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: string[] }[];
}

const bill = (await sbom(LOCK)) as Bill;
const urls = bill.components.map(({ purl }) => purl);

test("it holds Bun and what StormDB depends on, and not what it is tested with", () => {
  const wanted = [...Object.keys(manifest.dependencies), "bun"].map((name) => `pkg:npm/${name}@`);
  for (const url of wanted) {
    expect(urls.some((purl) => purl.replace("%40", "@").startsWith(url))).toBe(true);
  }
  expect(urls.filter((purl) => /ioredis|express|biome|typescript/.test(purl))).toEqual([]);
});

test("every package is there once, with its checksum and those it needs", () => {
  expect(new Set(urls).size).toBe(urls.length);
  for (const { hashes } of bill.components) expect(hashes[0]?.content).toMatch(/^[0-9a-f]{128}$/);
  const own = `pkg:npm/${manifest.name}@${manifest.version}`;
  expect(bill.dependencies.map(({ ref }) => ref)).toEqual([own, ...urls]);
  for (const { dependsOn } of bill.dependencies) {
    expect(dependsOn.filter((purl) => !urls.includes(purl))).toEqual([]);
  }
});

test("a scope stands apart from the name, and licences are told where the packages tell them", () => {
  const told = Object.fromEntries(
    bill.components.map(({ group, licenses, name }) => [`${group ?? ""} ${name}`, licenses]),
  );
  expect(told["@clack prompts"]).toEqual([{ license: { id: "MIT" } }]);
  expect(told[" chroma-js"]).toEqual([{ expression: "(BSD-3-Clause AND Apache-2.0)" }]);
  expect(Object.keys(told).filter((name) => told[name] === undefined)).toEqual([" node-bitmap"]);
});

test("a package that has a version of its own of another is told with that one", async () => {
  const entry = (id: string, ...needs: string[]) =>
    [id, "", { dependencies: Object.fromEntries(needs.map((name) => [name, "*"])) }, ""] as const;
  const direct = Object.keys(manifest.dependencies);
  const packages = {
    ...Object.fromEntries(direct.map((name) => [name, entry(`${name}@1.0.0`, "b", "@c/d")])),
    b: entry("b@1.0.0"),
    "@c/d": entry("@c/d@1.0.0", "b"),
    "@c/d/b": entry("b@2.0.0"),
    bun: entry("bun@1.0.0"),
  };
  const lock = { lockfileVersion: 1, configVersion: 1, packages };
  const { dependencies } = (await sbom(lock, async () => "MIT")) as Bill;
  expect(dependencies.find(({ ref }) => ref === "pkg:npm/%40c/d@1.0.0")?.dependsOn).toEqual([
    "pkg:npm/b@2.0.0",
  ]);
});
