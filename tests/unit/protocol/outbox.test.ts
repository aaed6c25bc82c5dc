import { expect, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { Outbox } from "../../../src/protocol/outbox.ts";

/** A socket that takes as many bytes as `takes` says, write by write, and then none. */
function socketThat(takes: number[]) {
  const written: string[] = [];
  return {
    written,
    write(bytes: Uint8Array): number {
      const taken = Math.min(takes.shift() ?? 0, bytes.length);
      written.push(latin1Text(bytes, 0, Math.max(0, taken)));
      return taken;
    },
  };
}

function outboxOf(...pieces: string[]): Outbox {
  const outbox = new Outbox();
  for (const piece of pieces) outbox.push(latin1(piece));
  return outbox;
}

test("an empty one writes nothing", () => {
  const socket = socketThat([5]);
  new Outbox().sendTo(socket);
  expect(socket.written).toEqual([]);
});

test("pieces leave in order, and what was not taken goes on where it stopped", () => {
  const outbox = outboxOf("abc", "", "defg");
  const socket = socketThat([2]);
  outbox.sendTo(socket);
  expect([socket.written, outbox.isEmpty]).toEqual([["ab"], false]);
  outbox.push(latin1("hi"));
  const next = socketThat([9, 0, 4, 1]);
  outbox.sendTo(next);
  expect([next.written, outbox.isEmpty]).toEqual([["c", "", "defg", "h"], false]);
  const last = socketThat([1]);
  outbox.sendTo(last);
  expect([last.written, outbox.isEmpty]).toEqual([["i"], true]);
});

test("joined, they leave in one write", () => {
  const outbox = outboxOf("abc", "defg");
  outbox.join();
  const socket = socketThat([9]);
  outbox.sendTo(socket);
  expect([socket.written, outbox.isEmpty]).toEqual([["abcdefg"], true]);
});

test("a socket that is closed takes nothing", () => {
  const outbox = outboxOf("abc");
  outbox.sendTo(socketThat([-1]));
  const socket = socketThat([9]);
  outbox.sendTo(socket);
  expect(socket.written).toEqual(["abc"]);
});

test("what is cleared while it is being sent does not come back", () => {
  const outbox = outboxOf("abc", "def");
  outbox.sendTo({
    write: () => {
      outbox.clear();
      outbox.push(latin1("new"));
      return 1;
    },
  });
  const socket = socketThat([9]);
  outbox.sendTo(socket);
  expect(socket.written).toEqual(["new"]);
});
