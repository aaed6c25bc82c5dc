/** The build's rewriting of terminal-kit, without which the compiled monitor could not start. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rewriteTerminal, rewriteTermkit } from "../../../scripts/terminal-kit-plugin.ts";

const FOLDER = join(dirname(Bun.resolveSync("terminal-kit/package.json", import.meta.dir)), "lib");

function source(name: string): string {
  return readFileSync(join(FOLDER, name), "utf8");
}

/** Requires whose file is not written out. */
function dynamicRequires(text: string): string[] {
  return [...text.matchAll(/\brequire\((?!\s*'[^'+]*'\s*\))[^)]*\)/g)].map(([found]) => found);
}

describe("terminal-kit", () => {
  test("reads as the build expects", () => {
    expect(dynamicRequires(source("Terminal.js")).length).toBe(5);
    const terminal = rewriteTerminal(source("Terminal.js"), FOLDER);
    expect(dynamicRequires(terminal)).toEqual([]);
    for (const file of readdirSync(join(FOLDER, "termconfig"))) {
      if (file.endsWith(".js")) expect(terminal).toContain(`require('./termconfig/${file}')`);
    }
    expect(dynamicRequires(rewriteTermkit(source("termkit.js")))).toEqual([]);
  });

  test("stops the build when it reads differently", () => {
    expect(() => rewriteTerminal("require( './other/' + name )", FOLDER)).toThrow("has changed");
    expect(() => rewriteTermkit("")).toThrow("has changed");
  });
});
