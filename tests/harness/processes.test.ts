/** What other tests rely on: they speak to the server that they have started, and to no other one. */
import { expect, test } from "bun:test";
import { BINARY, DataFolder, freePort, start, startStormdb } from "./processes.ts";

test("a server whose port another one has taken is not taken for it", async () => {
  await using other = await startStormdb();
  using folder = new DataFolder();
  const command = [BINARY, "server", "--port", String(other.port), "--bind", "127.0.0.1"];
  const started = start(command, other.port, folder.path, true);
  await expect(started).rejects.toThrow("address already in use");
});

test("ports that are asked for at the same time are different ones", async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort));
  expect(new Set(ports).size).toEqual(50);
});
