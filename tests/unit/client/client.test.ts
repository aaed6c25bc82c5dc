import { afterEach, describe, expect, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { Client, ConnectionError } from "../../../src/client/client.ts";
import type { Reply } from "../../../src/protocol/reply-parser.ts";
import { freePort } from "../../harness/processes.ts";

type Peer = Bun.Socket<undefined>;

const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A server that hands what comes to `data`; returns a client of it. */
async function connected(data: (peer: Peer, chunk: Uint8Array) => void): Promise<Client> {
  const listener = Bun.listen<undefined>({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (peer, chunk) => data(peer, chunk), error: () => {} },
  });
  ends.push(() => listener.stop(true));
  const client = await Client.connect({ host: "127.0.0.1", port: listener.port });
  ends.push(() => client.close());
  return client;
}

const simple = (text: string): Reply => ({ kind: "simple", text });

describe("client", () => {
  test("replies come to their commands in order", async () => {
    let received = 0;
    const client = await connected((peer, chunk) => {
      for (const byte of chunk) if (byte === 42) peer.write(latin1(`+${received++}\r\n`));
    });
    const replies = await Promise.all([client.call(["A"]), client.call(["B"]), client.call(["C"])]);
    expect(replies).toEqual([simple("0"), simple("1"), simple("2")]);
  });

  test("an error is a reply, a push goes to whoever listens", async () => {
    const client = await connected((peer) => {
      peer.write(latin1(">1\r\n+news\r\n-ERR no\r\n"));
    });
    const pushes: Reply[] = [];
    client.onPush = (reply) => pushes.push(reply);
    expect(await client.call(["X"])).toEqual({ kind: "error", text: "ERR no" });
    expect(pushes).toEqual([{ kind: "push", items: [simple("news")] }]);
  });

  test("a command larger than the socket takes at once is sent whole", async () => {
    const text = "x".repeat(20 << 20);
    let left = text.length + "*2\r\n$4\r\nECHO\r\n$20971520\r\n\r\n".length;
    const client = await connected((peer, chunk) => {
      left -= chunk.length;
      if (left === 0) peer.write(latin1("+whole\r\n"));
    });
    expect(await client.call(["ECHO", text])).toEqual(simple("whole"));
  });

  test("a connection that ends fails what waits, and what comes after", async () => {
    const client = await connected((peer) => peer.end());
    const calls = [client.call(["A"]), client.call(["B"])];
    for (const call of calls) {
      const error = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as Error).message).toEqual("Server closed the connection");
    }
    expect(client.ended).toEqual(true);
    expect(await client.call(["C"]).catch((reason: Error) => reason.message)).toEqual(
      "not connected",
    );
  });

  test("bytes that are no reply end the connection", async () => {
    const client = await connected((peer) => {
      peer.write(latin1("HTTP/1.1 400 Bad Request\r\n"));
    });
    const error = await client.call(["A"]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(client.ended).toEqual(true);
  });

  test("bytes are handed over as they come, what was not read before goes first", async () => {
    const client = await connected((peer, chunk) => {
      if (chunk[0] === 42) peer.write(latin1("+OK\r\nnot"));
      else peer.write(latin1(" a reply"));
    });
    expect(await client.call(["A"])).toEqual(simple("OK"));
    let text = "";
    const whole = new Promise<void>((done) => {
      client.takeBytes((chunk) => {
        text += Buffer.from(chunk).toString("latin1");
        if (text.endsWith("reply")) done();
      });
    });
    await client.send(latin1("go on"));
    await whole;
    expect(text).toEqual("not a reply");
  });

  test("the end is told once, with its reason", async () => {
    const client = await connected((peer) => peer.end());
    const ended = new Promise<string>((done) => {
      client.onEnd = done;
    });
    client.send(latin1("x"));
    expect(await ended).toEqual("Server closed the connection");
    expect(client.reason).toEqual("Server closed the connection");
  });

  test("nobody there is told as people know it", async () => {
    const port = await freePort();
    const refused = await Client.connect({ host: "127.0.0.1", port }).catch((e: unknown) => e);
    expect(refused).toBeInstanceOf(ConnectionError);
    expect((refused as Error).message).toEqual("Connection refused");
    const missing = await Client.connect({ host: "", port: 0, path: "./no-such-socket" }).catch(
      (e: unknown) => e,
    );
    expect((missing as Error).message).toEqual("No such file or directory");
  });
});
