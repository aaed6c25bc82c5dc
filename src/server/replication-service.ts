/** Ties replication to connections, configuration and commands. */
import { join } from "node:path";
import type {
  Client,
  FailoverTarget,
  ReplicationService,
  ReplicaView,
} from "../commands/context.ts";
import { temporaryName } from "../persistence/files.ts";
import * as errors from "../protocol/errors.ts";
import { Failover, hostOf } from "../replication/failover.ts";
import type { Peer } from "../replication/primary.ts";
import { Replication, type ReplicationSettings } from "../replication/replication.ts";
import { type Config, outputLimits } from "./configuration/config.ts";
import type { Connection } from "./connections/connection.ts";
import type { Output } from "./connections/output.ts";
import { AckWaits } from "./execution/ack-waits.ts";
import { PrimaryClient } from "./execution/primary-client.ts";
import type { Server } from "./server.ts";

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
    return isRunning || this.#client.queued || this.#client.backlogBytes > 0;
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

export class ServerReplication implements ReplicationService {
  readonly #server: Server;
  readonly #close: (client: Connection) => void;
  readonly core: Replication;
  readonly failoverState: Failover;
  readonly ackWaits: AckWaits;
  readonly #primaryClient: PrimaryClient;
  #settings: ReplicationSettings;

  constructor(
    server: Server,
    close: (client: Connection) => void,
    release: (client: Connection, reached: number) => void,
  ) {
    this.#server = server;
    this.#close = close;
    const { clock, config, keyspace, log, persistence, propagation, secrets } = server;
    const primaryClient = new PrimaryClient(
      keyspace.databases[0]!,
      () => this.core.link?.lastIoMs ?? 0,
    );
    this.#primaryClient = primaryClient;
    this.#settings = replicationSettings(server);
    this.core = new Replication({
      clock,
      log,
      secrets,
      keyspace,
      persistence,
      propagation,
      settings: () => this.#settings,
      temporaryPath: () => temporaryName(join(config.unicode("dir"), "temp-sync")),
      apply: (request) => server.dispatch.apply(primaryClient, request),
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
        for (const database of keyspace.databases) server.events.emptying(database);
      },
      onLink: (isUp) => this.#linkChanged(isUp),
      onAck: () => this.#acked(),
    });
    this.ackWaits = new AckWaits(clock, (position) => this.countAt(position), release);
    this.failoverState = new Failover({
      primary: this.core.primary,
      position: () => {
        // What has been written but is not in the stream yet must reach the target too.
        propagation.flush();
        return this.core.position;
      },
      requestAcks: () => this.core.requestAcks(),
      pauseWrites: (paused) => server.holdWrites(paused),
      followTarget: (host, port) => {
        this.#remember(host, port);
        this.core.follows(host, port, true);
      },
      takeBack: () => this.promote(),
      log: (message) => log.notice(message),
    });
  }

  /** Directives may have changed. */
  configure(): void {
    this.#settings = replicationSettings(this.#server);
    this.core.configure();
  }

  get isReplica(): boolean {
    return this.core.isReplica;
  }

  get isFailingOver(): boolean {
    return this.failoverState.state !== "no-failover";
  }

  get position(): number {
    return this.core.position;
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
    return this.core.primary.followers
      .filter(({ isOnline }) => isOnline)
      .map((replica) => ({
        ip: hostOf(replica),
        port: replica.port,
        ackPosition: replica.ackPosition,
      }));
  }

  // ── Roles ──────────────────────────────────────────────────────────────────────────────────

  follow(host: string, port: number): void {
    this.#remember(host, port);
    this.core.follows(host, port);
  }

  promote(): void {
    this.#server.config.keep("replicaof", "");
    this.core.promote();
  }

  #remember(host: string, port: number): void {
    this.#server.config.keep("replicaof", `${host} ${port}`);
  }

  #roleChanged(): void {
    this.#server.roleChanged();
  }

  /** What CLIENT LIST shows of the link; null while it is down. */
  get linkClient(): Client | null {
    return this.core.link?.isUp ? this.#primaryClient : null;
  }

  #linkChanged(isUp: boolean): void {
    if (isUp) {
      this.#primaryClient.id = this.#server.nextClientId();
      this.#primaryClient.address = this.core.link!.address;
      this.#primaryClient.createdMs = Date.now();
      this.failoverState.succeeded();
    }
    if (!isUp) this.failoverState.failed();
    this.#server.updateRefusals();
  }

  #acked(): void {
    this.ackWaits.check();
    this.failoverState.advance();
    this.#server.updateRefusals();
  }

  // ── Replicas ───────────────────────────────────────────────────────────────────────────────

  #peer(client: Client): Peer {
    return new ConnectionPeer(client as Connection, this.#close, this.#server.output);
  }

  announce(client: Client, field: "port" | "ip" | "capa" | "rdb-only", value: string): void {
    const replica = this.core.primary.announce(this.#peer(client));
    if (field === "port") replica.port = Number(value);
    else if (field === "ip") replica.ip = value;
    else if (field === "rdb-only") replica.rdbOnly = value === "1";
    else if (value === "eof") replica.capaEof = true;
    else if (value === "psync2") replica.capaPsync2 = true;
  }

  acknowledge(client: Client, position: number): void {
    this.core.primary.acknowledge(client.id, position);
  }

  sync(client: Client, id: string, position: number): string {
    const connection = client as Connection;
    // A second request of the same replica says nothing new.
    if (connection.isReplica) return "";
    const { refusal } = this.core;
    if (refusal !== "") return refusal;
    connection.isReplica = true;
    this.core.primary.announce(this.#peer(client)).isPlain = id === "";
    this.core.follow(this.#peer(client), id, position);
    this.#server.updateRefusals();
    return "";
  }

  takeOver(id: string): string {
    if (!this.isReplica) return "ERR PSYNC FAILOVER can't be sent to a master.";
    // It leads back to this server, which is handing its part over.
    if (this.failoverState.state !== "no-failover") return errors.FAILOVER_IN_PROGRESS;
    if (id !== this.core.id) return "ERR PSYNC FAILOVER replid must match my replid.";
    this.#server.log.warning("Failover request received, this server becomes the primary");
    this.promote();
    return "";
  }

  // ── WAIT and FAILOVER ──────────────────────────────────────────────────────────────────────

  countAt(position: number): number {
    return this.core.primary.countAt(position);
  }

  /** Whether all replicas that get the stream have applied it up to the position. */
  haveAll(position: number): boolean {
    const { primary } = this.core;
    const online = primary.followers.filter(({ isOnline }) => isOnline);
    return this.isReplica || primary.countAt(position) === online.length;
  }

  lastWriteOf(client: Client): number {
    if (client.hasWritten) {
      this.#server.propagation.flush();
      client.hasWritten = false;
      client.lastWritePosition = this.core.position;
    }
    return client.lastWritePosition;
  }

  waitForAcks(client: Client, position: number, count: number, timeoutMs: number): void {
    this.ackWaits.add(client as Connection, position, count, timeoutMs);
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
    const { config } = this.#server;
    if (this.isReplica) return config.flag("replica-read-only") ? errors.READ_ONLY_REPLICA : "";
    const wanted = config.number("min-replicas-to-write");
    if (wanted === 0 || config.number("min-replicas-max-lag") === 0) return "";
    return this.core.primary.goodCount < wanted ? errors.NOT_ENOUGH_REPLICAS : "";
  }

  /** Why clients may not read now, or "". */
  get readRefusal(): string {
    const { link } = this.core;
    const isStale = link !== null && !link.isUp;
    const serves = this.#server.config.flag("replica-serve-stale-data");
    return isStale && !serves ? errors.PRIMARY_DOWN : "";
  }

  /** The clock has been moved forward. */
  advancedBy(ms: number): void {
    this.core.primary.advancedBy(ms);
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
    this.#server.updateRefusals();
  }
}

/** The primary that the configuration names; null without one. */
export function configuredPrimary(
  config: Config,
): { readonly host: string; readonly port: number } | null {
  const [host, port] = config.words("replicaof");
  const isOne = host?.toLowerCase() === "no" && port?.toLowerCase() === "one";
  return port === undefined || isOne ? null : { host: host!, port: Number(port) };
}

function replicationSettings(server: Server): ReplicationSettings {
  const { config } = server;
  const [hardBytes, softBytes, softSeconds] = outputLimits(
    config.text("client-output-buffer-limit"),
  ).get("slave")!;
  const ms = (name: string) => config.number(name) * 1000;
  return {
    diskless: config.flag("repl-diskless-sync"),
    disklessDelayMs: ms("repl-diskless-sync-delay"),
    disklessReplicasMax: config.number("repl-diskless-sync-max-replicas"),
    timeoutMs: ms("repl-timeout"),
    pingPeriodMs: ms("repl-ping-replica-period"),
    maxLagMs: ms("min-replicas-max-lag"),
    hardBytes,
    softBytes,
    softMs: softSeconds * 1000,
    backlogBytes: config.number("repl-backlog-size"),
    backlogTtlMs: ms("repl-backlog-ttl"),
    user: config.text("masteruser"),
    password: config.text("masterauth"),
    announceIp: config.text("replica-announce-ip"),
    // The port that it listens on is known only when it does.
    get announcePort() {
      return config.number("replica-announce-port") || server.port;
    },
    disklessLoad: config.text("repl-diskless-load") as ReplicationSettings["disklessLoad"],
  };
}
