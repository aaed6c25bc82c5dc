/**
 * Connections that the server ends: the client reads what it was sent and then an end of file, and
 * no reset, of which client libraries make an error.
 */

import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { readClients, readInfoNumber } from "./info.ts";

/** How a connection ended: all that came, and "end", or the code of its error. */
interface Ending {
  readonly socket: Socket;
  readonly received: () => string;
  readonly ended: Promise<string>;
}

async function open(server: RunningServer): Promise<Ending> {
  const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  const ended = new Promise<string>((done) => {
    socket.on("end", () => done("end"));
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
  await new Promise((done) => socket.on("connect", done));
  return { socket, received: () => text, ended };
}

async function idOf(ending: Ending): Promise<string> {
  ending.socket.write("CLIENT ID\r\n");
  await until("the id has come", () => /^:\d+\r\n$/.test(ending.received()));
  return ending.received().slice(1, -2);
}

describe("a regular end for a client", () => {
  test("that is killed", async () => {
    await using storm = await startStormdb();
    const control = await storm.connect();
    const client = await open(storm);
    const id = await idOf(client);
    expect(await control.call("CLIENT", "KILL", "ID", id)).toEqual(":1\r\n");
    expect(await client.ended).toEqual("end");
  });

  test("that is killed while its input is on the way", async () => {
    await using storm = await startStormdb();
    const control = await storm.connect();
    const client = await open(storm);
    const id = await idOf(client);
    // What comes in one batch with the command that kills: more than the server reads at once.
    client.socket.write(`CLIENT KILL ID ${id} SKIPME no\r\n${"PING\r\n".repeat(500_000)}`);
    expect(await client.ended).toEqual("end");
    expect(client.received()).toEndWith(":1\r\n");
    client.socket.write("PING\r\n");
    client.socket.end();
    await until("it is gone", async () => (await readClients(control, "LIST")).length === 1);
  });

  test("that is killed while it waits, listens or watches commands", async () => {
    await using storm = await startStormdb();
    const control = await storm.connect();
    for (const command of ["BLPOP none 0", "SUBSCRIBE c", "MONITOR", "MULTI"]) {
      const client = await open(storm);
      const id = await idOf(client);
      client.socket.write(`${command}\r\n`);
      const name = command.split(" ")[0]!.toLowerCase();
      await until("the command runs", async () => {
        const list = await readClients(control, "LIST");
        return list.some((line) => line.id === id && line.cmd === name);
      });
      await control.call("CLIENT", "KILL", "ID", id);
      expect([command, await client.ended]).toEqual([command, "end"]);
    }
  });

  test("that says QUIT, with more behind it", async () => {
    await using storm = await startStormdb();
    const client = await open(storm);
    client.socket.write(`QUIT\r\n${"PING\r\n".repeat(500_000)}`);
    expect(await client.ended).toEqual("end");
    expect(client.received()).toEqual("+OK\r\n");
  });

  test("that breaks the protocol, with more behind it: it reads why", async () => {
    await using storm = await startStormdb();
    const client = await open(storm);
    client.socket.write(`*x\r\n${"PING\r\n".repeat(500_000)}`);
    expect(await client.ended).toEqual("end");
    expect(client.received()).toEqual("-ERR Protocol error: invalid multibulk length\r\n");
  });

  test("that is idle for too long", async () => {
    await using storm = await startStormdb("--timeout", "1");
    const client = await open(storm);
    expect(await client.ended).toEqual("end");
  });

  test("whose query buffer passes its limit", async () => {
    await using storm = await startStormdb("--client-query-buffer-limit", "1mb");
    const client = await open(storm);
    client.socket.write(`*2\r\n$4\r\nECHO\r\n$3000000\r\n${"x".repeat(2_500_000)}`);
    expect(await client.ended).toEqual("end");
  });

  test("whose output passes its limit: it reads what the system had taken", async () => {
    await using storm = await startStormdb("--client-output-buffer-limit", "normal 1mb 0 0");
    const control = await storm.connect();
    await control.call("SET", "large", "x".repeat(1 << 20));
    const client = await open(storm);
    client.socket.pause();
    client.socket.write("GET large\r\n".repeat(40));
    await until("it is cut", async () => {
      const field = "client_output_buffer_limit_disconnections";
      return (await readInfoNumber(control, "stats", field)) === 1;
    });
    client.socket.resume();
    expect(await client.ended).toEqual("end");
    expect(client.received()).toStartWith(`$${1 << 20}\r\nxxx`);
  });

  test("one too many", async () => {
    await using storm = await startStormdb("--maxclients", "1");
    await storm.connect();
    const client = await open(storm);
    client.socket.write(encodeCommand(["ECHO", "x".repeat(1000)]));
    expect(await client.ended).toEqual("end");
    expect(client.received()).toEqual("-ERR max number of clients reached\r\n");
  });

  test("when the server shuts down", async () => {
    await using storm = await startStormdb();
    const control = await storm.connect();
    const client = await open(storm);
    await idOf(client);
    control.write("SHUTDOWN NOSAVE\r\n");
    expect(await client.ended).toEqual("end");
  });
});

test("a client that does not close its side is closed, and does not count as connected", async () => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  const client = await open(storm);
  const id = await idOf(client);
  await control.call("CLIENT", "KILL", "ID", id);
  expect(await client.ended).toEqual("end");
  expect(await readClients(control, "LIST")).toHaveLength(1);
  // What it still sends is dropped, until the server closes for good: then writing fails.
  const failed = new Promise<void>((done) => {
    client.socket.on("error", () => done());
    client.socket.on("close", () => done());
  });
  const writing = setInterval(() => client.socket.write("SET a 1\r\n"), 50);
  await failed;
  clearInterval(writing);
  expect(await control.call("GET", "a")).toEqual("$-1\r\n");
});
