/** The configuration without a server: sources, values, CONFIG GET and SET, and what a rewrite writes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../../../src/base/random.ts";
import { Config, ConfigError } from "../../../../src/server/configuration/config.ts";
import {
  DIRECTIVE_NAMES,
  DIRECTIVES,
  type DirectiveName,
} from "../../../../src/server/configuration/directives/index.ts";
import { rewriteText } from "../../../../src/server/configuration/rewrite.ts";
import { parseCommandLine } from "../../../../src/server/configuration/sources.ts";
import { STOCK_FILES } from "./stock-files.ts";

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

test("names and types of directives are checked by the compiler", () => {
  const config = new Config();
  // @ts-expect-error: no such directive
  expect(config.number("maxmemmory")).toBeNaN();
  // @ts-expect-error: no number
  config.number("requirepass");
  // @ts-expect-error: no flag
  config.flag("maxclients");
  // @ts-expect-error: no text
  config.text("appendonly");
  // @ts-expect-error: not a value of it
  config.keep("appendfsync", "sometimes");
  const policy: "everysec" | "always" | "no" = new Config().text("appendfsync");
  expect(policy).toBe("everysec");
});

describe("stock configuration files", () => {
  test.each(Object.entries(STOCK_FILES))("%s", (_, text) => {
    expect(problemsOf(() => ofText(text))).toEqual([]);
  });

  test("what has no effect is noted with its line; the rest is not", () => {
    const { notes } = ofText("hz 20\njemalloc-bg-thread yes\n");
    expect(notes).toEqual([
      "standard input:2: jemalloc-bg-thread has no effect: StormDB allocates memory itself",
    ]);
  });
});

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

describe("rename-command", () => {
  test("names are checked as they are at that line", () => {
    const config = ofText(
      'rename-command GET fetch\nrename-command SET get\nrename-command keys ""\n',
    );
    expect(config.value("rename-command")).toEqual([
      ["get", "fetch"],
      ["set", "get"],
      ["keys", ""],
    ]);
    expect(problemsOf(() => ofText("rename-command nope x\n"))).toEqual([
      "standard input:1: bad value 'nope x' for 'rename-command': No such command in rename-command",
    ]);
    expect(problemsOf(() => ofText("rename-command get SET\n"))).toEqual([
      "standard input:1: bad value 'get SET' for 'rename-command': Target command name already exists",
    ]);
  });
});

describe("names of files", () => {
  const NAMES = ["dbfilename", "appendfilename", "appenddirname"] as const;
  const WRONG = ["../x", "a/b", "/x", "a\\b", ".", "..", ""];

  test.each(NAMES)("%s is no path, and not empty, wherever it is said", (name) => {
    for (const value of WRONG) {
      const reason =
        value === ""
          ? `${name} can't be empty`
          : `${name} can't be a path, just a ${name === "appenddirname" ? "dirname" : "filename"}`;
      const problem = `bad value '${value}' for '${name}': ${reason}`;
      const path = file("name.conf", `${name} "${value.replaceAll("\\", "\\\\")}"\n`);
      expect(problemsOf(() => read(path))).toEqual([`${path}:1: ${problem}`]);
      expect(problemsOf(() => read(`--${name}`, value))).toEqual([problem]);
      expect(problemsOf(() => new Config({ directives: [[name, [value]]] }))).toEqual([problem]);
      const config = ofText("enable-protected-configs yes\n");
      const refused = config.set([[name, value]], true);
      expect(refused).toEndWith(name === "dbfilename" ? reason : "can't set immutable config");
    }
  });

  test("protected directives are set only by whom the configuration allows to", () => {
    for (const [allowed, isLocal, may] of [
      ["no", true, false],
      ["local", false, false],
      ["local", true, true],
      ["yes", false, true],
    ] as const) {
      for (const pair of [
        ["dbfilename", "x.rdb"],
        ["dir", folder],
      ] as const) {
        const config = ofText(`enable-protected-configs ${allowed}\n`);
        const error = config.set([pair], isLocal);
        expect(error.includes("can't set protected config")).toBe(!may);
        expect(config.text(pair[0]) === pair[1]).toBe(may);
      }
    }
  });
});

describe("CONFIG SET", () => {
  test("is all or nothing when the server cannot take a value", () => {
    const config = new Config();
    const seen: [number, number][] = [];
    config.onChange((changed) => {
      seen.push([config.number("hz"), config.number("port")]);
      expect([...changed]).toEqual(["hz", "port"]);
      return config.number("port") === 7 ? { name: "port", reason: "no" } : null;
    });
    expect(
      config.set(
        [
          ["hz", "50"],
          ["timeout", "0"],
          ["PORT", "7"],
        ],
        true,
      ),
    ).toBe("ERR CONFIG SET failed (possibly related to argument 'PORT') - no");
    // Called again with the values of before; timeout has not changed.
    expect(seen).toEqual([
      [50, 7],
      [10, 6379],
    ]);
    expect(config.number("hz")).toBe(10);
  });

  test("numbers of 64 bits keep every digit", () => {
    const config = new Config();
    expect(config.set([["maxmemory", "9007199254740993"]], true)).toBe("");
    expect(config.get(["maxmemory"])).toEqual(new Map([["maxmemory", "9007199254740993"]]));
    expect(config.number("maxmemory")).toBe(9007199254740992);
  });
});

describe("rewrite", () => {
  /** Values that a client can set, of any bytes where the directive takes them. */
  const settable = DIRECTIVE_NAMES.filter((name) => DIRECTIVES[name].settable !== "at start");
  const valuesOf = (config: Config) => [...config.get(["*"])].filter(([name]) => name !== "dir");

  test("what is written is read back equal, whatever bytes were set", () => {
    const seed = Number(process.env.SEED ?? 1);
    const random = new Random(seed);
    const AWKWARD = [
      '"',
      "'",
      "\\",
      "\n",
      "\r",
      "\0",
      " ",
      "\t",
      "#",
      "\xff",
      "\x80",
      "a",
      "\\x",
      '\\"',
    ];
    let set = 0;
    for (let round = 0; round < 300; round++) {
      const config = ofText("enable-protected-configs yes\n");
      for (let i = 0; i < 10; i++) {
        const name = settable[random.below(settable.length)]!;
        if (name === "dir") continue;
        const length = random.below(12);
        const value = Array.from({ length }, () => AWKWARD[random.below(AWKWARD.length)]!).join("");
        if (config.set([[name, value]], true) === "") set++;
      }
      const text = rewriteText("", (name: DirectiveName) => config.value(name));
      const again = ofText(text);
      expect({ seed, values: valuesOf(again) }).toEqual({ seed, values: valuesOf(config) });
      // And again, in the place of the lines that are there.
      const twice = rewriteText(text, (name: DirectiveName) => again.value(name));
      expect({ seed, twice }).toEqual({ seed, twice: text });
    }
    expect(set).toBeGreaterThan(300);
  });

  test("a value is never a line of its own", () => {
    const config = new Config();
    config.keep("replicaof", { host: "a 1\nenable-debug-command yes\n#", port: 5 });
    config.set([["masterauth", "x\nenable-debug-command yes"]], true);
    const text = rewriteText("", (name: DirectiveName) => config.value(name));
    expect(text.split("\n").map((line) => line.split(" ")[0])).toEqual([
      "replicaof",
      "masterauth",
      "",
    ]);
  });

  test("keeps comments, includes and renamed commands, and the file's mode", () => {
    const path = file(
      "kept.conf",
      `# note\ninclude ${folder}/none*\nrename-command KEYS ""\nhz 1\n`,
    );
    Bun.spawnSync(["chmod", "600", path]);
    const config = read(path);
    config.set(
      [
        ["hz", "2"],
        ["requirepass", "x"],
      ],
      true,
    );
    expect(config.rewrite()).toBe("");
    expect(readFileSync(path, "latin1")).toBe(
      `# note\ninclude ${folder}/none*\nrename-command KEYS ""\nhz 2\nrequirepass x\n`,
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});
