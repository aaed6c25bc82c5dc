import { afterEach, expect, test } from "bun:test";
import { type EndableSocket, HangUp } from "../../../../src/server/connections/hang-up.ts";

let free = 0;
const hangUp = new HangUp(() => free);
afterEach(() => hangUp.stop());

/** How many of `count` sockets are closed at once; the others wait for the peer. */
function closedOf(count: number): number {
  let closed = 0;
  for (let i = 0; i < count; i++) {
    const socket: EndableSocket = {
      readyState: 1,
      shutdown() {},
      end() {
        closed++;
        hangUp.closed(this);
      },
    };
    hangUp.end(socket);
  }
  return closed;
}

test("a socket waits for the peer to close it", () => {
  free = 100;
  expect(closedOf(100)).toEqual(0);
});

test("no more wait than the limit on open files has room for beside the clients", () => {
  free = 10;
  expect(closedOf(15)).toEqual(5);
  free = 0;
  expect(closedOf(5)).toEqual(5);
});

test("and never more than 1024", () => {
  free = Number.POSITIVE_INFINITY;
  expect(closedOf(1030)).toEqual(6);
});
