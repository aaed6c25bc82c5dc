/** A server: makes the parts, ties them together, starts and stops them. */
import { Clock } from "../base/clock.ts";
import { Hash } from "../base/key-hash.ts";
import { Log } from "../base/log.ts";
import { Random, type SecretSource, secretsFor } from "../base/random.ts";
import { COMMANDS } from "../commands/index.ts";
import type { FiguresService } from "../commands/services/figures.ts";
import type { ShutdownRequest } from "../commands/services/process.ts";
import type { Services } from "../commands/services/services.ts";
import { CommandTable } from "../commands/spec/command-table.ts";
import { Persistence } from "../persistence/persistence.ts";
import { ReplyWriter } from "../protocol/reply-writer.ts";
import { PubSub } from "../pubsub/pubsub.ts";
import { Keyspace } from "../store/keyspace.ts";
import { Clients } from "./clients.ts";
import type { Config } from "./configuration/config.ts";
import { persistenceSettings } from "./configuration/persistence-settings.ts";
import type { Connection } from "./connections/connection.ts";
import { HangUp } from "./connections/hang-up.ts";
import { Listeners } from "./connections/listeners.ts";
import { Output } from "./connections/output.ts";
import { applyDirectives, directivesChanged } from "./directive-effects.ts";
import { Access } from "./execution/access.ts";
import { Blocking } from "./execution/blocking.ts";
import { AttackLog } from "./execution/cross-protocol.ts";
import { Dispatch } from "./execution/dispatch.ts";
import { FileClient } from "./execution/file-client.ts";
import { Intake } from "./execution/intake.ts";
import { Monitors } from "./execution/monitors.ts";
import { Pause } from "./execution/pause.ts";
import { Propagation } from "./execution/propagation.ts";
import { Refusals } from "./execution/refusals.ts";
import { Timing } from "./execution/timing.ts";
import { Transactions } from "./execution/transactions.ts";
import { ClientPeaks } from "./figures/client-peaks.ts";
import { JsHeap } from "./figures/js-heap.ts";
import { LatencyMonitor } from "./figures/latency-monitor.ts";
import { cgroupLimitBytes } from "./figures/memory-limit.ts";
import { residentBytes } from "./figures/process-memory.ts";
import { Rates } from "./figures/rates.ts";
import { Slowlog } from "./figures/slowlog.ts";
import { ThreadTime } from "./figures/thread-time.ts";
import { infoText } from "./info/info.ts";
import { ServerMemory } from "./info/memory-service.ts";
import { Background } from "./keys/background.ts";
import { KeyEvents } from "./keys/key-events.ts";
import type { Parts } from "./parts.ts";
import { clientsMax } from "./process/open-files.ts";
import { ServerReplication } from "./replication-service.ts";
import { resetStats } from "./reset-stats.ts";
import { Shutdown } from "./shutdown.ts";
import { Ticks } from "./ticks.ts";

const SEGMENTS = 32;

export interface ServerOptions {
  readonly config: Config;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly seed?: number;
  /** Called when the server has stopped by SHUTDOWN. */
  readonly onStopped?: (exitCode: number) => void;
}

export class Server implements Parts, Services<Connection> {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: SecretSource;
  readonly runId: string;
  readonly startedMs: number;
  readonly commands: CommandTable;
  readonly keyspace: Keyspace;
  readonly slowlog = new Slowlog();
  readonly latency = new LatencyMonitor();
  readonly propagation = new Propagation();
  readonly persistence: Persistence;
  readonly output: Output;
  readonly pubsub: PubSub<Connection>;
  readonly events: KeyEvents;
  readonly blocking: Blocking;
  readonly transactions: Transactions;
  readonly monitors: Monitors;
  readonly pause: Pause;
  readonly refusals: Refusals;
  readonly timing: Timing;
  readonly replication: ServerReplication;
  readonly dispatch: Dispatch;
  readonly intake: Intake;
  readonly access: Access;
  readonly clients: Clients;
  readonly listeners: Listeners;
  readonly expiry: Background;
  readonly background: Background;
  readonly process: Shutdown;
  readonly figures: FiguresService;
  readonly rates: Rates;
  readonly clientPeaks = new ClientPeaks();
  readonly threadTime = new ThreadTime();
  readonly jsHeap = new JsHeap();
  readonly cgroupLimitBytes = cgroupLimitBytes();
  readonly startupBytes: number;
  readonly startupRuntimeBytes: number;

  readonly #onStopped: (exitCode: number) => void;
  readonly #hangUp: HangUp;
  readonly #ticks: Ticks;
  #stopped = false;

  constructor(options: ServerOptions) {
    const config = options.config;
    const clock = options.clock ?? new Clock();
    const log = options.log ?? new Log();
    const secrets = secretsFor(options.seed);
    this.config = config;
    this.commands = new CommandTable(COMMANDS).renamed(config.value("rename-command"));
    this.clock = clock;
    this.log = log;
    this.secrets = secrets;
    this.#onStopped = options.onStopped ?? (() => {});
    this.runId = secrets.hex(40);
    this.startedMs = clock.refresh();
    const keyspace = new Keyspace({
      databases: config.number("databases"),
      segments: SEGMENTS,
      clock,
      random: new Random(options.seed ?? secrets.int32()),
      hash: Hash.keyedBy(secrets),
    });
    this.keyspace = keyspace;
    this.startupBytes = keyspace.heap.usedBytes;
    const writer = new ReplyWriter();
    const { commands, propagation } = this;

    // What goes to disk and to sockets.
    this.persistence = new Persistence({
      space: keyspace,
      clock,
      log,
      settings: persistenceSettings(config),
      check: (request) => fileClient.commandFor(request),
      execute: (request) => fileClient.run(request),
      die: (reason) => this.#die(reason),
      propagation,
    });
    this.output = new Output(
      writer,
      (client) => this.clients.cutForOutput(client),
      (client) => this.clients.close(client),
      () => {
        propagation.flush();
        this.replication.core.pump();
      },
      () => this.replication.core.pump(),
    );
    const { output, persistence } = this;

    // What commands do beside their data.
    // Not the key of the keyspace: SCAN may tell something about that one.
    const nameHash = Hash.keyedBy(secrets);
    this.pubsub = new PubSub(output, nameHash);
    this.events = new KeyEvents(keyspace, this.pubsub, nameHash);
    this.monitors = new Monitors(clock, output);
    this.blocking = new Blocking({
      clock,
      hash: nameHash,
      onTimeout: (client) => this.clients.unblock(client, false),
      onReleased: (client) => setImmediate(() => this.clients.resume(client)),
      onAnyWaiting: () => this.hookAdded(),
    });
    this.transactions = new Transactions({
      reply: writer,
      events: this.events,
      propagation,
      run: (client, command, request) => this.dispatch.executeQueued(client, command, request),
    });
    this.pause = new Pause(clock, (isOn) => {
      this.refusals.refresh();
      this.replication.updateExpiry();
      if (isOn) return;
      this.background.plan();
      this.clients.resumePaused();
    });
    this.access = new Access(config);
    this.replication = new ServerReplication(this);
    propagation.connect(persistence, this.replication.core);

    // How commands run.
    this.refusals = new Refusals(keyspace, persistence, this.pause);
    this.timing = new Timing(clock, this.slowlog, this.latency);
    this.figures = {
      slowlog: this.slowlog,
      latency: this.latency,
      memory: new ServerMemory(this),
      info: (sections) => infoText(this, sections),
      resetStats: () => resetStats(this),
    };
    this.background = new Background({
      keyspace,
      clock,
      expires: () => !this.replication.isReplica && !this.pause.isOn,
      periodMs: () => 1000 / config.number("hz"),
    });
    this.expiry = this.background;
    keyspace.hooks.removed = (index, ref) => {
      const database = keyspace.databases[index]!;
      propagation.deleteKey(database, ref);
      this.events.expired(database, ref);
    };
    const socketsMax = clientsMax();
    this.#hangUp = new HangUp(() => socketsMax - this.clients.all.size);
    keyspace.hooks.fieldExpired = (index, ref, field, from, length) => {
      propagation.deleteField(keyspace.databases[index]!, ref, field, from, length);
    };
    keyspace.hooks.fieldsRemoved = (index, ref, isEmpty) => {
      this.events.fieldsExpired(keyspace.databases[index]!, ref, isEmpty);
    };
    this.clients = new Clients(this, this.#hangUp);
    this.process = new Shutdown({
      clients: this.clients,
      clock,
      log,
      persistence,
      propagation,
      replication: this.replication,
      timeoutMs: () => config.number("shutdown-timeout") * 1000,
      end: () => {
        this.stop();
        log.warning("StormDB is now ready to exit, bye bye...");
        this.#onStopped(0);
      },
    });
    const attacks = new AttackLog(clock, log);
    this.dispatch = new Dispatch({
      commands,
      keyspace,
      services: this,
      writer,
      log,
      persistence,
      propagation,
      refusals: this.refusals,
      timing: this.timing,
      output,
      blocking: this.blocking,
      monitors: this.monitors,
      refuseHttp: (client) => {
        attacks.note(client);
        this.clients.close(client);
      },
    });
    this.intake = new Intake(clock, this.dispatch, output, (client, reason) =>
      this.clients.cutForInput(client, reason),
    );
    const fileClient = new FileClient(keyspace.databases[0]!, this.dispatch, log);

    // Clients, and time.
    this.rates = new Rates(() => this.#totals());
    this.listeners = new Listeners({
      config,
      log,
      clientCount: () => this.clients.all.size,
      admit: (origin) => this.clients.admit(origin),
      onData: (client, chunk) => this.clients.receive(client, chunk),
      onDrain: (client) => this.clients.drain(client),
      onClosed: (client) => this.clients.forget(client),
      hangUp: this.#hangUp,
    });
    this.#ticks = new Ticks(this);
    applyDirectives(this);
    config.onChange((changed) => directivesChanged(this, changed));
    this.startupRuntimeBytes = residentBytes() - keyspace.heap.residentBytes;
  }

  /** The TCP port it listens on; 0 if none. */
  get port(): number {
    return this.listeners.port;
  }

  get shutdownInMs(): number {
    return this.process.remainingMs;
  }

  #totals() {
    const { dispatch, intake, output, replication, threadTime } = this;
    const { feeds, inputBytes } = replication.core;
    return {
      calls: dispatch.calls,
      inputBytes: intake.receivedBytes + inputBytes,
      outputBytes: output.sentBytes,
      replicationInputBytes: inputBytes,
      replicationOutputBytes: feeds.sentBytes,
      cycles: output.flushes,
      threadUsec: threadTime.usec,
    };
  }

  /** New keys are reported only while a client waits for one or is notified of them. */
  hookAdded(): void {
    const { blocking, events, keyspace } = this;
    keyspace.hooks.ready =
      blocking.count === 0 && !events.notifiesNew
        ? null
        : (index, ref) => {
            const database = keyspace.databases[index]!;
            events.added(database, ref);
            blocking.added(database, ref);
          };
  }

  // ── Starting and stopping ──────────────────────────────────────────────────────────────────

  /**
   * Binds the addresses, starts the timers and loads the data; meanwhile clients are told to wait.
   * Throws where an address cannot be bound, and LoadError.
   */
  async start(): Promise<void> {
    const { config, persistence, replication } = this;
    try {
      this.listeners.open();
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#ticks.start();
    await persistence.load();
    const primary = config.value("replicaof");
    const { offset } = persistence.loader;
    if (offset !== null) replication.core.restore(offset, primary !== null);
    if (primary !== null) replication.replicateFrom(primary.host, primary.port);
    this.background.plan();
  }

  /** Closes every connection and listener. The data stays in memory. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#ticks.stop();
    this.background.stop();
    this.output.flush();
    this.replication.stop();
    this.persistence.release();
    this.clients.endAll();
    this.#hangUp.stop();
    this.listeners.close();
  }

  shutdown(request: ShutdownRequest<Connection>): string {
    return this.process.shutdown(request);
  }

  /** Ends at once, without a reply to anybody. */
  #die(reason: string): void {
    this.log.warning(reason);
    this.clients.endAll();
    this.#onStopped(1);
  }

  /** Moves the clock: what would have happened meanwhile happens now. */
  advanceBy(ms: number): void {
    this.#ticks.advanceBy(ms);
  }
}
