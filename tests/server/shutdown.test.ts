/** How the server ends. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, freePort, type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { RawClient } from "../harness/raw-client.ts";

async function isUp(port: number): Promise<boolean> {
  try {
    (await RawClient.connect(port)).close();
    return true;
  } catch {
    return false;
  }
}

/** Has the server end by `end`: with exit code 0, every connection closed, and a word in the log. */
async function expectEnd(storm: RunningServer, end: () => Promise<void> | void): Promise<void> {
  const client = await storm.connect();
  expect(await client.call("SET", "a", "1")).toEqual("+OK\r\n");
  await end();
  expect(await storm.exited).toEqual(0);
  await client.closed;
  await until("the log says so", () => storm.output().includes("bye bye"));
}

describe("the server ends with exit code 0 by", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("%s", async (signal) => {
    await using storm = await startStormdb();
    await expectEnd(storm, () => {
      process.kill(storm.pid, signal);
    });
  });

  test("SIGTERM while clients stream", async () => {
    await using storm = await startStormdb();
    const busy = await storm.connect();
    const burst = "SET a 1\r\n".repeat(1000);
    await expectEnd(storm, async () => {
      for (let sent = 0; !busy.isClosed; sent++) {
        busy.write(burst);
        if (sent === 20) process.kill(storm.pid, "SIGTERM");
        await Bun.sleep(0);
      }
    });
  });

  test("SIGTERM while a client that does not read is owed much", async () => {
    await using storm = await startStormdb();
    const slow = await storm.connect();
    await slow.call("SET", "a", "x".repeat(1 << 20));
    slow.pause();
    slow.write("GET a\r\n".repeat(50));
    await expectEnd(storm, () => {
      process.kill(storm.pid, "SIGTERM");
    });
  });

  test.each(["SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE NOW FORCE"])("%s", async (line) => {
    await using storm = await startStormdb();
    await expectEnd(storm, async () => {
      const caller = await storm.connect();
      expect(await caller.call(...line.split(" ")).catch(() => "closed")).toEqual("closed");
    });
  });
});

test("SHUTDOWN with wrong arguments is refused, and all goes on", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  expect(await client.call("SHUTDOWN", "LATER")).toEqual("-ERR syntax error\r\n");
  expect(await client.call("SHUTDOWN", "SAVE", "NOSAVE")).toEqual("-ERR syntax error\r\n");
  expect(await client.call("SHUTDOWN", "ABORT")).toEqual("-ERR No shutdown in progress.\r\n");
  expect(await client.call("PING")).toEqual("+PONG\r\n");
});

test("SIGHUP, and a terminal or pipe that goes away, do not end the server", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  process.kill(storm.pid, "SIGHUP");
  for (let i = 0; i < 20; i++) expect(await client.call("PING")).toEqual("+PONG\r\n");

  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "stormdb-pipe-"));
  // The reader of the log leaves after one line; what the server writes then is an error.
  const args = `--port ${port} --bind 127.0.0.1 --dir '${folder}' --loglevel verbose`;
  const child = Bun.spawn(
    ["bash", "-c", `set -o pipefail; "${BINARY}" server ${args} | head -n 1`],
    { stdout: "pipe", stderr: "pipe" },
  );
  await until("it answers", () => isUp(port));
  for (let i = 0; i < 3; i++) {
    const broken = await RawClient.connect(port);
    broken.write("*x\r\n");
    await broken.closed;
  }
  const last = await RawClient.connect(port);
  expect(await last.call("PING")).toEqual("+PONG\r\n");
  last.write("SHUTDOWN NOSAVE\r\n");
  await last.closed;
  const stderr = await child.stderr.text();
  expect({ code: await child.exited, stderr }).toEqual({ code: 0, stderr: "" });
  rmSync(folder, { recursive: true });
});

describe("told to stop while it loads, the server leaves the dump as it is", () => {
  test.each(["SIGTERM", "SHUTDOWN", "SHUTDOWN SAVE"])("%s", async (how) => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-load-"));
    const dump = join(folder, "dump.rdb");
    const args = ["--dir", folder, "--save", "3600 1"];
    {
      await using storm = await startStormdb(...args);
      const client = await storm.connect();
      expect(await client.call("DEBUG", "POPULATE", "500000")).toEqual("+OK\r\n");
      expect(await client.call("SAVE")).toEqual("+OK\r\n");
      client.write("SHUTDOWN NOSAVE\r\n");
      expect(await storm.exited).toEqual(0);
    }
    const size = statSync(dump).size;
    expect(size).toBeGreaterThan(5_000_000);
    await using storm = await startStormdb(...args);
    if (how === "SIGTERM") process.kill(storm.pid, how);
    else (await storm.connect()).write(`${how}\r\n`);
    expect(await storm.exited).toEqual(0);
    expect(statSync(dump).size).toEqual(size);
    rmSync(folder, { recursive: true });
  });
});
