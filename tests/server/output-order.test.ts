/**
 * Replies and pushed messages share buffers on their way out: each client must get its own, whole
 * and in order, a message to itself behind the reply to the command that caused it.
 */
import { expect, test } from "bun:test";
import { startStormdb } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { parseValue } from "../harness/reply-value.ts";
import { forSeeds, pick } from "../unit/seeds.ts";

const CHANNELS = ["a", "b", "c", "d"];

/** Everything that the client is sent until the reply to the last of `count` requests. */
async function frames(client: RawClient, count: number): Promise<string[]> {
  const all: string[] = [];
  for (let replies = 0; replies < count; ) {
    const frame = await client.read();
    all.push(frame);
    if (!frame.startsWith(">")) replies++;
  }
  return all;
}

test("random pipelines of clients that send messages to each other and themselves", async () => {
  await using storm = await startStormdb();
  await forSeeds(6, async (random) => {
    const clients: RawClient[] = [];
    const heard: string[][] = [];
    for (let i = 0; i < 5; i++) {
      const client = await storm.connect();
      await client.call("HELLO", "3");
      const channels = CHANNELS.filter(() => random.below(2) === 0);
      for (const channel of channels) await client.call("SUBSCRIBE", channel);
      clients.push(client);
      heard.push(channels);
    }
    /** What was sent to each channel by each client, in order. */
    const sent = clients.map((): { channel: string; message: string }[] => []);
    const received = await Promise.all(
      clients.map(async (client, own) => {
        const requests: Buffer[] = [];
        const expected: string[] = [];
        for (let n = 0; n < 150; n++) {
          const length = random.below(pick(random, [10, 100, 3000, 60_000]));
          const text = `${own}:${n}:`.padEnd(length, "x");
          const publish = (channel: string) => {
            sent[own]!.push({ channel, message: text });
            requests.push(encodeCommand(["PUBLISH", channel, text]));
            const count = heard.filter((channels) => channels.includes(channel)).length;
            return `:${count}\r\n`;
          };
          if (random.below(3) === 0) {
            requests.push(encodeCommand(["ECHO", text]));
            expected.push(`$${text.length}\r\n${text}\r\n`);
          } else if (random.below(4) === 0) {
            requests.push(encodeCommand(["MULTI"]));
            const replies = [publish(pick(random, CHANNELS)), publish(pick(random, CHANNELS))];
            requests.push(encodeCommand(["EXEC"]));
            expected.push("+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", `*2\r\n${replies.join("")}`);
          } else expected.push(publish(pick(random, CHANNELS)));
        }
        requests.push(encodeCommand(["PING"]));
        expected.push("+PONG\r\n");
        client.write(Buffer.concat(requests));
        const all = await frames(client, expected.length);
        expect(all.filter((frame) => !frame.startsWith(">"))).toEqual(expected);
        return { all, expected };
      }),
    );
    for (const [own, client] of clients.entries()) {
      // Others may have been later: what they sent comes before the reply to one more command.
      const late = client.read();
      client.write(encodeCommand(["ECHO", "end"]));
      let frame = await late;
      for (; frame.startsWith(">"); frame = await client.read()) received[own]!.all.push(frame);
      expect(frame).toEqual("$3\r\nend\r\n");
      const pushes = received[own]!.all.filter((each) => each.startsWith(">")).map((each) => {
        const [mark, channel, message] = parseValue(each) as string[];
        expect(mark).toEqual("message");
        return { channel: channel!, message: message! };
      });
      for (const [other, messages] of sent.entries()) {
        const wanted = messages.filter(({ channel }) => heard[own]!.includes(channel));
        const got = pushes.filter(({ message }) => message.startsWith(`${other}:`));
        expect(got.length).toEqual(wanted.length);
        expect(Bun.deepEquals(got, wanted)).toEqual(true);
      }
      // A message to itself: behind the reply to its PUBLISH, and before the next reply.
      let replies = 0;
      const steps = stepsOf(received[own]!.expected);
      for (const each of received[own]!.all) {
        if (!each.startsWith(">")) replies++;
        else {
          const [, , message] = parseValue(each) as string[];
          if (!message!.startsWith(`${own}:`)) continue;
          const n = Number(message!.split(":")[1]);
          expect({ n, replies }).toEqual({ n, replies: steps[n]! });
        }
      }
      client.close();
    }
  });
});

/** For each step of a client, how many replies it has had when that step is complete. */
function stepsOf(expected: readonly string[]): number[] {
  const steps: number[] = [];
  for (let at = 0; at < expected.length; ) {
    at += expected[at] === "+OK\r\n" ? 4 : 1;
    steps.push(at);
  }
  return steps;
}

test("a blocked client's reply, messages to it and what it sent behind come in order", async () => {
  await using storm = await startStormdb();
  const [client, other] = [await storm.connect(), await storm.connect()];
  await client.call("HELLO", "3");
  await client.call("SUBSCRIBE", "a");
  for (let round = 0; round < 50; round++) {
    client.write("BLPOP queue 0\r\nECHO behind\r\nPUBLISH a own\r\n");
    while (!(await other.call("INFO", "clients")).includes("blocked_clients:1\r\n"));
    other.write("PUBLISH a first\r\nRPUSH queue x\r\nPUBLISH a second\r\n");
    const seen: string[] = [];
    while (seen.length < 6) seen.push(JSON.stringify(parseValue(await client.read())));
    const [first, second] = ['["message","a","first"]', '["message","a","second"]'];
    expect(seen.filter((text) => text !== second)).toEqual([
      first!,
      '["queue","x"]',
      '"behind"',
      "1",
      '["message","a","own"]',
    ]);
    // Sent behind the push that served it.
    expect(seen.indexOf(second!)).toBeGreaterThan(seen.indexOf('["queue","x"]'));
    expect([await other.read(), await other.read(), await other.read()]).toEqual([
      ":1\r\n",
      ":1\r\n",
      ":1\r\n",
    ]);
  }
});

test("replies that were switched off stay off, messages come all the same", async () => {
  await using storm = await startStormdb();
  const [client, other] = [await storm.connect(), await storm.connect()];
  await client.call("HELLO", "3");
  await client.call("SUBSCRIBE", "a");
  client.write("CLIENT REPLY OFF\r\nPING\r\nPUBLISH a own\r\nCLIENT REPLY SKIP\r\n");
  expect(parseValue(await client.read())).toEqual(["message", "a", "own"]);
  expect(await other.call("PUBLISH", "a", "other")).toEqual(":1\r\n");
  expect(parseValue(await client.read())).toEqual(["message", "a", "other"]);
  client.write("BLPOP queue 0\r\nCLIENT REPLY ON\r\n");
  while (!(await other.call("INFO", "clients")).includes("blocked_clients:1\r\n"));
  expect(await other.call("RPUSH", "queue", "x")).toEqual(":1\r\n");
  expect(await client.read()).toEqual("+OK\r\n");
  expect(await other.call("EXISTS", "queue")).toEqual(":0\r\n");
});
