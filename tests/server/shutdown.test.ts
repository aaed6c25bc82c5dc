/** How the server ends. */
import { describe, expect, test } from "bun:test";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";

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
