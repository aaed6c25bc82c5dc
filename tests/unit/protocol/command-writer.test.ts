import { expect, setDefaultTimeout, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { encodeCommand } from "../../../src/protocol/command-encoder.ts";
import { CommandWriter } from "../../../src/protocol/command-writer.ts";
import { Request } from "../../../src/protocol/request.ts";
import { READY, RequestParser } from "../../../src/protocol/request-parser.ts";
import { forSeeds, pick, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function written(writer: CommandWriter): string {
  return latin1Text(writer.bytes, 0, writer.at);
}

test("each kind of argument", () => {
  const writer = new CommandWriter();
  writer.begin(5);
  writer.text("SET");
  writer.argument(latin1("..k\xff.."), 2, 2);
  writer.integer(-1234567890123);
  writer.text("");
  writer.integer(0);
  expect(written(writer)).toEqual(
    latin1Text(encodeCommand(["SET", "k\xff", "-1234567890123", "", "0"])),
  );
  writer.reset();
  writer.line("#TS:1700000000");
  expect(written(writer)).toEqual("#TS:1700000000\r\n");
});

test("requests are written again as they came", () =>
  forSeeds(60, (random) => {
    const args = Array.from({ length: 1 + random.below(20) }, () =>
      latin1Text(randomBytes(random, pick(random, [0, 1, 10, 95, 96, 97, 5000, 70000]))),
    );
    const bytes = encodeCommand(args);
    const request = new Request();
    expect(new RequestParser().next(bytes, bytes.length, request)).toEqual(READY);
    const writer = new CommandWriter();
    for (let i = 0; i < 3; i++) {
      writer.begin(request.count);
      writer.requestBody(request);
    }
    expect(written(writer)).toEqual(latin1Text(bytes).repeat(3));
    writer.reset();
    writer.begin(1);
    writer.copy(request, request.count - 1);
    expect(written(writer)).toEqual(latin1Text(encodeCommand([args.at(-1)!])));
  }));

test("the memory of very much is given back", () => {
  const writer = new CommandWriter();
  const usual = writer.bytes.length;
  writer.text("x".repeat(5 << 20));
  expect(writer.at).toEqual((5 << 20) + "$5242880\r\n\r\n".length);
  writer.reset();
  expect([writer.at, writer.bytes.length]).toEqual([0, usual]);
});

test("commands are put in before others that are there already", () => {
  const writer = new CommandWriter();
  const parts = ["SET", "DEL", "x".repeat(70_000)].map((text) => encodeCommand([text]));
  writer.begin(1);
  writer.text("SET");
  const second = writer.at;
  writer.begin(1);
  writer.text("DEL");
  const inserted = encodeCommand(["MULTI"]);
  writer.insert(second, inserted);
  // At the very end, and where the buffer has to grow for it.
  writer.insert(writer.at, inserted);
  writer.insert(0, parts[2]!);
  expect(written(writer)).toEqual(
    [parts[2]!, parts[0]!, inserted, parts[1]!, inserted].map((part) => latin1Text(part)).join(""),
  );
});
