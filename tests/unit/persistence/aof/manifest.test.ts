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
    expect(parseManifest("")).toEqual(emptyManifest());
  });

  test.each(["my file.aof", 'a"b', "a'b", "a\\b", "ü.aof", "数.aof"])(
    "a name such as %p",
    (name) => {
      const manifest = { ...emptyManifest(), base: { name, sequence: 1 } };
      expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
    },
  );

  test("remarks, empty lines, line ends of Windows and other orders of the words", () => {
    const text = "# a remark\n\nseq 1 type b file a\r\ntype i file b seq 1 later 5\n";
    expect(parseManifest(text)).toEqual({
      base: { name: "a", sequence: 1 },
      increments: [{ name: "b", sequence: 1 }],
      history: [],
    });
  });

  test.each([
    ["file a seq 1 type b\nfile b seq 2 type b", "line 2 of the manifest: a second base file"],
    ["file a seq 2 type i\nfile b seq 2 type i", "line 2 of the manifest: increments out of order"],
    ["file a seq 1 type x", "line 1 of the manifest: unknown type 'x'"],
    [
      "file a seq one type b",
      "line 1 of the manifest: it does not name a file and its sequence number",
    ],
    [
      "file ../a seq 1 type b",
      "line 1 of the manifest: it does not name a file and its sequence number",
    ],
    ["seq 1 type b", "line 1 of the manifest: it does not name a file and its sequence number"],
    [
      'file "a seq 1 type b',
      "line 1 of the manifest: it does not name a file and its sequence number",
    ],
  ])("%p is refused", (text, message) => {
    expect(() => parseManifest(text)).toThrow(new ManifestError(message));
  });

  test("a line that names no type is refused", () => {
    expect(() => parseManifest("file a seq 1")).toThrow(ManifestError);
  });

  test("a line without a sequence number is refused", () => {
    expect(() => parseManifest("file a type b")).toThrow(ManifestError);
  });
});
