/** An append-only file that names a database which the server does not have. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";

test("is refused: its commands must not land in another database", () => {
  const folder = mkdtempSync(join(tmpdir(), "stormdb-test-"));
  const commands = [encodeCommand(["SELECT", "20"]), encodeCommand(["SET", "a", "1"])];
  writeFileSync(join(folder, "appendonly.aof"), Buffer.concat(commands));
  const args = ["--port", "0", "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"];
  const child = Bun.spawnSync([BINARY, "server", ...args, "--dir", folder]);
  rmSync(folder, { recursive: true, force: true });
  expect(child.stderr.toString()).toContain("there is no database '20' (see databases)");
  expect(child.exitCode).toEqual(1);
});
