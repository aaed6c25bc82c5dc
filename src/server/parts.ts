/**
 * What a server is made of. Functions about the whole server (INFO, directives, ticks) take this;
 * no part knows it.
 */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { SecretSource } from "../base/random.ts";
import type { CommandTable } from "../commands/spec/command-table.ts";
import type { Persistence } from "../persistence/persistence.ts";
import type { PubSub } from "../pubsub/pubsub.ts";
import type { Failover } from "../replication/failover.ts";
import type { Replication } from "../replication/replication.ts";
import type { Keyspace } from "../store/keyspace.ts";
import type { Clients } from "./clients.ts";
import type { Config } from "./configuration/config.ts";
import type { Connection } from "./connections/connection.ts";
import type { Listeners } from "./connections/listeners.ts";
import type { Output } from "./connections/output.ts";
import type { AckWaits } from "./execution/ack-waits.ts";
import type { Blocking } from "./execution/blocking.ts";
import type { Dispatch } from "./execution/dispatch.ts";
import type { Intake } from "./execution/intake.ts";
import type { Pause } from "./execution/pause.ts";
import type { Propagation } from "./execution/propagation.ts";
import type { Refusals } from "./execution/refusals.ts";
import type { Timing } from "./execution/timing.ts";
import type { JsHeap } from "./figures/js-heap.ts";
import type { LatencyMonitor } from "./figures/latency-monitor.ts";
import type { Rates } from "./figures/rates.ts";
import type { Slowlog } from "./figures/slowlog.ts";
import type { ThreadTime } from "./figures/thread-time.ts";
import type { Background } from "./keys/background.ts";
import type { KeyEvents } from "./keys/key-events.ts";

/** Replication as far as parts below replication-service.ts and INFO need it. */
export interface ReplicationParts {
  readonly core: Replication;
  readonly failoverState: Failover;
  readonly ackWaits: AckWaits;
  readonly isReplica: boolean;
  readonly position: number;
}

export interface Parts {
  readonly background: Background;
  readonly blocking: Blocking;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly commands: CommandTable;
  readonly config: Config;
  readonly dispatch: Dispatch;
  readonly events: KeyEvents;
  readonly intake: Intake;
  readonly jsHeap: JsHeap;
  readonly threadTime: ThreadTime;
  readonly keyspace: Keyspace;
  readonly latency: LatencyMonitor;
  readonly listeners: Listeners;
  readonly log: Log;
  readonly output: Output;
  readonly pause: Pause;
  readonly persistence: Persistence;
  readonly propagation: Propagation;
  readonly pubsub: PubSub<Connection>;
  readonly rates: Rates;
  readonly refusals: Refusals;
  readonly replication: ReplicationParts;
  /** Where what nobody may guess comes from. */
  readonly secrets: SecretSource;
  readonly slowlog: Slowlog;
  readonly timing: Timing;

  readonly runId: string;
  readonly startedMs: number;
  /** The memory limit of the process's control group; 0 for none. */
  readonly cgroupLimitBytes: number;
  /** Bytes of the heap in use when the keyspace was empty. */
  readonly startupBytes: number;
  /** Bytes resident when the server had been put together, those of the heap excluded. */
  readonly startupRuntimeBytes: number;
  /** Updates what depends on who listens to new keys. */
  hookAdded(): void;
}
