/** Very many names in one command: channels, patterns, watched and awaited keys. */
import { expect, test } from "bun:test";
import { startStormdb } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { collidingNames } from "../unit/base/colliding-names.ts";
import { ByteSocket } from "./byte-socket.ts";
import { readInfoNumber } from "./info.ts";

/** More than fit on the stack as arguments of one call; some 130,000 do. */
const MANY = 300_000;

/** A confirmation of SUBSCRIBE and its relatives, in RESP2. */
function confirmation(word: string, name: string, count: number): string {
  return `*3\r\n$${word.length}\r\n${word}\r\n$${name.length}\r\n${name}\r\n:${count}\r\n`;
}

for (const kind of ["", "p", "s"]) {
  const word = `${kind}unsubscribe`;
  test(`${word} without arguments leaves very many names, in the order in which they came`, async () => {
    await using storm = await startStormdb("--client-output-buffer-limit", "pubsub 0 0 0");
    const client = await ByteSocket.connect(storm.port);
    const names = Array.from({ length: MANY }, (_, i) => `n${i}`);
    await client.write(encodeCommand([`${kind}subscribe`, ...names]));
    const hashOf = (texts: Iterable<string>): [string, number] => {
      const hasher = new Bun.CryptoHasher("sha256");
      let bytes = 0;
      for (const text of texts) {
        hasher.update(text);
        bytes += text.length;
      }
      return [hasher.digest("hex"), bytes];
    };
    function* confirmations(said: string, first: number, step: number): Generator<string> {
      let count = first;
      for (const name of names) {
        yield confirmation(said, name, count);
        count += step;
      }
    }
    const [subscribed, subscribedBytes] = hashOf(confirmations(`${kind}subscribe`, 1, 1));
    expect(await client.digest(subscribedBytes)).toEqual(subscribed);
    await client.write(`${word}\r\n`);
    const [left, leftBytes] = hashOf(confirmations(word, MANY - 1, -1));
    expect(await client.digest(leftBytes)).toEqual(left);
    await client.write("PING\r\n");
    expect(await client.line()).toEqual("+PONG");
    client.close();
  });
}

test("names that collide in the engine's hash are found, left and forgotten like any others", async () => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  const names = collidingNames(20_000);
  for (const word of ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]) {
    const client = await ByteSocket.connect(storm.port);
    await client.write(encodeCommand([word, ...names]));
    for (const [i, name] of names.entries()) {
      const expected = confirmation(word.toLowerCase(), name, i + 1);
      expect(await client.text(expected.length)).toEqual(expected);
    }
    client.close();
  }
  for (const command of [
    ["BLPOP", ...names, "0"],
    ["WATCH", ...names],
    ["INFO", ...names],
  ]) {
    const client = await storm.connect();
    client.write(encodeCommand(command));
    if (command[0] === "BLPOP") {
      expect(await control.call("RPUSH", names[19_999]!, "x")).toEqual(":1\r\n");
      expect(await client.read()).toEqual(`*2\r\n$64\r\n${names[19_999]}\r\n$1\r\nx\r\n`);
    } else expect(await client.read()).toEqual(command[0] === "INFO" ? "$0\r\n\r\n" : "+OK\r\n");
    client.close();
  }
  expect(await readInfoNumber(control, "clients", "total_blocking_keys")).toEqual(0);
});
