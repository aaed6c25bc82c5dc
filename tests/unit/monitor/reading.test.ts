import { describe, expect, test } from "bun:test";
import { commandsOf, hitRatioEver, ratesBetween, readInfo } from "../../../src/monitor/reading.ts";
import { infoText, LATER } from "./readings.ts";

describe("a reading", () => {
  test("has the figures of INFO", () => {
    const { commands, persistence, replication, ...figures } = readInfo(infoText(), 5);
    expect(figures).toEqual({
      atMs: 1000,
      product: "StormDB 0.1.0",
      runId: "a1",
      uptimeSeconds: 3725,
      operations: 1000,
      receivedBytes: 50000,
      sentBytes: 80000,
      hits: 75,
      misses: 25,
      cpuSeconds: 4,
      expired: 0,
      evicted: 0,
      keys: 1234,
      expiring: 30,
      usedBytes: 1048576,
      rssBytes: 3145728,
      peakBytes: 2097152,
      limitBytes: 4194304,
      systemBytes: 8589934592,
      policy: "noeviction",
      clients: 3,
      clientsMax: 10000,
      blocked: 1,
      connections: 9,
      rejectedConnections: 0,
    });
    expect(commands).toEqual([
      {
        name: "get",
        calls: 600,
        usec: 1200,
        rejected: 0,
        failed: 1,
        p50: 1.003,
        p99: 9.023,
        p999: 1200.127,
      },
      {
        name: "set",
        calls: 400,
        usec: 1600,
        rejected: 2,
        failed: 0,
        p50: 3.007,
        p99: 20.095,
        p999: 2500.607,
      },
      {
        name: "config|get",
        calls: 1,
        usec: 90,
        rejected: 0,
        failed: 0,
        p50: Number.NaN,
        p99: Number.NaN,
        p999: Number.NaN,
      },
    ]);
    expect(persistence).toMatchObject({
      aofEnabled: true,
      aofBytes: 4096,
      aofBaseBytes: 1024,
      lastWriteOk: true,
      lastRewriteOk: false,
      changes: 7,
      isSaving: false,
      savingSeconds: -1,
    });
    expect(replication).toEqual({
      isReplica: false,
      offset: 1000,
      replicationId: "c0ffee000000000000000000",
      backlogBytes: 1000,
      backlogSizeBytes: 1048576,
      replicas: [
        { address: "10.0.0.2:7001", state: "online", offset: 900, lagSeconds: 0 },
        { address: "[::1]:7002", state: "send_bulk", offset: 0, lagSeconds: -1 },
      ],
      primary: null,
    });
  });

  test("of a replica has its primary and the transfer under way", () => {
    const text = infoText({
      role: "slave",
      master_host: "10.0.0.1",
      master_port: "6379",
      master_link_status: "down",
      master_last_io_seconds_ago: "-1",
      master_link_down_since_seconds: "12",
      master_sync_total_bytes: "1000",
      master_sync_read_bytes: "250",
      slave_repl_offset: "77",
      slave_priority: "100",
    });
    expect(readInfo(text, 0).replication).toMatchObject({
      isReplica: true,
      offset: 77,
      primary: {
        address: "10.0.0.1:6379",
        isUp: false,
        lastIoSeconds: -1,
        downSeconds: 12,
        syncBytes: 250,
        syncTotalBytes: 1000,
      },
    });
  });

  test("of an old server makes do with what there is", () => {
    const reading = readInfo("redis_version:6.0.16\nrole:master\ncmdstat_get:calls=2,usec=4\n", 77);
    expect(reading).toMatchObject({ product: "Redis 6.0.16", atMs: 77, keys: 0 });
    expect(reading.commands).toEqual([
      {
        name: "get",
        calls: 2,
        usec: 4,
        rejected: 0,
        failed: 0,
        p50: Number.NaN,
        p99: Number.NaN,
        p999: Number.NaN,
      },
    ]);
    expect(readInfo("", 1).product).toBe("Redis ?");
  });
});

describe("between two readings", () => {
  const before = readInfo(infoText(), 0);
  const after = readInfo(infoText(LATER), 0);

  test("there are rates", () => {
    const { commands, ...rates } = ratesBetween(before, after)!;
    expect(rates).toEqual({
      seconds: 1,
      operations: 500,
      receivedBytes: 10240,
      sentBytes: 20480,
      hitRatio: 0.9,
      cpu: 0.25,
      connections: 0,
      expired: 0,
      evicted: 0,
    });
    expect(
      commands.map(({ name, callsPerSecond, usecPerCall, share }) => [
        name,
        callsPerSecond,
        usecPerCall,
        share,
      ]),
    ).toEqual([
      ["get", 400, 4, 0.0016],
      ["set", 0, Number.NaN, 0],
      ["config|get", 0, Number.NaN, 0],
    ]);
  });

  test("of different lives of a server there is nothing to say", () => {
    expect(ratesBetween(before, readInfo(infoText({ ...LATER, run_id: "b2" }), 0))).toBeNull();
    const reset = { ...LATER, total_commands_processed: "1" };
    expect(ratesBetween(before, readInfo(infoText(reset), 0))).toBeNull();
    expect(ratesBetween(before, before)).toBeNull();
    expect(commandsOf(after, null).map(({ callsPerSecond }) => callsPerSecond)).toEqual([0, 0, 0]);
  });

  test("a command's counters that were reset do not give negative rates", () => {
    const cmdstat_get = "calls=1,usec=2,usec_per_call=2.00,rejected_calls=0,failed_calls=0";
    const rates = ratesBetween(before, readInfo(infoText({ ...LATER, cmdstat_get }), 0))!;
    expect(rates.commands[0]).toMatchObject({ callsPerSecond: 0, share: 0 });
  });

  test("without lookups the hit ratio is not known", () => {
    const idle = { ...LATER, keyspace_hits: "75", keyspace_misses: "25" };
    expect(ratesBetween(before, readInfo(infoText(idle), 0))!.hitRatio).toBeNaN();
    expect(hitRatioEver(before)).toBe(0.75);
    expect(hitRatioEver(readInfo("", 0))).toBeNaN();
  });
});
