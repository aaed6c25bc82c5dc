import { describe, expect, test } from "bun:test";
import { latin1Text } from "../../../../src/base/bytes.ts";
import { Propagation } from "../../../../src/server/execution/propagation.ts";

/** Propagation with two outlets that note what they are given, in order. */
function propagation({ aof = true, replicas = true, loading = false } = {}) {
  const events: [outlet: string, commands: string][] = [];
  const made = new Propagation();
  const text = (bytes: Uint8Array) => latin1Text(bytes, 0, bytes.length).replaceAll("\r\n", " ");
  made.connect(
    {
      loading,
      aofEnabled: aof,
      changes: 0,
      append: (commands) => events.push(["append log", text(commands)]),
    },
    {
      wantsCommands: replicas,
      offset: null,
      feed: (commands) => events.push(["replicas", text(commands)]),
    },
  );
  return { propagation: made, events };
}

const SELECT = "*2 $6 SELECT $1 0 ";
const ping = (propagation: Propagation) => propagation.journal!.begin(0, 1).text("PING");

describe("propagation", () => {
  test("has a journal while an outlet wants commands, and none while data is loaded", () => {
    expect(propagation({ replicas: false }).propagation.journal).not.toBeNull();
    expect(propagation({ aof: false }).propagation.journal).not.toBeNull();
    expect(propagation({ aof: false, replicas: false }).propagation.journal).toBeNull();
    expect(propagation({ loading: true }).propagation.journal).toBeNull();
  });

  test("gives both outlets the same bytes, replicas first, and gives them once", () => {
    const { propagation: made, events } = propagation();
    ping(made);
    made.flush();
    made.flush();
    const commands = `${SELECT}*1 $4 PING `;
    expect(events).toEqual([
      ["replicas", commands],
      ["append log", commands],
      // It may have something to sync.
      ["append log", ""],
    ]);
  });

  test("keeps what only replicas need from the append log", () => {
    const { propagation: made, events } = propagation();
    ping(made);
    made.journal!.beginForReplicas(0, 1).text("PUBLISH");
    made.flush();
    expect(events).toEqual([
      ["replicas", `${SELECT}*1 $4 PING *1 $7 PUBLISH `],
      ["append log", `${SELECT}*1 $4 PING `],
    ]);
  });

  test("hands over no part of a transaction", () => {
    const { propagation: made, events } = propagation();
    made.beginBlock();
    ping(made);
    made.flush();
    expect(events).toEqual([]);
    ping(made);
    made.endBlock();
    made.flush();
    expect(events[0]).toEqual([
      "replicas",
      `${SELECT}*1 $5 MULTI *1 $4 PING *1 $4 PING *1 $4 EXEC `,
    ]);
  });

  test("selects the database again behind a mark", () => {
    const { propagation: made, events } = propagation();
    ping(made);
    made.mark();
    ping(made);
    made.flush();
    expect(events.filter(([outlet]) => outlet === "replicas")).toEqual([
      ["replicas", `${SELECT}*1 $4 PING `],
      ["replicas", `${SELECT}*1 $4 PING `],
    ]);
  });
});
