/**
 * Replication as a whole: what this server is, which stream it writes or follows, and the change
 * from one to the other.
 *
 * A stream has an id and a position, the number of its bytes so far. A primary writes it; its
 * replicas, and theirs, pass it on byte for byte, so that a position means the same everywhere.
 * Who is promoted begins a stream of its own, but remembers the old one up to where it left it
 * (`secondId`), so that the others can follow without all the data.
 */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { SecretSource } from "../base/random.ts";
import { OpenFile, removeQuietly, renameFile } from "../persistence/files.ts";
import type { PropagationService } from "../persistence/journal.ts";
import type { Persistence } from "../persistence/persistence.ts";
import { RdbReader } from "../persistence/snapshot/reader.ts";
import type { StreamPlace } from "../persistence/stream-place.ts";
import { NO_PRIMARY_LINK } from "../protocol/errors.ts";
import type { Request } from "../protocol/request.ts";
import type { Keyspace } from "../store/keyspace.ts";
import { Applier, type ApplierSink, StreamError } from "./applier.ts";
import { Backlog } from "./backlog.ts";
import { type Peer, Primary, type PrimarySettings, type Replica } from "./primary.ts";
import { type DataSink, type LinkSettings, type LinkSink, PrimaryLink } from "./primary-link.ts";

export const NO_ID = "0".repeat(40);
const ID_CHARACTERS = 40;
const ACK_PERIOD_MS = 1000;
const ENCODED_PING = Buffer.from("*1\r\n$4\r\nPING\r\n", "latin1");
const ENCODED_GETACK = Buffer.from("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n", "latin1");

export interface ReplicationSettings extends PrimarySettings {
  readonly backlogBytes: number;
  readonly backlogTtlMs: number;
  readonly user: string;
  readonly password: string;
  readonly announceIp: string;
  readonly announcePort: number;
  /** How data from the primary is taken: by way of a file, or straight into memory. */
  readonly disklessLoad: "disabled" | "on-empty-db" | "swapdb";
}

export interface ReplicationOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: SecretSource;
  readonly keyspace: Keyspace;
  readonly persistence: Persistence;
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
  readonly onAck: () => void;
}

export class Replication {
  readonly #options: ReplicationOptions;
  readonly primary: Primary;
  link: PrimaryLink | null = null;
  /** Bytes received from primaries: data and stream. */
  inputBytes = 0;
  /** The stream's id. */
  id: string;
  secondId = NO_ID;
  /** Up to where the second id is good. */
  secondPosition = -1;
  #backlog: Backlog | null = null;
  /** Where the stream is while there is no backlog. */
  #position = 0;
  /** Data and stream agree: it may go on from here. */
  #isPlaced = false;
  #applier: Applier;
  #ackedMs = 0;
  /** The primary has asked how far this replica is. */
  #ackWanted = false;
  /** A piece of the stream is being run, so that data and position do not agree. */
  #isApplying = false;
  #aloneSinceMs = 0;
  #wantsAcks = false;

  constructor(options: ReplicationOptions) {
    this.#options = options;
    this.id = options.secrets.hex(ID_CHARACTERS);
    this.#applier = new Applier(this.#applierSink());
    this.primary = new Primary({
      clock: options.clock,
      log: options.log,
      secrets: options.secrets,
      settings: options.settings,
      backlog: () => this.#needBacklog(),
      id: () => this.id,
      snapshot: (sink, done) => options.persistence.streamTo(sink, done),
      snapshotFile: (path, done) => options.persistence.writeFor(path, done),
      temporaryPath: options.temporaryPath,
      mark: () => options.propagation.mark(),
      onAck: options.onAck,
    });
  }

  get isReplica(): boolean {
    return this.link !== null;
  }

  /** Bytes that the stream has had. */
  get position(): number {
    return this.#backlog?.end ?? this.#position;
  }

  get backlog(): Backlog | null {
    return this.#backlog;
  }

  /** Whether commands have to be written down for replicas. */
  get wantsCommands(): boolean {
    return this.#backlog !== null && this.link === null;
  }

  /** Where data and stream stand together, for files; null where they do not. */
  get place(): StreamPlace | null {
    if (this.link !== null) {
      if (!this.#isPlaced || this.#isApplying) return null;
      const { databaseIndex } = this.#options.applied;
      return { id: this.id, position: this.position, databaseIndex };
    }
    if (this.#backlog === null) return null;
    return { id: this.id, position: this.position, databaseIndex: 0 };
  }

  #newId(): string {
    return this.#options.secrets.hex(ID_CHARACTERS);
  }

  /** A stream of which nobody has anything yet. */
  #beginStream(id: string): void {
    this.id = id;
    this.secondId = NO_ID;
    this.secondPosition = -1;
  }

  /** The stream goes on under another id; up to here the present one is good too. */
  #continueStream(id: string): void {
    this.secondId = this.id;
    this.secondPosition = this.position;
    this.id = id;
  }

  #needBacklog(): Backlog {
    if (this.#backlog === null) {
      this.#backlog = new Backlog(this.#position, this.#options.settings().backlogBytes);
      // A replica may come and be gone again before the next tick.
      this.#aloneSinceMs = this.#options.clock.nowMs;
    }
    return this.#backlog;
  }

  #dropBacklog(): void {
    this.#position = this.position;
    this.#backlog = null;
  }

  configure(): void {
    if (this.#backlog !== null) this.#backlog.sizeBytes = this.#options.settings().backlogBytes;
  }

  /** What files say of the stream that the data belongs to. */
  restore(place: StreamPlace, isReplica: boolean): void {
    this.#position = place.position;
    this.#backlog = null;
    if (isReplica) {
      this.id = place.id;
      this.#isPlaced = true;
      this.#options.applied.databaseIndex = place.databaseIndex;
    } else {
      this.secondId = place.id;
      this.secondPosition = place.position;
    }
    this.#needBacklog();
  }

  // ── As a primary ───────────────────────────────────────────────────────────────────────────

  /** Commands that have been written down go into the stream. */
  feed(bytes: Uint8Array): void {
    if (this.wantsCommands) this.#backlog!.append(bytes, 0, bytes.length);
  }

  /** Sends replicas what there is; to be called at the end of a tick. */
  pump(): void {
    if (this.#backlog === null) return;
    if (this.#wantsAcks) {
      this.#wantsAcks = false;
      if (this.wantsCommands) this.#backlog.append(ENCODED_GETACK, 0, ENCODED_GETACK.length);
    }
    this.primary.pumpAll();
    this.#backlog.trim(this.primary.neededPosition());
  }

  /** Asks replicas how far they are, once for all who want to know in this tick. */
  requestAcks(): void {
    if (this.#wantsAcks) return;
    this.#wantsAcks = true;
    setImmediate(() => {
      this.#options.propagation.flush();
      this.pump();
    });
  }

  /** A replica wants to follow from `position` of stream `id`; "?" where it has nothing, "" by SYNC. */
  follow(peer: Peer, id: string, position: number): void {
    const replica = this.primary.announce(peer);
    if (this.#backlog === null && !this.isReplica) {
      this.#beginStream(this.#newId());
    }
    this.#options.propagation.flush();
    if (this.#canResume(id, position)) {
      this.primary.resume(replica, position);
      return;
    }
    if (id !== "?" && !replica.isPlain) this.primary.refusedSyncs++;
    this.primary.wait(replica);
  }

  #canResume(id: string, position: number): boolean {
    const backlog = this.#backlog;
    const isKnown = id === this.id || (id === this.secondId && position <= this.secondPosition);
    return backlog !== null && isKnown && position >= backlog.start && position <= backlog.end;
  }

  /** Why a new replica cannot be served now, or "". */
  get refusal(): string {
    return this.link !== null && !this.link.isUp ? NO_PRIMARY_LINK : "";
  }

  replicaOf(id: number): Replica | undefined {
    return this.primary.of(id);
  }

  // ── As a replica ───────────────────────────────────────────────────────────────────────────

  /** Follows another server. */
  follows(host: string, port: number, handsOver = false): void {
    const { log, onRole, settings } = this.#options;
    const wasPrimary = this.link === null;
    this.#options.propagation.flush();
    this.link?.stop();
    if (wasPrimary && this.#backlog !== null) {
      // Its own stream may be the new primary's past: then the stream alone is enough.
      this.#isPlaced = true;
    }
    // They may be changed while the primary cannot be reached for a wrong one.
    const linkSettings = (): LinkSettings => {
      const { announceIp, announcePort, password, timeoutMs, user } = settings();
      return { host, port, user, password, announceIp, announcePort, timeoutMs };
    };
    this.#applier = new Applier(this.#applierSink());
    log.notice(`REPLICAOF ${host}:${port} enabled`);
    this.link = new PrimaryLink(linkSettings, this.#linkSink(), log, handsOver);
    onRole();
  }

  /** Follows nobody any more. */
  promote(): void {
    const { link } = this;
    if (link === null) return;
    link.stop();
    this.link = null;
    // Where data and stream do not agree, nobody else who has the stream has this data.
    if (this.#isPlaced) this.#continueStream(this.#newId());
    else this.#beginStream(this.#newId());
    this.#aloneSinceMs = this.#options.clock.nowMs;
    this.#needBacklog();
    this.#options.propagation.mark();
    // They come back, learn the new id and go on.
    this.primary.terminateAll();
    this.#options.log.notice("MASTER MODE enabled");
    this.#options.onRole();
  }

  #applierSink(): ApplierSink {
    const { propagation } = this.#options;
    return {
      run: (request) => this.#applyOne(request),
      beginBlock: () => propagation.beginBlock(),
      endBlock: () => propagation.endBlock(),
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
    link.send(["REPLCONF", "ACK", String(this.position)]);
  }

  #linkSink(): LinkSink {
    const { log } = this.#options;
    return {
      onBytes: (count) => {
        this.inputBytes += count;
      },
      place: () => (this.#isPlaced ? { id: this.id, position: this.position } : null),
      onContinue: (id) => this.#continueAs(id),
      beginData: (id, position) => this.#beginData(id, position),
      onOnline: () => {
        this.#sendAck();
        this.#options.onLink(true);
      },
      onStream: (bytes) => {
        this.#isApplying = true;
        try {
          this.#applier.feed(bytes);
        } catch (error) {
          // A part of the bytes has been run, so there is no place to go on from.
          this.#isPlaced = false;
          const isProtocol = error instanceof StreamError;
          if (!isProtocol) log.warning(`Repeating a command failed: ${(error as Error).stack}`);
          const what = isProtocol ? "Protocol error from master" : "A command cannot be repeated";
          this.link?.reconnect(`${what}: ${(error as Error).message}`);
        } finally {
          this.#isApplying = false;
        }
        if (this.#ackWanted) this.#sendAck();
        this.pump();
      },
      onLost: () => {
        // What is not complete comes again.
        this.#applier = new Applier(this.#applierSink());
        this.#options.onLink(false);
      },
    };
  }

  #continueAs(id: string): void {
    if (id === this.id) return;
    this.#continueStream(id);
    this.primary.terminateAll();
  }

  /** The stream is another one, and the data belongs to `position` of it. */
  #placeAt(id: string, position: number, databaseIndex: number): void {
    this.#beginStream(id);
    this.#position = position;
    this.#backlog = new Backlog(position, this.#options.settings().backlogBytes);
    this.#options.applied.databaseIndex = databaseIndex;
    this.#isPlaced = true;
    // What they have is not what is here now.
    this.primary.terminateAll();
  }

  #beginData(id: string, position: number): DataSink {
    const { disklessLoad } = this.#options.settings();
    const isEmpty = this.#options.keyspace.keyCount() === 0;
    if (disklessLoad === "swapdb" || (disklessLoad === "on-empty-db" && isEmpty)) {
      return this.#takeIntoMemory(id, position);
    }
    return this.#takeByFile(id, position);
  }

  /** The data goes into a keyspace of its own, which takes the place of the old one at once. */
  #takeIntoMemory(id: string, position: number): DataSink {
    const { keyspace, log, onReplace, persistence } = this.#options;
    const fresh = keyspace.createLike();
    fresh.frozen = true;
    const reader = new RdbReader({ space: fresh, keepExpired: true, checking: true });
    return {
      take: (bytes) => reader.feed(bytes.slice()),
      finish: async () => {
        reader.finish();
        this.#isPlaced = false;
        onReplace();
        persistence.stopSnapshot();
        keyspace.adopt(fresh);
        this.#placeAt(id, position, streamDatabase(reader));
        persistence.replaced();
        log.notice("MASTER <-> REPLICA sync: Finished with success");
      },
      abandon: () => {},
    };
  }

  /** The data goes to a file first, and the old data is there until all has come. */
  #takeByFile(id: string, position: number): DataSink {
    const { log, onReplace, persistence, temporaryPath } = this.#options;
    const path = temporaryPath();
    const file = OpenFile.create(path);
    let open = true;
    const close = () => {
      if (open) file.close();
      open = false;
    };
    return {
      take: (bytes) => file.write(bytes),
      finish: async () => {
        close();
        this.#isPlaced = false;
        onReplace();
        try {
          const reader = await persistence.replaceBy(path);
          renameFile(path, persistence.rdbPath);
          this.#placeAt(id, position, streamDatabase(reader));
        } finally {
          persistence.replaced();
        }
        log.notice("MASTER <-> REPLICA sync: Finished with success");
      },
      abandon: () => {
        close();
        removeQuietly(path);
      },
    };
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────

  /** Regular work. */
  tick(): void {
    const { clock, propagation, settings } = this.#options;
    const { nowMs } = clock;
    this.primary.tick(() => {
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
    if (this.primary.count > 0 || this.#backlog === null) this.#aloneSinceMs = nowMs;
    const { backlogTtlMs } = settings();
    if (backlogTtlMs === 0 || nowMs - this.#aloneSinceMs <= backlogTtlMs) return;
    // Nobody comes back: the stream ends, and the next one has another id.
    this.#dropBacklog();
    this.#beginStream(this.#newId());
  }

  stop(): void {
    this.link?.stop();
  }
}

/** The database that the stream's commands are for where the data ends. */
function streamDatabase(reader: RdbReader): number {
  const index = Number(reader.aux.get("repl-stream-db") ?? 0);
  return Number.isInteger(index) && index >= 0 ? index : 0;
}
