/** INFO texts, and what a monitor knows after reading them. */
import { History } from "../../../src/monitor/history.ts";
import type { Live } from "../../../src/monitor/live.ts";
import { ratesBetween, readInfo } from "../../../src/monitor/reading.ts";
import { NO_SAMPLE } from "../../../src/monitor/sampler.ts";

const USUAL: Readonly<Record<string, string>> = {
  redis_version: "7.2.0",
  stormdb_version: "0.1.0",
  run_id: "a1",
  server_time_usec: "1000000",
  uptime_in_seconds: "3725",
  connected_clients: "3",
  maxclients: "10000",
  blocked_clients: "1",
  used_memory: "1048576",
  used_memory_rss: "3145728",
  used_memory_peak: "2097152",
  maxmemory: "4194304",
  total_system_memory: "8589934592",
  maxmemory_policy: "noeviction",
  rdb_changes_since_last_save: "7",
  rdb_last_save_time: "990",
  rdb_last_bgsave_status: "ok",
  rdb_last_bgsave_time_sec: "2",
  aof_enabled: "1",
  aof_current_size: "4096",
  aof_base_size: "1024",
  aof_last_write_status: "ok",
  aof_last_bgrewrite_status: "err",
  aof_last_rewrite_time_sec: "1",
  total_connections_received: "9",
  total_commands_processed: "1000",
  total_net_input_bytes: "50000",
  total_net_output_bytes: "80000",
  keyspace_hits: "75",
  keyspace_misses: "25",
  used_cpu_sys: "1.5",
  used_cpu_user: "2.5",
  role: "master",
  connected_slaves: "2",
  slave0: "ip=10.0.0.2,port=7001,state=online,offset=900,lag=0",
  slave1: "ip=::1,port=7002,state=send_bulk,offset=0,lag=-1",
  master_replid: "c0ffee000000000000000000",
  master_repl_offset: "1000",
  repl_backlog_size: "1048576",
  repl_backlog_histlen: "1000",
  cmdstat_get: "calls=600,usec=1200,usec_per_call=2.00,rejected_calls=0,failed_calls=1",
  cmdstat_set: "calls=400,usec=1600,usec_per_call=4.00,rejected_calls=2,failed_calls=0",
  "cmdstat_config|get": "calls=1,usec=90,usec_per_call=90.00,rejected_calls=0,failed_calls=0",
  latency_percentiles_usec_get: "p50=1.003,p99=9.023,p99.9=1200.127",
  latency_percentiles_usec_set: "p50=3.007,p99=20.095,p99.9=2500.607",
  db0: "keys=1200,expires=30,avg_ttl=5000",
  db3: "keys=34,expires=0,avg_ttl=0",
};

export function infoText(changes: Readonly<Record<string, string>> = {}): string {
  const fields = { ...USUAL, ...changes };
  const lines = Object.entries(fields).map(([name, value]) => `${name}:${value}\r\n`);
  return `# Everything\r\n${lines.join("")}\r\n`;
}

/** A second after `infoText()`. */
export const LATER: Readonly<Record<string, string>> = {
  server_time_usec: "2000000",
  total_commands_processed: "1500",
  total_net_input_bytes: "60240",
  total_net_output_bytes: "100480",
  keyspace_hits: "84",
  keyspace_misses: "26",
  used_cpu_user: "2.75",
  cmdstat_get: "calls=1000,usec=2800,usec_per_call=2.80,rejected_calls=0,failed_calls=1",
};

/** After two readings and eight values of history. */
export function liveFigures(): Live {
  const before = readInfo(infoText(), 0);
  const after = readInfo(infoText(LATER), 0);
  const rates = ratesBetween(before, after)!;
  const history = new History();
  for (let i = 1; i <= 8; i++) {
    history.push({
      operations: i * 60,
      keys: 1234,
      usedBytes: 1048576,
      clients: 3,
      receivedBytes: i * 1200,
      sentBytes: i * 2400,
      hitRatio: 0.9,
      cpu: i / 32,
    });
  }
  return {
    target: "127.0.0.1:6379",
    link: { kind: "up" },
    reading: after,
    rates,
    history,
    slowlog: [
      {
        id: 5,
        unixSeconds: 940,
        usec: 150_000,
        args: ["KEYS", "*"],
        address: "10.0.0.9:4000",
        name: "",
      },
      {
        id: 4,
        unixSeconds: 900,
        usec: 12_000,
        args: ["SET", "\xc3\xa4\x1b[31m", "v"],
        address: "10.0.0.8:4001",
        name: "worker",
      },
    ],
    clients: [
      { id: "7", addr: "10.0.0.9:4000", age: "65", idle: "1", cmd: "get", "tot-mem": "2048" },
      { id: "8", addr: "10.0.0.8:4001", age: "5", idle: "0", cmd: "set", name: "worker" },
    ],
    sample: {
      ...NO_SAMPLE,
      hot: [
        { key: "counter", type: "string", idleSeconds: 0, frequency: Number.NaN, heat: 0.9 },
        { key: "old", type: "list", idleSeconds: 300, frequency: Number.NaN, heat: 0 },
      ],
      big: [{ key: "photo", type: "string", bytes: 5_242_880 }],
      seen: 617,
      commands: 321,
      elapsedMs: 1.25,
    },
  };
}
