/** Runs against servers that behave in ways of their own. */
import { describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { type Outcome, type Plan, PROGRESS_FIELDS, Run } from "../../../src/benchmark/run.ts";
import { commandTest } from "../../../src/benchmark/workload.ts";

const REQUEST = "*1\r\n$4\r\nPING\r\n";

/** Counts the PINGs in what comes, and lets `answer` deal with them. */
function serve(answer: (socket: Socket, requests: number, connection: number) => void) {
  let connections = 0;
  const numbers = new Map<Socket, number>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void numbers.set(socket, connections++),
      data: (socket, chunk) =>
        answer(socket, chunk.toString().split(REQUEST).length - 1, numbers.get(socket)!),
    },
  });
  return {
    port: listener.port,
    connections: () => connections,
    [Symbol.dispose]: () => listener.stop(true),
  };
}

async function perform(
  port: number,
  changes: Partial<Plan>,
  onError: (text: string) => void = () => {},
): Promise<Outcome> {
  const run = new Run(
    {
      target: {
        host: "127.0.0.1",
        port,
        path: undefined,
        user: undefined,
        password: undefined,
        database: 0,
        security: undefined,
      },
      protocol: 2,
      requests: commandTest(["PING"], "").requests,
      keys: null,
      seed: 1,
      connections: 3,
      count: 100,
      pipeline: 1,
      keepsAlive: true,
      rate: 0,
      toleratesErrors: false,
      ...changes,
    },
    new Float64Array(PROGRESS_FIELDS),
    onError,
  );
  await run.prepare();
  return run.perform();
}

describe("a run", () => {
  test.each([
    [{}],
    [{ pipeline: 7 }],
    [{ pipeline: 1000 }],
    [{ connections: 200 }],
    [{ connections: 1, pipeline: 16 }],
    [{ rate: 100_000 }],
    [{ rate: 100_000, pipeline: 8 }],
    [{ keepsAlive: false }],
  ])("sends exactly as many requests as it should, %j", async (changes) => {
    let received = 0;
    using server = serve((socket, requests) => {
      received += requests;
      socket.write("+PONG\r\n".repeat(requests));
    });
    const { errors, failure, histogram } = await perform(server.port, changes);
    expect({ errors, failure, received, total: histogram.total }).toEqual({
      errors: 0,
      failure: null,
      received: 100,
      total: 100,
    });
  });

  test("without keep-alive every request has a connection of its own", async () => {
    using server = serve((socket) => socket.write("+PONG\r\n"));
    await perform(server.port, { keepsAlive: false, count: 20, connections: 2 });
    // The two that were ready when the last requests went out are at most idle.
    expect(server.connections()).toBeGreaterThanOrEqual(20);
    expect(server.connections()).toBeLessThanOrEqual(22);
  });

  test("at a fixed rate, requests that had to wait are late: no coordinated omission", async () => {
    // The first reply comes 200 ms late. With one connection, nothing can be sent meanwhile.
    let first = true;
    using server = serve((socket, requests) => {
      const wait = first ? 220 : 0;
      first = false;
      setTimeout(() => socket.write("+PONG\r\n".repeat(requests)), wait);
    });
    const { histogram } = await perform(server.port, {
      connections: 1,
      count: 300,
      rate: 1000,
      pipeline: 50,
    });
    // Those due in the first 100 ms waited for 100 ms or more, however slow this machine is.
    const late = histogram.total - histogram.countUpTo(100_000);
    expect({ total: histogram.total, isLate: late >= 100 }).toEqual({ total: 300, isLate: true });
    expect(histogram.maxUs).toBeGreaterThan(200_000);
  });

  test("an error reply ends it, with its text", async () => {
    using server = serve((socket) => socket.write("-ERR not today\r\n"));
    const { failure } = await perform(server.port, {});
    expect(failure).toEqual({ isReply: true, text: "ERR not today" });
  });

  test("error replies are counted where they are tolerated, and not all shown", async () => {
    using server = serve((socket) => socket.write("-ERR not today\r\n"));
    const shown: string[] = [];
    const { errors, failure, histogram } = await perform(
      server.port,
      { toleratesErrors: true },
      (text) => shown.push(text),
    );
    expect({ errors, failure, total: histogram.total }).toEqual({
      errors: 100,
      failure: null,
      total: 100,
    });
    expect(shown[0]).toEqual("ERR not today");
    expect(shown.length).toBeLessThan(100);
  });

  test("a server that closes connections, or speaks something else, ends it", async () => {
    using closing = serve((socket) => void socket.end());
    expect((await perform(closing.port, {})).failure).toEqual({
      isReply: false,
      text: "Server closed the connection",
    });
    using strange = serve((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n"));
    expect((await perform(strange.port, {})).failure).toEqual({
      isReply: false,
      text: "Protocol error: the server sent bytes that are no reply",
    });
  });

  test("a reply in pieces", async () => {
    using server = serve((socket) => {
      socket.write("$5\r\nhe");
      setTimeout(() => socket.write("llo\r\n"), 1);
    });
    const { failure, histogram } = await perform(server.port, { count: 10 });
    expect({ failure, total: histogram.total }).toEqual({ failure: null, total: 10 });
  });
});
