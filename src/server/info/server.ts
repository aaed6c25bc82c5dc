/** INFO's section Server: the process and its times. */
import { machine, release, type } from "node:os";
import type { Clock } from "../../base/clock.ts";
import { type Figure, gauge, group, text } from "../../base/figure.ts";
import { REDIS_VERSION, STORMDB_VERSION } from "../../version.ts";
import type { Config } from "../configuration/config.ts";
import { supervisorOf } from "../process/supervision.ts";

export interface ServerSource {
  readonly clock: Clock;
  readonly config: Config;
  readonly keyspace: { readonly accessClock: number };
  readonly runId: string;
  readonly startedMs: number;
  /** The TCP port; 0 for none. */
  readonly port: number;
  /** How long a shutdown still waits for replicas; -1 if none is under way. */
  readonly shutdownInMs: number;
}

const SYSTEM = `${type()} ${release()} ${machine()}`;

export function serverFigures(source: ServerSource): Figure[] {
  const { clock, config, shutdownInMs } = source;
  const uptimeSeconds = Math.floor((clock.nowMs - source.startedMs) / 1000);
  return [
    text("redis_version", REDIS_VERSION),
    text("stormdb_version", STORMDB_VERSION),
    text("redis_git_sha1", "00000000"),
    gauge("redis_git_dirty", 0),
    text("redis_build_id", "0"),
    text("redis_mode", "standalone"),
    text("os", SYSTEM),
    gauge("arch_bits", 64),
    text("monotonic_clock", "performance.now"),
    text("multiplexing_api", "bun"),
    // One thread runs all commands, and no C compiler has made it: Redis writes 0.0.0 then.
    text("atomicvar_api", "none"),
    text("gcc_version", "0.0.0"),
    text("bun_version", Bun.version),
    gauge("process_id", process.pid),
    text("process_supervised", supervisorOf(config.value("supervised"))),
    text("run_id", source.runId),
    gauge("tcp_port", source.port),
    gauge("server_time_usec", clock.wallUs()),
    gauge("uptime_in_seconds", uptimeSeconds),
    gauge("uptime_in_days", Math.floor(uptimeSeconds / 86400)),
    gauge("hz", config.number("hz")),
    gauge("configured_hz", config.number("hz")),
    gauge("lru_clock", source.keyspace.accessClock),
    text("executable", process.execPath),
    text("config_file", config.file),
    gauge("io_threads_active", 0),
    ...(shutdownInMs < 0 ? [] : [gauge("shutdown_in_milliseconds", shutdownInMs)]),
    ...listenerFigures(source),
  ];
}

/** Since Redis 7.2: a line for TCP, and one for the Unix socket. */
function listenerFigures({ config, port }: ServerSource): Figure[] {
  const figures: Figure[] = [];
  const add = (name: string, addresses: readonly string[], more: Figure[] = []) =>
    figures.push(
      group(`listener${figures.length}`, { name }, [
        text("name", name),
        ...addresses.map((address) => text("bind", address)),
        ...(more as []),
      ]),
    );
  if (port > 0) add("tcp", config.value("bind"), [gauge("port", port)]);
  const path = config.unicode("unixsocket");
  if (path !== "") add("unix", [path]);
  return figures;
}
