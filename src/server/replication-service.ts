/** Ties replication to connections, configuration and commands. */
import { join } from "node:path";
import type {
  FailoverTarget,
  ReplicationService,
  ReplicaView,
} from "../commands/services/replication.ts";
import { temporaryName } from "../persistence/files.ts";
import * as errors from "../protocol/errors.ts";
import { Failover, hostOf } from "../replication/failover.ts";
import type { Peer } from "../replication/replica-feeds.ts";
import { Replication } from "../replication/replication.ts";
import { replicationSettings } from "./configuration/replication-settings.ts";
import type { Connection } from "./connections/connection.ts";
import type { Output } from "./connections/output.ts";
import { AckWaits } from "./execution/ack-waits.ts";
import { PrimaryClient } from "./execution/primary-client.ts";
import type { Parts } from "./parts.ts";

/** What replication sees of a connection. */
class ConnectionPeer implements Peer {
  readonly #client: Connection;
  readonly #close: (client: Connection) => void;
  readonly #output: Output;

  constructor(client: Connection, close: (client: Connection) => void, output: Output) {
    this.#client = client;
    this.#close = close;
    this.#output = output;
  }

  get id(): number {
    return this.#client.id;
  }

  get address(): string {
    return this.#client.address;
  }

  get isOwed(): boolean {
    // Replies to what it has said together with PSYNC are not even queued yet.
    const isRunning = this.#output.executing === this.#client;
    return isRunning || this.#client.queued || this.#client.unsentBytes > 0;
  }

  write(bytes: Uint8Array, from: number, length: number): number {
    if (this.#client.closed) return 0;
    const sent = Math.max(0, this.#client.socket.write(bytes, from, length));
    this.#output.sentBytes += sent;
    return sent;
  }

  end(): void {
    this.#close(this.#client);
  }

  terminate(): void {
    this.#close(this.#client);
  }
}

export class ServerReplication implements ReplicationService<Connection> {
  readonly #parts: Parts;
  readonly core: Replication;
  readonly failoverState: Failover;
  readonly ackWaits: AckWaits;
  readonly #primaryClient: PrimaryClient;

  /** `parts` need not be complete yet. */
  constructor(parts: Parts) {
    this.#parts = parts;
    const { clock, config, keyspace, log, persistence, propagation, secrets } = parts;
    const primaryClient = new PrimaryClient(
      keyspace.databases[0]!,
      () => parts.dispatch,
      log,
      () => this.core.link?.lastIoMs ?? 0,
    );
    this.#primaryClient = primaryClient;
    // The port that it listens on is known only when it does.
    const settings = replicationSettings(config, () => parts.listeners.port);
    this.core = new Replication({
      clock,
      log,
      secrets,
      dataSet: persistence,
      propagation,
      settings: () => settings,
      temporaryPath: () => temporaryName(join(config.unicode("dir"), "temp-sync")),
      apply: (request) => primaryClient.run(request),
      applied: {
        get databaseIndex() {
          return primaryClient.database.index;
        },
        set databaseIndex(index: number) {
          primaryClient.database = keyspace.databases[index] ?? keyspace.databases[0]!;
        },
      },
      onRole: () => this.#roleChanged(),
      onReplace: () => {
        for (const database of keyspace.databases) parts.events.emptying(database);
      },
      onLink: (isUp) => this.#linkChanged(isUp),
      onHandedOver: () => this.failoverState.succeeded(),
      onAck: () => this.#acked(),
    });
    this.ackWaits = new AckWaits(
      clock,
      (position) => this.countAt(position),
      (client, reached) => parts.clients.answer(client, (writer) => writer.integer(reached)),
    );
    this.failoverState = new Failover({
      feeds: this.core.feeds,
      offset: () => {
        // What has been written but is not in the stream yet must reach the target too.
        propagation.flush();
        return this.core.streamOffset;
      },
      requestAcks: () => this.core.requestAcks(),
      pauseWrites: (paused) => parts.clients.holdWrites(paused),
      replicateFrom: (host, port) => {
        this.#remember(host, port);
        this.core.replicateFrom(host, port, true);
      },
      takeBack: () => this.promote(),
      log: (message) => log.notice(message),
    });
  }

  get isReplica(): boolean {
    return this.core.isReplica;
  }

  get isFailingOver(): boolean {
    return this.failoverState.state !== "no-failover";
  }

  get position(): number {
    return this.core.streamOffset;
  }

  get wantsCommands(): boolean {
    return this.core.wantsCommands;
  }

  get primaryView(): ReplicationService["primaryView"] {
    const { link } = this.core;
    if (link === null) return null;
    const { host, port } = link.settings;
    return { host, port, state: link.state };
  }

  replicaViews(): ReplicaView[] {
    return this.core.feeds.replicas
      .filter(({ isOnline }) => isOnline)
      .map((replica) => ({
        ip: hostOf(replica),
        port: replica.port,
        ackPosition: replica.ackOffset,
      }));
  }

  // ── Roles ──────────────────────────────────────────────────────────────────────────────────

  replicateFrom(host: string, port: number): void {
    this.#remember(host, port);
    this.core.replicateFrom(host, port);
  }

  promote(): void {
    this.#parts.config.keep("replicaof", null);
    this.core.promote();
  }

  #remember(host: string, port: number): void {
    this.#parts.config.keep("replicaof", { host, port });
  }

  #roleChanged(): void {
    const { background, clients } = this.#parts;
    this.updateExpiry();
    if (this.isReplica) clients.unblockForRole();
    else background.plan();
    this.updateRefusals();
  }

  /** Clients do not write to a read-only replica, so it leaves expired keys to the primary's DEL. */
  updateExpiry(): void {
    const { config, keyspace, pause } = this.#parts;
    // While clients are paused the data set must not change either.
    keyspace.hidesExpired = pause.isOn || (this.isReplica && config.flag("replica-read-only"));
  }

  /** What clients are refused may have changed. */
  updateRefusals(): void {
    const { refusals } = this.#parts;
    refusals.writeRefusal = this.writeRefusal;
    refusals.readRefusal = this.readRefusal;
  }

  /** What CLIENT LIST shows of the link; null while it is down. */
  get linkClient(): Connection | null {
    return this.core.link?.isUp ? this.#primaryClient : null;
  }

  #linkChanged(isUp: boolean): void {
    if (isUp) {
      this.#primaryClient.id = this.#parts.clients.nextId();
      this.#primaryClient.address = this.core.link!.address;
      this.#primaryClient.createdMs = Date.now();
    }
    if (!isUp) this.failoverState.failed(this.core.link?.isHandoverOpen === true);
    this.updateRefusals();
  }

  #acked(): void {
    this.ackWaits.check();
    this.failoverState.advance();
    this.updateRefusals();
  }

  // ── Replicas ───────────────────────────────────────────────────────────────────────────────

  #peer(client: Connection): Peer {
    const { clients, output } = this.#parts;
    return new ConnectionPeer(client, (peer) => clients.close(peer), output);
  }

  announce(client: Connection, field: "port" | "ip" | "capa" | "rdb-only", value: string): void {
    const replica = this.core.feeds.announce(this.#peer(client));
    if (field === "port") replica.port = Number(value);
    else if (field === "ip") replica.ip = value;
    else if (field === "rdb-only") replica.rdbOnly = value === "1";
    else if (value === "eof") replica.capaEof = true;
    else if (value === "psync2") replica.capaPsync2 = true;
  }

  acknowledge(client: Connection, position: number): void {
    this.core.feeds.acknowledge(client.id, position);
  }

  acceptReplica(client: Connection, id: string, position: number): string {
    // A second request of the same replica says nothing new.
    if (client.isReplica) return "";
    const { refusal } = this.core;
    if (refusal !== "") return refusal;
    client.isReplica = true;
    if (this.#parts.config.flag("repl-disable-tcp-nodelay")) client.socket.setNoDelay?.(false);
    this.core.feeds.announce(this.#peer(client)).usesSync = id === "";
    this.core.acceptReplica(this.#peer(client), id, position);
    this.updateRefusals();
    return "";
  }

  takeOver(id: string): string {
    if (!this.isReplica) return "ERR PSYNC FAILOVER can't be sent to a master.";
    // It leads back to this server, which is handing its part over.
    if (this.failoverState.state !== "no-failover") return errors.FAILOVER_IN_PROGRESS;
    if (id !== this.core.replid) return "ERR PSYNC FAILOVER replid must match my replid.";
    this.#parts.log.warning("Failover request received, this server becomes the primary");
    this.promote();
    return "";
  }

  // ── WAIT and FAILOVER ──────────────────────────────────────────────────────────────────────

  countAt(position: number): number {
    return this.core.feeds.countAt(position);
  }

  /** Whether all replicas that get the stream have applied it up to the position. */
  haveAll(position: number): boolean {
    const { feeds } = this.core;
    const online = feeds.replicas.filter(({ isOnline }) => isOnline);
    return this.isReplica || feeds.countAt(position) === online.length;
  }

  lastWriteOf(client: Connection): number {
    if (client.hasWritten) {
      this.#parts.propagation.flush();
      client.hasWritten = false;
      client.lastWritePosition = this.core.streamOffset;
    }
    return client.lastWritePosition;
  }

  waitForAcks(client: Connection, position: number, count: number, timeoutMs: number): void {
    this.ackWaits.add(client, position, count, timeoutMs);
    this.core.requestAcks();
  }

  failover(target: FailoverTarget | null, timeoutMs: number, force: boolean): string {
    if (this.isReplica && !this.isFailingOver)
      return "ERR FAILOVER is not valid when server is a replica.";
    return this.failoverState.begin(target, timeoutMs, force);
  }

  abortFailover(): string {
    return this.failoverState.abort();
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────

  /** Why clients may not write now, or "". */
  get writeRefusal(): string {
    const { config } = this.#parts;
    if (this.isReplica) return config.flag("replica-read-only") ? errors.READ_ONLY_REPLICA : "";
    const wanted = config.number("min-replicas-to-write");
    if (wanted === 0 || config.number("min-replicas-max-lag") === 0) return "";
    return this.core.feeds.goodCount < wanted ? errors.NOT_ENOUGH_REPLICAS : "";
  }

  /** Why clients may not read now, or "". */
  get readRefusal(): string {
    const { link } = this.core;
    const isStale = link !== null && !link.isUp;
    const serves = this.#parts.config.flag("replica-serve-stale-data");
    return isStale && !serves ? errors.PRIMARY_DOWN : "";
  }

  /** The clock has been moved forward. */
  advancedBy(ms: number): void {
    this.core.feeds.advancedBy(ms);
    this.ackWaits.timeOutDue();
  }

  /** The end of the server. */
  stop(): void {
    this.core.stop();
    this.failoverState.stop();
  }

  tick(): void {
    this.core.tick();
    this.failoverState.advance();
    this.updateRefusals();
  }
}
