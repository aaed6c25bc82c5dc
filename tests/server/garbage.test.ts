/** Requests damaged at random: the server answers or closes, and never stumbles itself. */
import { expect, test } from "bun:test";
import type { Random } from "../../src/base/random.ts";
import { startStormdb, until } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { forSeeds, pick } from "../unit/seeds.ts";
import { ByteSocket } from "./byte-socket.ts";
import { bulk, readClientBuffers, readInfoNumber } from "./info.ts";

const CONNECTIONS = 60;
const COMMANDS = 60;

/** Those that stop or pause the server, or write files. */
const LEFT_OUT = /^(shutdown|debug|client|config|save|bgsave|bgrewriteaof|latency|slowlog)$/;

const WORDS = [
  ..."a b c list key:1 missing 0 1 -1 2 10 9223372036854775807 -9223372036854775808 1.5 nan inf".split(
    " ",
  ),
  ..."LEFT RIGHT BEFORE COUNT MATCH TYPE EX PX NX XX GT LT KEEPTTL PERSIST * [ WITHMATCHLEN".split(
    " ",
  ),
  "",
  "\0\r\n$1\r\n*1\r\n",
  "\xff".repeat(100),
  "x".repeat(5000),
];

/** A request whose bytes are no longer quite what they were. */
function damage(random: Random, request: Buffer): Buffer {
  const bytes = [...request];
  for (let i = random.below(3); i > 0; i--) {
    const at = random.below(bytes.length);
    const kind = random.below(4);
    if (kind === 0) bytes[at] = random.below(256);
    else if (kind === 1) bytes.splice(at, 1 + random.below(5));
    else if (kind === 2)
      bytes.splice(at, 0, ...Buffer.from(pick(random, ["\r\n", "$", "*", "-1", "9"])));
    else bytes.splice(at, 0, ...bytes.slice(at, at + random.below(30)));
    if (bytes.length === 0) break;
  }
  return Buffer.from(bytes);
}

test("damaged requests do no harm", async () => {
  await using storm = await startStormdb("--client-query-buffer-limit", "1mb", "--save", "");
  const control = await storm.connect();
  const names = (await control.call("COMMAND", "LIST"))
    .split("\r\n")
    .filter((line) => /^[a-z]/.test(line) && !LEFT_OUT.test(line));
  expect(names.length).toBeGreaterThan(60);
  await forSeeds(3, async (random) => {
    for (let i = 0; i < CONNECTIONS; i++) {
      const socket = await ByteSocket.connect(storm.port);
      for (let n = 0; n < COMMANDS && !socket.isClosed; n++) {
        const args = [pick(random, names)];
        for (let k = random.below(6); k > 0; k--) args.push(pick(random, WORDS));
        const request = encodeCommand(args);
        const sent = random.below(5) === 0 ? damage(random, request) : request;
        await Promise.race([socket.write(sent), socket.closed]);
      }
      expect(await control.call("ECHO", String(i))).toEqual(bulk(String(i)));
      socket.close();
    }
    expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });
  expect(storm.output()).not.toContain("failed:");
  await until("all are gone", async () => {
    return (await readInfoNumber(control, "clients", "connected_clients")) === 1;
  });
  expect(await readClientBuffers(control)).toEqual(0);
});
