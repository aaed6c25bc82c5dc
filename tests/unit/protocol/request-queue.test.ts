import { expect, setDefaultTimeout, test } from "bun:test";
import { latin1Text } from "../../../src/base/bytes.ts";
import { encodeCommand } from "../../../src/protocol/command-encoder.ts";
import { Request } from "../../../src/protocol/request.ts";
import { READY, RequestParser } from "../../../src/protocol/request-parser.ts";
import { RequestQueue } from "../../../src/protocol/request-queue.ts";
import { forSeeds, pick, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function parse(bytes: Uint8Array): Request {
  const request = new Request();
  expect(new RequestParser().next(bytes, bytes.length, request)).toEqual(READY);
  return request;
}

const texts = (request: Request) =>
  Array.from({ length: request.count }, (_, i) => request.text(i));

test("requests come out as they went in, and outlive the bytes that they were in", () =>
  forSeeds(60, (random) => {
    const queue = new RequestQueue();
    const model: string[][] = [];
    const into = new Request();
    for (let i = random.below(40); i >= 0; i--) {
      const args = Array.from({ length: 1 + random.below(pick(random, [3, 10, 300])) }, () =>
        latin1Text(randomBytes(random, random.below(pick(random, [1, 5, 100, 3000])))),
      );
      const bytes = encodeCommand(args).slice();
      queue.push(parse(bytes));
      bytes.fill(0);
      model.push(args);
      expect(queue.count).toEqual(model.length);
    }
    // In any order, and more than once.
    for (let i = 0; i < model.length * 2; i++) {
      const index = random.below(model.length);
      queue.read(index, into);
      expect({ index, texts: texts(into) }).toEqual({ index, texts: model[index]! });
    }
    const content = model.flat().reduce((sum, text) => sum + text.length, 0);
    expect(queue.filledBytes).toBeGreaterThanOrEqual(content + 4 * (1 + model[0]!.length * 2));
    expect(queue.usedBytes).toBeGreaterThanOrEqual(queue.filledBytes);
  }));

test("an inline request with quotes, whose arguments are in a buffer of their own", () => {
  const queue = new RequestQueue();
  queue.push(parse(Buffer.from('SET "a b" "\\x00\\xff"\r\n')));
  queue.push(parse(Buffer.from("GET   a\r\n")));
  queue.push(parse(Buffer.from('ECHO ""\r\n')));
  const into = new Request();
  const all = [0, 1, 2].map((index) => {
    queue.read(index, into);
    return texts(into);
  });
  expect(all).toEqual([
    ["SET", "a b", "\0\xff"],
    ["GET", "a"],
    ["ECHO", ""],
  ]);
});

test("it grows by no more than doubling", () => {
  const queue = new RequestQueue();
  const request = parse(encodeCommand(["SET", "key", "x".repeat(1000)]));
  for (let i = 0; i < 1000; i++) {
    queue.push(request);
    expect(queue.usedBytes).toBeLessThan(queue.filledBytes * 2 + 4000);
  }
});
