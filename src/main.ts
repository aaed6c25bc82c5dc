#!/usr/bin/env bun
/** Picks the subcommand; its code is loaded only when it runs. The only place that exits. */
import { basename } from "node:path";
import { REDIS_VERSION, STORMDB_VERSION } from "./version.ts";

const VERSION = `StormDB ${STORMDB_VERSION} (Redis ${REDIS_VERSION})\n`;

const USAGE = `StormDB ${STORMDB_VERSION}, an in-memory database that speaks Redis ${REDIS_VERSION}

Usage: stormdb <command> [arguments]

Commands:
  server   start a server
  cli      send commands to a server, or open a prompt
  monitor  watch a server: load, memory, latency, keys, replication
  benchmark
           load a server and report how fast it is
  check-aof, check-rdb
           check data files, and repair a truncated end

  stormdb <command> --help tells more.
`;

async function run(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case "server": {
      if (rest[0] === "--version" || rest[0] === "-v") {
        process.stdout.write(VERSION);
        return 0;
      }
      const { runServer, serverUsage } = await import("./server/main.ts");
      if (rest[0] === "--help" || rest[0] === "-h") {
        process.stdout.write(serverUsage());
        return 0;
      }
      return runServer(rest);
    }
    case "cli": {
      const { runCli } = await import("./cli/main.ts");
      return runCli(rest);
    }
    case "benchmark": {
      const { runBenchmark } = await import("./benchmark/main.ts");
      return runBenchmark(rest);
    }
    case "monitor": {
      const { runMonitor } = await import("./monitor/main.ts");
      return runMonitor(rest);
    }
    case "check-aof":
    case "check-rdb": {
      const check = await import("./persistence/check.ts");
      const isAof = command === "check-aof";
      if (rest[0] === "--help") {
        process.stdout.write(isAof ? check.CHECK_AOF_USAGE : check.CHECK_RDB_USAGE);
        return 0;
      }
      return isAof ? check.checkAof(rest) : check.checkRdb(rest);
    }
    case "--version":
    case "-v":
      process.stdout.write(VERSION);
      return 0;
    case "--help":
    case "-h":
      process.stdout.write(USAGE);
      return 0;
    default:
      process.stderr.write(
        command === undefined ? USAGE : `stormdb: unknown command '${command}'\n\n${USAGE}`,
      );
      return 1;
  }
}

/** Under the name stormdb-cli, for one, the binary is that command. */
function commandLine(): string[] {
  const args = process.argv.slice(2);
  const name = /^stormdb-(server|cli|monitor|benchmark)(\.exe)?$/.exec(
    basename(process.argv0),
  )?.[1];
  return name === undefined ? args : [name, ...args];
}

process.exit(await run(commandLine()));
