/** A server: puts the parts together, knows the clients and keeps time. */
import { Clock } from "../base/clock.ts";
import { Hash } from "../base/key-hash.ts";
import { Log } from "../base/log.ts";
import { Random, type SecretSource, secretsFor } from "../base/random.ts";
import type { Client, Services, ShutdownRequest } from "../commands/context.ts";
import { COMMANDS } from "../commands/index.ts";
import { CommandTable } from "../commands/spec/command-table.ts";
import { Persistence } from "../persistence/persistence.ts";
import { UNBLOCKED, UNBLOCKED_BY_ROLE } from "../protocol/errors.ts";
import { ReplyWriter } from "../protocol/reply-writer.ts";
import { PubSub } from "../pubsub/pubsub.ts";
import { Keyspace } from "../store/keyspace.ts";
import type { Config } from "./configuration/config.ts";
import { persistenceSettings } from "./configuration/persistence-settings.ts";
import { Connection } from "./connections/connection.ts";
import { HangUp } from "./connections/hang-up.ts";
import { Listeners, type Origin } from "./connections/listeners.ts";
import { Output } from "./connections/output.ts";
import { applyDirective, applyDirectives } from "./directive-effects.ts";
import { Blocking } from "./execution/blocking.ts";
import { Dispatch } from "./execution/dispatch.ts";
import { Replayer } from "./execution/file-client.ts";
import { Intake } from "./execution/intake.ts";
import { Monitors } from "./execution/monitors.ts";
import { Propagation } from "./execution/propagation.ts";
import { Transactions } from "./execution/transactions.ts";
import { ClientPeaks } from "./figures/client-peaks.ts";
import { Garbage } from "./figures/js-heap.ts";
import { LatencyMonitor } from "./figures/latency-monitor.ts";
import { cgroupLimitBytes } from "./figures/memory-limit.ts";
import { residentBytes } from "./figures/process-memory.ts";
import { Rates } from "./figures/rates.ts";
import { Slowlog } from "./figures/slowlog.ts";
import { ThreadTime } from "./figures/thread-time.ts";
import { infoText } from "./info/info.ts";
import { Background } from "./keys/background.ts";
import { KeyEvents } from "./keys/key-events.ts";
import { configuredPrimary, ServerReplication } from "./replication-service.ts";
import { Departure } from "./shutdown.ts";

const SEGMENTS = 32;

export interface ServerOptions {
  readonly config: Config;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly seed?: number;
  /** Called when the server has stopped by SHUTDOWN. */
  readonly onStopped?: (exitCode: number) => void;
}

export class Server implements Services {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Where what nobody may guess comes from. */
  readonly secrets: SecretSource;
  readonly runId: string;
  readonly startedMs: number;
  readonly commands = new CommandTable(COMMANDS);
  readonly keyspace: Keyspace;
  readonly clients = new Map<number, Connection>();
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
  readonly replication: ServerReplication;
  readonly dispatch: Dispatch;
  readonly intake: Intake;
  readonly rates: Rates;
  readonly clientPeaks = new ClientPeaks();
  readonly threadTime = new ThreadTime();
  readonly listeners: Listeners;
  /** What the control group of the process is limited to; 0 for nothing. */
  readonly cgroupLimitBytes = cgroupLimitBytes();
  /** Bytes in use when the keyspace was empty. */
  readonly startupBytes: number;
  /** Bytes resident when the server had been put together, those of the heap excluded. */
  readonly startupRuntimeBytes: number;
  activeExpiry = true;
  queryBufferCuts = 0;
  outputBufferCuts = 0;

  readonly #onStopped: (exitCode: number) => void;
  #nextClientId = 1;
  #cron: Timer | null = null;
  #stopped = false;
  readonly #garbage = new Garbage();
  readonly #hangUp = new HangUp();
  readonly background: Background;
  readonly #departure: Departure;

  constructor(options: ServerOptions) {
    this.config = options.config;
    this.clock = options.clock ?? new Clock();
    this.log = options.log ?? new Log();
    this.#onStopped = options.onStopped ?? (() => {});
    this.secrets = secretsFor(options.seed);
    this.runId = this.secrets.hex(40);
    this.startedMs = this.clock.refresh();
    const { clock, log, secrets } = this;
    this.keyspace = new Keyspace({
      databases: this.config.number("databases"),
      segments: SEGMENTS,
      clock,
      random: new Random(options.seed ?? secrets.int32()),
      hash: Hash.keyedBy(secrets),
    });
    this.startupBytes = this.keyspace.heap.usedBytes;
    const writer = new ReplyWriter();
    const loader = new Replayer(this.keyspace.databases[0]!);
    this.persistence = new Persistence({
      space: this.keyspace,
      clock,
      log,
      settings: persistenceSettings(this.config),
      check: (request) => this.dispatch.commandOfFile(request),
      execute: (request) => this.dispatch.replay(loader, request),
      die: (reason) => this.#die(reason),
      propagation: this.propagation,
    });
    this.output = new Output(
      writer,
      (client) => {
        this.outputBufferCuts++;
        this.#cut(client, "its output buffer is over client-output-buffer-limit");
      },
      (client) => this.#close(client),
      () => {
        this.propagation.flush();
        this.replication.core.pump();
      },
      () => this.replication.core.pump(),
    );
    this.pubsub = new PubSub(this.output);
    this.events = new KeyEvents(this.keyspace, this.pubsub);
    this.monitors = new Monitors(clock, this.output);
    this.blocking = new Blocking({
      clock,
      onTimeout: (client) => this.unblock(client, false),
      onReleased: (client) => setImmediate(() => this.#resume(client)),
      onAnyWaiting: () => this.hookAdded(),
    });
    this.transactions = new Transactions({
      reply: writer,
      events: this.events,
      propagation: this.propagation,
      run: (client, command, request) => this.dispatch.runQueued(client, command, request),
    });
    this.replication = new ServerReplication(
      this,
      (client) => this.#close(client),
      (client, reached) => this.#answer(client, (writer) => writer.integer(reached)),
    );
    this.propagation.connect(this.persistence, this.replication.core);
    this.background = new Background({
      keyspace: this.keyspace,
      clock,
      expires: () => this.activeExpiry && !this.replication.isReplica,
      periodMs: () => 1000 / this.config.number("hz"),
    });
    this.#departure = new Departure({
      clock,
      log,
      persistence: this.persistence,
      propagation: this.propagation,
      replication: this.replication,
      timeoutMs: () => this.config.number("shutdown-timeout") * 1000,
      holdWrites: (held) => this.holdWrites(held),
      refuse: (caller, error) => this.#endWait(caller as Connection, error),
      end: () => {
        this.stop();
        this.log.warning("StormDB is now ready to exit, bye bye...");
        this.#onStopped(0);
      },
    });
    this.keyspace.onExpired = (database, ref) => {
      this.propagation.deleteKey(database, ref);
      this.events.expired(database, ref);
    };
    this.dispatch = new Dispatch({
      commands: this.commands,
      keyspace: this.keyspace,
      services: this,
      writer,
      slowlog: this.slowlog,
      latency: this.latency,
      clock,
      log,
      persistence: this.persistence,
      propagation: this.propagation,
      output: this.output,
      blocking: this.blocking,
      monitors: this.monitors,
      close: (client) => this.#close(client),
    });
    this.intake = new Intake(this.dispatch, this.output, (client, reason) => {
      this.queryBufferCuts++;
      this.#cut(client, reason);
    });
    this.rates = new Rates(() => {
      const { inputBytes, primary } = this.replication.core;
      return {
        calls: this.dispatch.calls,
        inputBytes: this.intake.receivedBytes + inputBytes,
        outputBytes: this.output.sentBytes,
        replicationInputBytes: inputBytes,
        replicationOutputBytes: primary.sentBytes,
        cycles: this.output.flushes,
        threadUsec: this.threadTime.usec,
      };
    });
    this.listeners = new Listeners({
      config: this.config,
      clientCount: () => this.clients.size,
      admit: (origin) => this.#admit(origin),
      onData: (client, chunk) => this.#receive(client, chunk),
      onDrain: (client) => this.#drain(client),
      onClosed: (client) => this.#forget(client),
      hangUp: this.#hangUp,
    });
    applyDirectives(this);
    this.config.onChange((name) => applyDirective(this, name));
    this.startupRuntimeBytes = residentBytes() - this.keyspace.heap.residentBytes;
  }

  get password(): string {
    return this.config.text("requirepass");
  }

  /** The TCP port it listens on; 0 if none. */
  get port(): number {
    return this.listeners.port;
  }

  get shutdownInMs(): number {
    return this.#departure.remainingMs;
  }

  // ── Starting and stopping ──────────────────────────────────────────────────────────────────

  /**
   * Binds the addresses, starts the timers and loads the data; meanwhile clients are told to wait.
   * Throws where an address cannot be bound, and LoadError.
   */
  async start(): Promise<void> {
    const { config } = this;
    try {
      this.listeners.open();
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#scheduleCron();
    await this.persistence.load();
    const primary = configuredPrimary(config);
    const { place } = this.persistence.loader;
    if (place !== null) this.replication.core.restore(place, primary !== null);
    if (primary !== null) this.replication.follow(primary.host, primary.port);
    this.background.plan();
  }

  /** Closes every connection and listener. The data stays in memory. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#cron !== null) clearTimeout(this.#cron);
    this.background.stop();
    this.output.flush();
    this.replication.stop();
    this.persistence.release();
    for (const client of this.clients.values()) client.socket.end();
    this.#hangUp.stop();
    this.listeners.close();
  }

  shutdown(request: ShutdownRequest): string {
    return this.#departure.begin(request);
  }

  abortShutdown(): boolean {
    return this.#departure.abort();
  }

  /** Ends at once, without a reply to anybody. */
  #die(reason: string): void {
    this.log.warning(reason);
    for (const client of this.clients.values()) client.socket.end();
    this.#onStopped(1);
  }

  /** New keys are looked at only while somebody wants to know. */
  hookAdded(): void {
    const { blocking, events, keyspace } = this;
    keyspace.onAdded =
      blocking.count === 0 && !events.notifiesNew
        ? null
        : (database, ref) => {
            events.added(database, ref);
            blocking.added(database, ref);
          };
  }

  // ── Connections ────────────────────────────────────────────────────────────────────────────

  #admit(origin: Origin): Connection {
    const client = new Connection({
      ...origin,
      id: this.nextClientId(),
      database: this.keyspace.databases[0]!,
      authenticated: this.password === "",
      nowMs: this.clock.refresh(),
    });
    this.clients.set(client.id, client);
    return client;
  }

  #receive(client: Connection, chunk: Uint8Array): void {
    if (client.isReplica) this.replication.core.primary.heard(client.id);
    this.intake.receive(client, chunk);
  }

  #forget(client: Connection): void {
    client.closed = true;
    // What is kept for it is garbage now, however little the server has to do from here on.
    this.#garbage.add(client.bufferBytes);
    client.pending = null;
    client.backlog.length = 0;
    client.backlogBytes = 0;
    this.clients.delete(client.id);
    this.#leaveAll(client);
    this.blocking.release(client);
    this.replication.ackWaits.forget(client);
    this.replication.core.primary.forget(client.id);
  }

  #drain(client: Connection): void {
    this.output.drain(client);
    if (!client.isReplica || client.backlogBytes > 0) return;
    const { core } = this.replication;
    const replica = core.replicaOf(client.id);
    if (replica !== undefined) core.primary.pump(replica);
  }

  /** The client has no part in anything any more that has to do with others. */
  #leaveAll(client: Connection): void {
    this.pubsub.unsubscribeAll(client);
    this.transactions.discard(client);
    this.monitors.remove(client);
  }

  reset(client: Client): void {
    this.#leaveAll(client as Connection);
  }

  monitor(client: Client): boolean {
    const isNew = !(client as Connection).isMonitor;
    this.monitors.add(client as Connection);
    return isNew;
  }

  unblock(client: Client, withError: boolean): boolean {
    const waiting = client as Connection;
    if (!waiting.isWaiting) return false;
    if (withError) this.#endWait(waiting, UNBLOCKED);
    else if (waiting.ackWait !== null) this.replication.ackWaits.end(waiting);
    else {
      this.#answer(waiting, (writer) => writer.nullArray());
      this.blocking.release(waiting);
    }
    return true;
  }

  /** Ends the client's wait with an error. */
  #endWait(client: Connection, error: string): void {
    const { ackWaits } = this.replication;
    const waitsForAcks = client.ackWait !== null;
    ackWaits.forget(client);
    const write = (writer: ReplyWriter) => {
      writer.error(error);
      this.dispatch.countUnblocked(client, writer);
    };
    this.#answer(client, write, waitsForAcks);
    this.blocking.release(client);
  }

  /** Replies to a client out of turn: one that waits, and whose command is not running now. */
  #answer(client: Connection, write: (writer: ReplyWriter) => void, resumes = true): void {
    const { protocol } = client;
    const writer = this.output.pushWriter(protocol);
    const from = writer.at;
    write(writer);
    if (client.replyMode === "on") this.output.push(client, protocol, from, writer.at);
    else if (client.replyMode === "skip") client.replyMode = "on";
    if (resumes) setImmediate(() => this.#resume(client));
  }

  // ── Replication ────────────────────────────────────────────────────────────────────────────

  /** The server has become a replica, or a primary. */
  roleChanged(): void {
    const { isReplica } = this.replication;
    this.updateExpiry();
    if (isReplica) {
      for (const client of [...this.clients.values()]) {
        if (!client.isWaiting) continue;
        this.#endWait(client, UNBLOCKED_BY_ROLE);
        client.closing = true;
      }
    } else this.background.plan();
    this.updateRefusals();
  }

  /** A replica that clients cannot write to leaves it to the primary to remove keys. */
  updateExpiry(): void {
    const { isReplica } = this.replication;
    this.keyspace.keepsExpired = isReplica && this.config.flag("replica-read-only");
  }

  get linkClient(): Client | null {
    return this.replication.linkClient;
  }

  /** Clients and links share one sequence of ids. */
  nextClientId(): number {
    return this.#nextClientId++;
  }

  /** What clients are refused may have changed. */
  updateRefusals(): void {
    this.dispatch.writeRefusal = this.replication.writeRefusal;
    this.dispatch.readRefusal = this.replication.readRefusal;
  }

  /** Holds writes back while a replica takes over. */
  holdWrites(held: boolean): void {
    if (held) this.pause(Number.POSITIVE_INFINITY, true);
    else this.unpause();
  }

  #cut(client: Connection, reason: string): void {
    this.log.warning(`Client closed because ${reason}: ${client}`);
    this.#close(client);
  }

  #close(client: Connection): void {
    this.#forget(client);
    this.#hangUp.end(client.socket);
  }

  kill(client: Client, caller: Client): void {
    if (client === this.linkClient) this.replication.core.link?.reconnect("Killed by a client");
    else if (client === caller) client.closing = true;
    else this.#close(client as Connection);
  }

  pause(untilMs: number, writesOnly: boolean): void {
    const { dispatch } = this;
    // A second pause only ever makes it longer and stricter.
    const going = dispatch.pausedUntilMs > this.clock.nowMs;
    dispatch.pausedWritesOnly = going ? dispatch.pausedWritesOnly && writesOnly : writesOnly;
    dispatch.pausedUntilMs = going ? Math.max(dispatch.pausedUntilMs, untilMs) : untilMs;
  }

  unpause(): void {
    this.dispatch.pausedUntilMs = 0;
    setImmediate(() => this.#resumeAll());
  }

  #resumeAll(): void {
    for (const client of this.clients.values()) {
      if (!client.paused) continue;
      client.paused = false;
      this.#resume(client);
    }
  }

  #resume(client: Connection): void {
    if (!client.isHeld) this.intake.resume(client);
  }

  mayDebug(client: Client): boolean {
    const allowed = this.config.text("enable-debug-command");
    return allowed === "yes" || (allowed === "local" && client.isLocal);
  }

  // ── Figures ────────────────────────────────────────────────────────────────────────────────

  info(sections: readonly string[]): string {
    return infoText(this, sections);
  }

  resetStats(): void {
    for (const command of this.commands.commands.values()) command.resetStats();
    const { dispatch, keyspace, intake, output } = this;
    dispatch.calls = 0;
    dispatch.errorReplies = 0;
    dispatch.unexpectedErrors = 0;
    dispatch.errorCounts.clear();
    keyspace.hits = 0;
    keyspace.misses = 0;
    keyspace.expired = 0;
    intake.receivedBytes = 0;
    intake.reads = 0;
    output.sentBytes = 0;
    output.writes = 0;
    output.flushes = 0;
    const { primary } = this.replication.core;
    this.replication.core.inputBytes = 0;
    primary.sentBytes = 0;
    primary.fullSyncs = 0;
    primary.partialSyncs = 0;
    primary.refusedSyncs = 0;
    this.background.resetStats();
    this.threadTime.reset();
    this.listeners.received = 0;
    this.listeners.rejected = 0;
    this.queryBufferCuts = 0;
    this.outputBufferCuts = 0;
    this.rates.reset();
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────

  /** Moves the clock: what would have happened meanwhile happens now. */
  advanceBy(ms: number): void {
    this.clock.advanceBy(ms);
    this.blocking.timeOutDue();
    this.replication.advancedBy(ms);
    if (!this.persistence.loading) this.background.expireAll();
    this.#tick();
  }

  #scheduleCron(): void {
    this.#cron = setTimeout(() => {
      this.#tick();
      if (!this.#stopped) this.#scheduleCron();
    }, 1000 / this.config.number("hz"));
  }

  #tick(): void {
    this.clock.synchronize();
    const { nowMs } = this.clock;
    this.keyspace.refreshAccessClock();
    this.keyspace.heap.notePeak();
    this.rates.sample(performance.now());
    if (this.dispatch.pausedUntilMs > 0 && nowMs >= this.dispatch.pausedUntilMs) this.unpause();
    const timeoutMs = this.config.number("timeout") * 1000;
    for (const client of this.clients.values()) {
      this.output.checkSoftLimit(client, nowMs);
      this.clientPeaks.note(client.inputBytes, client.outputBytes, nowMs);
      const mayIdle = client.isHeld || client.isMonitor || client.type !== "normal";
      if (timeoutMs > 0 && !mayIdle && nowMs - client.lastActiveMs > timeoutMs) {
        this.log.verbose(`Closing idle client: ${client}`);
        this.#close(client);
      }
    }
    this.persistence.tick();
    this.replication.tick();
    this.#departure.advance();
    this.#garbage.check();
    if (this.persistence.loading) return;
    this.background.run();
    this.background.plan();
  }
}
