/** The link breaks at random bytes, again and again, while the primary is written to. */
import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { until } from "../harness/processes.ts";
import {
  CutProxy,
  LOAD,
  Node,
  PAIRS,
  SEED,
  untilSame,
  untilUp,
  write,
  writerTo,
} from "../harness/replication.ts";

/** A redis-server tries again only once a second. */
const CUTS = { StormDB: 7, "redis-server": 3 } as const;

describe.each(PAIRS)(`%s followed by %s over a bad line, SEED=${SEED}`, (ofPrimary, ofReplica) => {
  const loads = ofReplica === "StormDB" ? [[[]], [["--repl-diskless-load", "swapdb"]]] : [[[]]];
  test.each(loads)("%p", async (args) => {
    const random = new Random(SEED);
    await using primary = await Node.start(ofPrimary, "--repl-backlog-size", "20mb");
    await using replica = await Node.start(ofReplica, ...args);
    await write(primary, 500, random);
    let cutting = false;
    using proxy = await CutProxy.to(primary.port, () =>
      cutting ? 1 + random.below(random.below(4) === 0 ? 300 : 30000) : Number.POSITIVE_INFINITY,
    );
    await replica.follow(proxy);
    await untilUp(replica);
    const writer = await writerTo(primary, random, { ...LOAD, keys: 50 });
    cutting = true;
    proxy.cutAll();
    const cuts = CUTS[ofReplica];
    await until("the link has been cut often", () => proxy.cuts >= cuts);
    cutting = false;
    proxy.stopCutting();
    await writer.stop();
    await untilSame(primary, replica);
    const { sync_partial_ok } = await primary.info();
    expect([SEED, Number(sync_partial_ok) > 0]).toEqual([SEED, true]);
  });
});

test(`each INCR is counted once, SEED=${SEED}`, async () => {
  const random = new Random(SEED);
  await using primary = await Node.start("StormDB", "--repl-backlog-size", "20mb");
  await using replica = await Node.start("StormDB");
  let cutting = true;
  using proxy = await CutProxy.to(primary.port, () =>
    cutting ? 200 + random.below(5000) : Number.POSITIVE_INFINITY,
  );
  await replica.follow(proxy);
  let sent = 0;
  await until("the link has been cut often", async () => {
    for (let i = 0; i < 50; i++) await primary.call("INCR", `n${i % 7}`);
    sent += 50;
    return proxy.cuts >= 8;
  });
  cutting = false;
  proxy.stopCutting();
  await untilSame(primary, replica);
  let counted = 0;
  for (let i = 0; i < 7; i++) {
    const value = await replica.call("GET", `n${i}`);
    counted += Number(value.split("\r\n")[1] ?? 0);
  }
  expect(counted).toEqual(sent);
});
