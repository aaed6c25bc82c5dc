/** FAILOVER when the target does not answer: never two primaries by this server's doing. */
import { expect, test } from "bun:test";
import { Failover } from "../../../src/replication/failover.ts";
import { type Peer, Replica, type ReplicaFeeds } from "../../../src/replication/replica-feeds.ts";

function handingOver(): { readonly failover: Failover; readonly events: string[] } {
  const events: string[] = [];
  const peer: Peer = {
    id: 1,
    address: "10.0.0.2:5000",
    isOwed: false,
    write: () => 0,
    end() {},
    terminate() {},
  };
  const replica = new Replica(peer);
  replica.port = 6380;
  replica.state = "online";
  replica.ackOffset = 100;
  const failover = new Failover({
    feeds: { replicas: [replica] } as unknown as ReplicaFeeds,
    offset: () => 100,
    requestAcks() {},
    pauseWrites: (paused) => events.push(paused ? "writes paused" : "writes go on"),
    replicateFrom: (host, port) => events.push(`replica of ${host}:${port}`),
    takeBack: () => events.push("primary again"),
    log() {},
  });
  expect(failover.begin(null, 0, false)).toEqual("");
  failover.advance();
  expect(events.splice(0)).toEqual(["writes paused", "replica of 10.0.0.2:6380"]);
  return { failover, events };
}

test("a target that cannot have taken over gives the part back", () => {
  const { failover, events } = handingOver();
  failover.failed(false);
  expect([failover.state, ...events]).toEqual(["no-failover", "primary again", "writes go on"]);
});

test("a target that may have taken over is asked until it answers", () => {
  const { failover, events } = handingOver();
  failover.failed(true);
  failover.failed(true);
  expect([failover.state, ...events]).toEqual(["failover-in-progress"]);
  failover.succeeded();
  expect([failover.state, ...events]).toEqual(["no-failover", "writes go on"]);
});

test("FAILOVER ABORT decides where it does not answer", () => {
  const { failover, events } = handingOver();
  failover.failed(true);
  expect(failover.abort()).toEqual("");
  expect([failover.state, ...events]).toEqual(["no-failover", "primary again", "writes go on"]);
});
