/** Where lines of the configuration come from: files with their includes, standard input, arguments. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Config, ConfigError } from "../../../../src/server/configuration/config.ts";
import { DIRECTIVES } from "../../../../src/server/configuration/directives/index.ts";
import { parseCommandLine } from "../../../../src/server/configuration/sources.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-configuration-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, "latin1");
  return path;
}

function read(...args: string[]): Config {
  return new Config({ commandLine: parseCommandLine(args) });
}

function ofText(standardInput: string): Config {
  return new Config({ standardInput });
}

function problemsOf(make: () => unknown): readonly string[] {
  try {
    make();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("sources", () => {
  test("a later one overrides: defaults, file, standard input, arguments, directives", () => {
    const path = file("order.conf", "hz 2\ntimeout 2\nport 2\ndatabases 2\n");
    const config = new Config({
      defaults: [
        ["hz", ["1"]],
        ["timeout", ["1"]],
        ["port", ["1"]],
        ["tcp-backlog", ["1"]],
      ],
      commandLine: parseCommandLine([path, "--timeout", "4", "--port", "4"]),
      standardInput: "timeout 3\ndatabases 3\n",
      directives: [["port", ["5"]]],
    });
    expect(config.number("tcp-backlog")).toBe(1);
    expect(config.number("hz")).toBe(2);
    expect(config.number("databases")).toBe(3);
    expect(config.number("timeout")).toBe(4);
    expect(config.number("port")).toBe(5);
  });

  test("everything that is wrong is named at once, with file and line", () => {
    const inner = file("inner.conf", "cluster-enabled yes\nhz 1\n");
    const path = file(
      "wrong.conf",
      `nope 1\nport x\n\ninclude ${inner}\nloadmodule x.so\n"open\nuser alice on\nhz\n`,
    );
    expect(problemsOf(() => read(path, "--tls-port", "7"))).toEqual([
      `${path}:1: unknown directive 'nope'`,
      `${path}:2: bad value 'x' for 'port': argument couldn't be parsed into an integer`,
      `${inner}:1: cluster-enabled yes: StormDB has no cluster`,
      `${path}:5: loadmodule x.so: StormDB loads no modules`,
      `${path}:6: unbalanced quotes`,
      `${path}:7: user alice on: StormDB has no users but default, who may do everything; see requirepass`,
      `${path}:8: wrong number of arguments for directive 'hz'`,
      "tls-port 7: StormDB has no TLS",
    ]);
  });

  test("a later line may take back what StormDB does not have, but no mistake", () => {
    const path = file("lack.conf", "cluster-enabled yes\nmaxmemory-policy allkeys-lru\nport x\n");
    const args = ["--cluster-enabled", "no", "--maxmemory-policy", "noeviction", "--port", "1"];
    expect(problemsOf(() => read(path, ...args))).toEqual([
      `${path}:3: bad value 'x' for 'port': argument couldn't be parsed into an integer`,
    ]);
  });

  test("what is shown of a line has no control characters and is not long", () => {
    const [problem] = problemsOf(() => ofText(`\x1b[31m${"x".repeat(500)} 1\n`));
    expect(problem).toBe(`standard input:1: unknown directive '\\x1b[31m${"x".repeat(123)}...'`);
  });

  test("the mark that editors put before UTF-8, and their line ends, are no part of a line", () => {
    expect(ofText("\xef\xbb\xbfhz 20\r\nport 7\r\n").number("hz")).toBe(20);
  });

  test("a NUL byte is no part of a line", () => {
    expect(problemsOf(() => ofText("requirepass a\0b\n"))).toEqual([
      `standard input:1: a line can't contain a NUL byte; write it as "\\x00"`,
    ]);
    expect(ofText('requirepass "a\\x00b"\n').text("requirepass")).toBe("a\0b");
  });

  test("save points of several lines add up, and none turns saving off", () => {
    expect(ofText("hz 1\n").value("save")).toEqual(DIRECTIVES.save.default as never);
    expect(ofText("save 60 1\nsave 30 2 10 3\n").value("save")).toEqual([
      [60, 1],
      [30, 2],
      [10, 3],
    ]);
    expect(ofText('save 60 1\nsave ""\n').value("save")).toEqual([]);
    expect(ofText('save ""\nsave "5 6"\n').value("save")).toEqual([[5, 6]]);
  });
});

describe("include", () => {
  test("by a pattern, in the order of names; no match is no mistake; hidden files are not meant", () => {
    mkdirSync(join(folder, "parts"));
    for (const name of ["b.conf", "a.conf", ".hidden.conf", "c.txt"]) {
      file(`parts/${name}`, `proc-title-template ${name}\nsave 1 ${name.charCodeAt(0)}\n`);
    }
    const path = file("pattern.conf", `include ${folder}/p*s/*.conf\ninclude ${folder}/none/*\n`);
    const config = read(path);
    expect(config.text("proc-title-template")).toBe("b.conf");
    expect(config.value("save").map(([, changes]) => changes)).toEqual([97, 98]);
  });

  test("relative to the folder that is set", () => {
    mkdirSync(join(folder, "relative"));
    file("relative/x.conf", "hz 77\n");
    const path = file("relative.conf", `dir ${folder}\ndir relative\ninclude x.conf\n`);
    expect(read(path).number("hz")).toBe(77);
    expect(read(path).unicode("dir")).toBe(join(folder, "relative"));
  });

  test("a file that is not there, one that includes itself, and too many in one another", () => {
    const path = file("missing.conf", "hz 1\ninclude /nowhere/x.conf\n");
    expect(problemsOf(() => read(path))).toEqual([
      `${path}:2: can't open config file '/nowhere/x.conf': ENOENT: no such file or directory, open '/nowhere/x.conf'`,
    ]);
    const self = file("self.conf", `include ${folder}/other.conf\n`);
    symlinkSync(self, join(folder, "link.conf"));
    const other = file("other.conf", `include ${folder}/link.conf\n`);
    expect(problemsOf(() => read(self))).toEqual([
      `${other}:1: '${join(folder, "link.conf")}' includes itself`,
    ]);
    for (let i = 0; i < 20; i++) file(`deep${i}.conf`, `include ${folder}/deep${i + 1}.conf\n`);
    expect(problemsOf(() => read(join(folder, "deep0.conf")))).toEqual([
      `${join(folder, "deep15.conf")}:1: more than 16 files include one another`,
    ]);
  });

  test("a folder, and a file without an end", () => {
    expect(problemsOf(() => read(folder))[0]).toStartWith(
      `can't open config file '${folder}': EISDIR`,
    );
    expect(problemsOf(() => read("/dev/zero"))).toEqual([
      "config file '/dev/zero' has more than 16777216 bytes",
    ]);
  });
});

describe("arguments", () => {
  const parsed = (...args: string[]) => {
    const { file: name, lines, readsStandardInput } = parseCommandLine(args);
    return [name, readsStandardInput, ...lines.map(({ words }) => words.join("|"))];
  };

  test("are read as redis-server reads them", () => {
    expect(parsed()).toEqual(["", false]);
    expect(parsed("a.conf")).toEqual(["a.conf", false]);
    expect(parsed("-")).toEqual(["", true]);
    expect(parsed("a.conf", "-", "--hz", "1")).toEqual(["a.conf", true, "hz|1"]);
    expect(parsed("a.conf", "--hz", "1", "-")).toEqual(["a.conf", true, "hz|1"]);
    expect(parsed("--bind", "a", "b", "--port", "1")).toEqual(["", false, "bind|a|b", "port|1"]);
    expect(parsed("--port 1", "--hz", "2")).toEqual(["", false, "port|1", "hz|2"]);
    expect(parsed("--requirepass", "--port", "--hz", "2")).toEqual([
      "",
      false,
      "requirepass|--port",
      "hz|2",
    ]);
    expect(parsed("--requirepass", "-")).toEqual(["", false, "requirepass|-"]);
    expect(parsed("--save", "--port", "1")).toEqual(["", false, "save|", "port|1"]);
    expect(parsed("--save")).toEqual(["", false, "save|"]);
    expect(parsed("--save", "", "--port", "1")).toEqual(["", false, "save|", "port|1"]);
    expect(() => parsed("a.conf", "b.conf")).toThrow("unexpected argument 'b.conf'");
    expect(() => parsed("--")).toThrow("'--' is the beginning of no directive's name");
  });
});
