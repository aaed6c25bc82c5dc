/** Writing and syncing the append-only file, on devices that fail. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AofFile } from "../../../../src/persistence/aof/aof-file.ts";
import { encodeCommand } from "../../../../src/protocol/command-encoder.ts";

function command(text: string): Uint8Array {
  return encodeCommand([text]);
}

async function untilError(aof: AofFile): Promise<void> {
  while (aof.error === "") await new Promise((done) => setImmediate(done));
}

describe("AofFile", () => {
  test("commands are written at once, also while a sync is under way", () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-aof-"));
    const path = join(folder, "a.aof");
    const aof = new AofFile(path, "everysec");
    for (const text of ["one", "two", "three"]) {
      // The first one starts a sync, which cannot end before this test gives way.
      aof.append(command(text), 5000, true);
      expect({ left: aof.unwrittenBytes, error: aof.error }).toEqual({ left: 0, error: "" });
    }
    expect(readFileSync(path, "latin1")).toEqual(
      "*1\r\n$3\r\none\r\n*1\r\n$3\r\ntwo\r\n*1\r\n$5\r\nthree\r\n",
    );
    aof.close();
    rmSync(folder, { recursive: true });
  });

  test("what cannot be written stays, and the error is told", () => {
    const aof = new AofFile("/dev/full", "everysec");
    aof.append(command("one"), 5000, true);
    aof.append(command("two"), 5000, true);
    expect(aof.unwrittenBytes).toEqual(command("one").length + command("two").length);
    expect(aof.size).toEqual(0);
    expect(aof.error).toContain("ENOSPC");
    aof.close();
  });

  test("a sync that fails is told with always, at once", () => {
    const aof = new AofFile("/dev/null", "always");
    aof.append(command("one"), 5000, true);
    expect(aof.error).toContain("EINVAL");
  });

  test("a sync that fails is told with everysec, and stays so until one succeeds", async () => {
    const aof = new AofFile("/dev/null", "everysec");
    aof.append(command("one"), 5000, true);
    await untilError(aof);
    expect(aof.error).toContain("EINVAL");
    // That the next write succeeds says nothing of what was not synced.
    aof.append(command("two"), 5001, true);
    expect(aof.error).toContain("EINVAL");
  });
});
