import { describe, expect, test } from "bun:test";
import {
  emptyManifest,
  formatManifest,
  type Manifest,
  ManifestError,
  parseManifest,
} from "../../../../src/persistence/aof/manifest.ts";

const FULL: Manifest = {
  base: { name: "appendonly.aof.3.base.rdb", sequence: 3 },
  increments: [
    { name: "appendonly.aof.4.incr.aof", sequence: 4 },
    { name: "appendonly.aof.5.incr.aof", sequence: 5 },
  ],
  history: [{ name: "appendonly.aof.2.base.rdb", sequence: 2 }],
};

const FULL_TEXT = `file appendonly.aof.3.base.rdb seq 3 type b
file appendonly.aof.2.base.rdb seq 2 type h
file appendonly.aof.4.incr.aof seq 4 type i
file appendonly.aof.5.incr.aof seq 5 type i
`;

describe("manifest", () => {
  test("is written as Redis writes it", () => {
    expect(formatManifest(FULL)).toEqual(FULL_TEXT);
    expect(formatManifest(emptyManifest())).toEqual("");
  });

  test("what is written is read back", () => {
    expect(parseManifest(FULL_TEXT)).toEqual(FULL);
  });

  test.each(["my file.aof", 'a"b', "a'b", "a\\b", "ü.aof", "数.aof"])(
    "a name such as %p",
    (name) => {
      const manifest = { ...emptyManifest(), base: { name, sequence: 1 } };
      expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
    },
  );

  test("remarks, empty lines, line ends of Windows, blanks and other orders of the words", () => {
    const text = "# a remark\n\n \tseq 1 type b file a\r\ntype i file b seq 1 later 5  \n";
    expect(parseManifest(text)).toEqual({
      base: { name: "a", sequence: 1 },
      increments: [{ name: "b", sequence: 1 }],
      history: [],
    });
  });

  const noFile = "line 1: it does not name a file, its sequence number and its type";
  test.each([
    ["", "it names no file"],
    ["\n \r\n", "it names no file"],
    ["# file a seq 1 type b\n", "it names no file"],
    ["file a seq 1 type b", "line 1 is cut short"],
    ["file a seq 1 type b\nfile b s", "line 2 is cut short"],
    ["file a seq 1 type b\nfile b seq 2 type b\n", "line 2: a second base file"],
    ["file a seq 2 type i\nfile b seq 2 type i\n", "line 2: increments are out of order"],
    ["file a seq 2 type i\nfile b seq 1 type i\n", "line 2: increments are out of order"],
    ["file a seq 1 type b\nfile a seq 1 type i\n", "line 2: a file is named twice"],
    ["file a seq 1 type x\n", "line 1: unknown type 'x'"],
    ["file a seq 1 type base\n", "line 1: unknown type 'base'"],
    ["file a seq 1\n", "line 1: unknown type ''"],
    ["file a seq one type b\n", "line 1: the sequence number 'one' is not a positive number"],
    ["file a seq 0 type b\n", "line 1: the sequence number '0' is not a positive number"],
    ["file a seq -1 type b\n", "line 1: the sequence number '-1' is not a positive number"],
    ["file a seq 1e3 type b\n", "line 1: the sequence number '1e3' is not a positive number"],
    ["file a type b\n", "line 1: the sequence number '' is not a positive number"],
    ["file ../a seq 1 type b\n", 'line 1: "../a" is not the name of a file in this folder'],
    ["file .. seq 1 type b\n", 'line 1: ".." is not the name of a file in this folder'],
    ["seq 1 type b\n", noFile],
    ['file "" seq 1 type b\n', noFile],
    ["file a seq 1 type b more\n", noFile],
    ['file "a seq 1 type b\n', noFile],
    [
      "file x.1.base.rdb seq 2 type b\n",
      "line 1: 'seq 2 type b' does not fit the file name x.1.base.rdb",
    ],
    [
      "file x.1.base.rdb seq 1 type i\n",
      "line 1: 'seq 1 type i' does not fit the file name x.1.base.rdb",
    ],
    [
      "file x.1.incr.aof seq 1 type b\n",
      "line 1: 'seq 1 type b' does not fit the file name x.1.incr.aof",
    ],
    [
      "file x.3.base.rdb seq 3 type b\nfile x.4.incr.aof seq 4 type h\n",
      "a file is marked as history (type h), but no older base is",
    ],
  ])("%j is refused", (text, message) => {
    expect(() => parseManifest(text)).toThrow(new ManifestError(message));
  });

  test("no flipped bit turns a file that is part of the data into one to be deleted", () => {
    const text =
      "file x.1.base.rdb seq 1 type b\nfile x.1.incr.aof seq 1 type i\nfile x.2.incr.aof seq 2 type i\n";
    const history: string[] = [];
    for (let i = 0; i < text.length * 8; i++) {
      const bytes = Buffer.from(text, "latin1");
      bytes[i >> 3] = bytes[i >> 3]! ^ (1 << (i & 7));
      try {
        const manifest = parseManifest(bytes.toString("latin1"));
        history.push(...manifest.history.map(({ name }) => name));
      } catch (error) {
        expect(error).toBeInstanceOf(ManifestError);
      }
    }
    expect(history).toEqual([]);
  });
});
