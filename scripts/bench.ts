/**
 * Measures StormDB against redis-server, side by side in one run, because shared machines drift:
 * both servers run pinned to one core, the load to another, they take turns, and what is
 * reported are ratios of medians, with the CPU time each server took per request.
 */
import { option } from "./benchmarks/contenders.ts";
import { bgsave, fsync, load } from "./benchmarks/durability.ts";
import { cli, growth, idle, memory, speed } from "./benchmarks/engine.ts";
import { blocking, connections, expiry, publish, transactions } from "./benchmarks/messaging.ts";
import { lag, replicas, resync } from "./benchmarks/replication.ts";
import { stalls } from "./benchmarks/stalls.ts";

const USAGE = `Usage: scripts/bench [--rounds N] [--quick] [--only PART,...] [--tests GET,SET,...]

speed    redis-benchmark, 50 clients, without pipelining and with pipelines of 16 and 64
memory   RSS growth per key of DEBUG POPULATE 5000000 key 64
growth   the longest single SET while the table grows from 0 to 10 million keys
idle     RSS of a server that has nothing to do
cli      wall time of "cli PING" against redis-cli
fsync    SET with the append-only file and each fsync policy, pipelines of 1 and 16
load     start-up time with 5 million keys, from RDB and from an append-only file of commands
bgsave   the latency a client sees, and the memory, while 5 million keys are saved under load
publish  PUBLISH to 1, 100 and 1,000 subscribers
blocking BLPOP: the time from a push to the client that waited for it
exec     transactions of 10 commands, 50 clients
expiry   how long after its time a key expires, with a million of them
replicas SET with one and two replicas attached
resync   all data to a new replica: time, and what a client of the primary feels, 5 million keys
lag      how far a replica is behind under load
stalls   the worst GET while something happens to a value of 4 million elements, or of 500 MB
         (--value string, --value list: only of this type)
connect  memory per idle connection of 10,000, and PING while 1,000 subscribers get messages
`;

/** In the order in which they run. */
const PARTS: Readonly<Record<string, () => void | Promise<void>>> = {
  speed,
  memory,
  growth,
  idle,
  cli,
  fsync,
  load,
  bgsave,
  stalls,
  publish,
  blocking,
  exec: transactions,
  expiry,
  connect: connections,
  replicas,
  resync,
  lag,
};

if (process.argv.includes("--help")) {
  console.log(USAGE);
} else {
  if (Bun.which("redis-server") === null || Bun.which("redis-benchmark") === null) {
    console.error(
      "scripts/bench needs redis-server and redis-benchmark (Debian: redis-server, redis-tools).",
    );
    process.exit(1);
  }
  const wanted = option("--only")?.split(",") ?? Object.keys(PARTS);
  for (const name of Object.keys(PARTS)) if (wanted.includes(name)) await PARTS[name]!();
  process.exit(0);
}
