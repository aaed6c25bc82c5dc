/**
 * Replication as a whole: whether this server is a primary or a replica, which stream its data set
 * belongs to, and the change from one role to the other.
 *
 * A stream is named by a replid; an offset counts its bytes. A primary writes it; its replicas, and
 * theirs, pass it on byte for byte, so that an offset means the same on all of them. A replica that
 * is promoted begins a stream of its own, and remembers the old replid up to the offset where it
 * left that stream (`secondReplid`), so that the other replicas can resync without all data.
 */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { SecretSource } from "../base/random.ts";
import type { PropagationService } from "../persistence/journal.ts";
import type { ReplicationOffset } from "../persistence/replication-offset.ts";
import type { SnapshotSink } from "../persistence/snapshot/snapshot.ts";
import { NO_PRIMARY_LINK } from "../protocol/errors.ts";
import type { Request } from "../protocol/request.ts";
import { Applier, type ApplierSink, StreamError } from "./applier.ts";
import { Backlog } from "./backlog.ts";
import { FullSync, type ReplacedDataSet } from "./full-sync.ts";
import { type LinkSettings, type LinkSink, PrimaryLink } from "./primary-link.ts";
import { type FeedSettings, type Peer, type Replica, ReplicaFeeds } from "./replica-feeds.ts";

export const NO_REPLID = "0".repeat(40);
const REPLID_DIGITS = 40;
const ACK_PERIOD_MS = 1000;
const ENCODED_PING = Buffer.from("*1\r\n$4\r\nPING\r\n", "latin1");
const ENCODED_GETACK = Buffer.from("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n", "latin1");

export interface ReplicationSettings extends FeedSettings {
  readonly backlogBytes: number;
  readonly backlogTtlMs: number;
  readonly user: string;
  readonly password: string;
  readonly announceIp: string;
  readonly announcePort: number;
  /** Whether the data of a full sync goes to a file first, or straight into memory. */
  readonly disklessLoad: "disabled" | "on-empty-db" | "swapdb";
}

/** What replication asks of persistence. */
export interface DataSet extends ReplacedDataSet {
  /** Encodes all data as it is now into the sink; false: another snapshot is under way. */
  streamTo(sink: SnapshotSink, done: (error: string) => void): boolean;
  /** The same to a file. Throws if it cannot be created. */
  writeFor(path: string, done: (error: string) => void): boolean;
}

export interface ReplicationOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: SecretSource;
  readonly dataSet: DataSet;
  readonly propagation: PropagationService;
  readonly settings: () => ReplicationSettings;
  readonly temporaryPath: () => string;
  /** Runs a command of the primary. */
  readonly apply: (request: Request) => void;
  /** The number of the database that the primary's commands are for. */
  readonly applied: { databaseIndex: number };
  /** This server is a primary now, or a replica. */
  readonly onRole: () => void;
  /** All data is about to be replaced. */
  readonly onReplace: () => void;
  /** The link to the primary is up, or down. */
  readonly onLink: (isUp: boolean) => void;
  /** FAILOVER: the target has taken over. */
  readonly onHandedOver: () => void;
  readonly onAck: () => void;
}

export class Replication {
  readonly #options: ReplicationOptions;
  readonly feeds: ReplicaFeeds;
  readonly #fullSync: FullSync;
  link: PrimaryLink | null = null;
  /** Bytes received from primaries: data and stream. */
  inputBytes = 0;
  replid: string;
  secondReplid = NO_REPLID;
  /** Up to which offset the second replid is valid; -1 without one. */
  secondReplidOffset = -1;
  #backlog: Backlog | null = null;
  /** The offset while there is no backlog. */
  #offset = 0;
  /** The data set is exactly what the stream makes up to the offset: a partial resync can begin there. */
  #hasValidOffset = false;
  #applier: Applier;
  #ackedMs = 0;
  /** The primary has asked for an acknowledgement. */
  #ackWanted = false;
  /** Commands of the stream are being run that the offset does not count yet. */
  #isApplying = false;
  #aloneSinceMs = 0;
  #wantsAcks = false;

  constructor(options: ReplicationOptions) {
    const { clock, dataSet, log, onAck, propagation, secrets, settings, temporaryPath } = options;
    this.#options = options;
    this.replid = this.#newReplid();
    this.#applier = new Applier(this.#applierSink());
    this.feeds = new ReplicaFeeds({
      clock,
      log,
      secrets,
      settings,
      temporaryPath,
      onAck,
      backlog: () => this.#needBacklog(),
      replid: () => this.replid,
      snapshot: (sink, done) => dataSet.streamTo(sink, done),
      snapshotFile: (path, done) => dataSet.writeFor(path, done),
      mark: () => propagation.mark(),
    });
    this.#fullSync = new FullSync({
      dataSet,
      log,
      temporaryPath,
      disklessLoad: () => settings().disklessLoad,
      onReplace: () => {
        this.#hasValidOffset = false;
        options.onReplace();
      },
      onReplaced: (offset) => this.#beginAt(offset),
    });
  }

  get isReplica(): boolean {
    return this.link !== null;
  }

  /** Bytes of the stream so far. */
  get streamOffset(): number {
    return this.#backlog?.end ?? this.#offset;
  }

  get backlog(): Backlog | null {
    return this.#backlog;
  }

  /** Whether commands have to be propagated to replicas. */
  get wantsCommands(): boolean {
    return this.#backlog !== null && this.link === null;
  }

  /** The replication offset of the data set, for files; null where it is not known. */
  get offset(): ReplicationOffset | null {
    const { replid, streamOffset } = this;
    if (this.link !== null) {
      if (!this.#hasValidOffset || this.#isApplying) return null;
      const { databaseIndex } = this.#options.applied;
      return { replid, offset: streamOffset, databaseIndex };
    }
    return this.#backlog === null ? null : { replid, offset: streamOffset, databaseIndex: 0 };
  }

  #newReplid(): string {
    return this.#options.secrets.hex(REPLID_DIGITS);
  }

  /** A stream that nobody else has. */
  #beginStream(replid: string): void {
    this.replid = replid;
    this.secondReplid = NO_REPLID;
    this.secondReplidOffset = -1;
  }

  /** The stream goes on under another replid; up to here the present one is valid too. */
  #continueStream(replid: string): void {
    this.secondReplid = this.replid;
    this.secondReplidOffset = this.streamOffset;
    this.replid = replid;
  }

  #needBacklog(): Backlog {
    if (this.#backlog === null) {
      this.#backlog = new Backlog(this.#offset, this.#options.settings().backlogBytes);
      // A replica may connect and disconnect before the next tick.
      this.#aloneSinceMs = this.#options.clock.nowMs;
    }
    return this.#backlog;
  }

  #dropBacklog(): void {
    this.#offset = this.streamOffset;
    this.#backlog = null;
  }

  settingsChanged(): void {
    if (this.#backlog !== null) this.#backlog.sizeBytes = this.#options.settings().backlogBytes;
  }

  /** The replication offset of the data set that was loaded from files. */
  restore(loaded: ReplicationOffset, isReplica: boolean): void {
    this.#offset = loaded.offset;
    this.#backlog = null;
    if (isReplica) {
      this.replid = loaded.replid;
      this.#hasValidOffset = true;
      this.#options.applied.databaseIndex = loaded.databaseIndex;
    } else {
      this.secondReplid = loaded.replid;
      this.secondReplidOffset = loaded.offset;
    }
    this.#needBacklog();
  }

  // ── As a primary ───────────────────────────────────────────────────────────────────────────

  /** Commands that were propagated are appended to the stream. */
  feed(bytes: Uint8Array): void {
    if (this.wantsCommands) this.#backlog!.append(bytes, 0, bytes.length);
  }

  /** Sends replicas what they have not been sent; called at the end of a tick. */
  pump(): void {
    if (this.#backlog === null) return;
    if (this.#wantsAcks) {
      this.#wantsAcks = false;
      if (this.wantsCommands) this.#backlog.append(ENCODED_GETACK, 0, ENCODED_GETACK.length);
    }
    this.feeds.pumpAll();
    this.#backlog.trim(this.feeds.neededOffset());
  }

  /** Asks replicas to acknowledge, once for all who want to know in this tick. */
  requestAcks(): void {
    if (this.#wantsAcks) return;
    this.#wantsAcks = true;
    setImmediate(() => {
      this.#options.propagation.flush();
      this.pump();
    });
  }

  /**
   * PSYNC or SYNC: a replica wants the stream `replid` from `offset` on. The replid is "?" if it
   * has no data, and "" with SYNC.
   */
  acceptReplica(peer: Peer, replid: string, offset: number): void {
    const replica = this.feeds.announce(peer);
    if (this.#backlog === null && !this.isReplica) {
      this.#beginStream(this.#newReplid());
    }
    this.#options.propagation.flush();
    if (this.#canResume(replid, offset)) {
      this.feeds.resume(replica, offset);
      return;
    }
    if (replid !== "?" && !replica.usesSync) this.feeds.refusedSyncs++;
    this.feeds.requestFullSync(replica);
  }

  #canResume(replid: string, offset: number): boolean {
    const backlog = this.#backlog;
    const isKnown =
      replid === this.replid || (replid === this.secondReplid && offset <= this.secondReplidOffset);
    return backlog !== null && isKnown && offset >= backlog.start && offset <= backlog.end;
  }

  /** Why a new replica cannot be served now, or "". */
  get refusal(): string {
    return this.link !== null && !this.link.isUp ? NO_PRIMARY_LINK : "";
  }

  replicaOf(id: number): Replica | undefined {
    return this.feeds.of(id);
  }

  // ── As a replica ───────────────────────────────────────────────────────────────────────────

  /** Makes this server a replica of another one; with `handsOver` that one is asked to take over. */
  replicateFrom(host: string, port: number, handsOver = false): void {
    const { log, onRole, settings } = this.#options;
    const wasPrimary = this.link === null;
    this.#options.propagation.flush();
    this.link?.stop();
    if (wasPrimary && this.#backlog !== null) {
      // The new primary may have all of this server's stream: then a partial resync is enough.
      this.#hasValidOffset = true;
    }
    // Read anew for each connection: a wrong password can be corrected.
    const linkSettings = (): LinkSettings => {
      const { announceIp, announcePort, password, timeoutMs, user } = settings();
      return { host, port, user, password, announceIp, announcePort, timeoutMs };
    };
    this.#applier = new Applier(this.#applierSink());
    log.notice(`REPLICAOF ${host}:${port} enabled`);
    this.link = new PrimaryLink(linkSettings, this.#linkSink(), log, handsOver);
    onRole();
  }

  /** Makes this server a primary. */
  promote(): void {
    const { link } = this;
    if (link === null) return;
    link.stop();
    this.link = null;
    // Without a valid offset nobody else who has the stream has this data set.
    if (this.#hasValidOffset) this.#continueStream(this.#newReplid());
    else this.#beginStream(this.#newReplid());
    this.#aloneSinceMs = this.#options.clock.nowMs;
    this.#needBacklog();
    this.#options.propagation.mark();
    // They connect again, learn the new replid and resync.
    this.feeds.terminateAll();
    this.#options.log.notice("MASTER MODE enabled");
    this.#options.onRole();
  }

  #applierSink(): ApplierSink {
    const { log, propagation } = this.#options;
    return {
      run: (request) => this.#applyOne(request),
      beginBlock: () => propagation.beginBlock(),
      endBlock: () => propagation.endBlock(),
      unexpected: (what) => log.warning(`The master's stream has ${what}, which is ignored`),
      onApplied: (bytes, from, length) => this.#needBacklog().append(bytes, from, length),
    };
  }

  #applyOne(request: Request): void {
    if (request.is(0, "replconf")) {
      if (request.count > 1 && request.is(1, "getack")) this.#ackWanted = true;
      return;
    }
    if (request.count === 1 && request.is(0, "ping")) return;
    this.#options.apply(request);
  }

  #sendAck(): void {
    const { link } = this;
    if (link === null || !link.isUp) return;
    this.#ackedMs = this.#options.clock.nowMs;
    this.#ackWanted = false;
    link.send(["REPLCONF", "ACK", String(this.streamOffset)]);
  }

  #linkSink(): LinkSink {
    return {
      onBytes: (count) => {
        this.inputBytes += count;
      },
      offset: () =>
        this.#hasValidOffset ? { replid: this.replid, offset: this.streamOffset } : null,
      onContinue: (replid) => this.#continueAs(replid),
      beginData: (replid, offset) => this.#fullSync.begin(replid, offset),
      onOnline: () => {
        this.#sendAck();
        this.#options.onLink(true);
      },
      onStream: (bytes) => this.#applyStream(bytes),
      onHandedOver: () => this.#options.onHandedOver(),
      onLost: () => {
        // A command that is not complete is sent again.
        this.#applier = new Applier(this.#applierSink());
        this.#options.onLink(false);
      },
    };
  }

  #applyStream(bytes: Uint8Array): void {
    this.#isApplying = true;
    try {
      this.#applier.feed(bytes);
    } catch (error) {
      // A part of the bytes has been run that the offset does not count.
      this.#hasValidOffset = false;
      const isProtocol = error instanceof StreamError;
      if (!isProtocol) {
        this.#options.log.warning(
          `Running a command of the master failed: ${(error as Error).stack}`,
        );
      }
      const what = isProtocol ? "Protocol error from master" : "A command cannot be run";
      this.link?.reconnect(`${what}: ${(error as Error).message}`);
    } finally {
      this.#isApplying = false;
    }
    if (this.#ackWanted) this.#sendAck();
    this.pump();
  }

  #continueAs(replid: string): void {
    if (replid === this.replid) return;
    this.#continueStream(replid);
    this.feeds.terminateAll();
  }

  /** All data was replaced by that at this offset of another stream. */
  #beginAt({ databaseIndex, offset, replid }: ReplicationOffset): void {
    this.#beginStream(replid);
    this.#offset = offset;
    this.#backlog = new Backlog(offset, this.#options.settings().backlogBytes);
    this.#options.applied.databaseIndex = databaseIndex;
    this.#hasValidOffset = true;
    // This server's replicas have another data set.
    this.feeds.terminateAll();
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────

  /** Regular work. */
  tick(): void {
    const { clock, propagation, settings } = this.#options;
    const { nowMs } = clock;
    this.feeds.tick(() => {
      if (!this.wantsCommands) return;
      propagation.flush();
      this.#backlog!.append(ENCODED_PING, 0, ENCODED_PING.length);
    });
    this.pump();
    const { link } = this;
    if (link !== null) {
      link.checkTimeout(Date.now());
      if (nowMs - this.#ackedMs >= ACK_PERIOD_MS) this.#sendAck();
      return;
    }
    if (this.feeds.count > 0 || this.#backlog === null) this.#aloneSinceMs = nowMs;
    const { backlogTtlMs } = settings();
    if (backlogTtlMs === 0 || nowMs - this.#aloneSinceMs <= backlogTtlMs) return;
    // No replica connects any more: the stream ends, and the next one has another replid.
    this.#dropBacklog();
    this.#beginStream(this.#newReplid());
  }

  stop(): void {
    this.link?.stop();
  }
}
