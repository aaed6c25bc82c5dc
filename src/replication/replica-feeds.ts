/**
 * A primary's side of replication: its replicas, how far each has come, and what each is sent.
 *
 * A replica that cannot do a partial resync gets all data first (full sync). Replicas that wait
 * for it share one snapshot: what it encodes goes straight to their sockets (diskless), or to a
 * file that is sent afterwards. The stream from that moment on is kept in the backlog, in which
 * every replica has an offset of its own.
 */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { SecretSource } from "../base/random.ts";
import { OpenFile, removeQuietly } from "../persistence/files.ts";
import type { SnapshotSink } from "../persistence/snapshot/snapshot.ts";
import { PAYLOAD_MARK_BYTES } from "../protocol/payload.ts";
import type { Backlog } from "./backlog.ts";

/** What replication needs of the connection to a replica. */
export interface Peer {
  readonly id: number;
  /** "ip:port". */
  readonly address: string;
  /** Replies to earlier commands have not been sent yet. */
  readonly isOwed: boolean;
  /** Returns how many bytes the socket has taken. */
  write(bytes: Uint8Array, from: number, length: number): number;
  /** Closes the connection when all that was written has been sent. */
  end(): void;
  /** Closes it at once. */
  terminate(): void;
}

export interface FeedSettings {
  readonly diskless: boolean;
  readonly disklessDelayMs: number;
  /** When this many replicas wait, the delay ends; 0 for never. */
  readonly disklessReplicasMax: number;
  readonly timeoutMs: number;
  readonly pingPeriodMs: number;
  readonly maxLagMs: number;
  /** Output limits of replicas, in bytes and ms; 0 for none. */
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softMs: number;
}

/**
 * announced: it has sent REPLCONF. waiting: for a snapshot to begin. writing: the snapshot goes to
 * a file first. receiving: it is sent the data. loading: it was sent all data and has not
 * acknowledged it. online: it gets the stream.
 */
export type ReplicaState = "announced" | "waiting" | "writing" | "receiving" | "loading" | "online";

interface Chunk {
  readonly bytes: Uint8Array;
  at: number;
  readonly onSent: () => void;
}

/** A replica that is connected. */
export class Replica {
  readonly peer: Peer;
  /** REPLCONF listening-port and ip-address. */
  port = 0;
  ip = "";
  /** REPLCONF capa: it understands data whose end is marked, and a new replid in +CONTINUE. */
  capaEof = false;
  capaPsync2 = false;
  /** It wants the data and no stream. */
  rdbOnly = false;
  /** It used SYNC, which knows no offsets: it is told none and acknowledges none. */
  usesSync = false;
  state: ReplicaState = "announced";
  /** Up to where it was sent the stream. */
  offset = 0;
  /** Up to where it has acknowledged the stream. */
  ackOffset = 0;
  /** When it last acknowledged, or showed otherwise that it is alive. */
  ackMs = 0;
  softSinceMs = 0;
  waitingSinceMs = 0;
  newlineMs = 0;
  isPumping = false;
  readonly chunks: Chunk[] = [];

  constructor(peer: Peer) {
    this.peer = peer;
  }

  get queuedBytes(): number {
    return this.chunks.reduce((sum, { bytes, at }) => sum + bytes.length - at, 0);
  }

  get isOnline(): boolean {
    return this.state === "online";
  }
}

export interface ReplicaFeedsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: SecretSource;
  readonly settings: () => FeedSettings;
  /** The backlog; created if there is none. */
  readonly backlog: () => Backlog;
  readonly replid: () => string;
  /** Encodes all data as it is now into the sink; false: another snapshot is under way. */
  readonly snapshot: (sink: SnapshotSink, done: (error: string) => void) => boolean;
  /** The same to a file. Throws if it cannot be created. */
  readonly snapshotFile: (path: string, done: (error: string) => void) => boolean;
  readonly temporaryPath: () => string;
  /** Propagates all commands so far, and makes the next one select its database. */
  readonly mark: () => void;
  /** A replica has acknowledged more of the stream. */
  readonly onAck: () => void;
}

const FILE_PIECE_BYTES = 1 << 17;
const NEWLINE = Uint8Array.of(10);
const NEWLINE_MS = 1000;

export class ReplicaFeeds {
  readonly #options: ReplicaFeedsOptions;
  readonly #replicas = new Map<number, Replica>();
  #pingedMs = 0;
  fullSyncs = 0;
  /** Bytes that replicas have been sent: data and stream. */
  sentBytes = 0;
  partialSyncs = 0;
  refusedSyncs = 0;

  constructor(options: ReplicaFeedsOptions) {
    this.#options = options;
  }

  /** All replicas that have asked for the stream, in the order in which they connected. */
  get replicas(): Replica[] {
    return [...this.#replicas.values()].filter(({ state }) => state !== "announced");
  }

  get count(): number {
    return this.replicas.length;
  }

  /** Replicas that have acknowledged within `min-replicas-max-lag`. */
  get goodCount(): number {
    const { maxLagMs } = this.#options.settings();
    const nowMs = this.#options.clock.nowMs;
    return this.replicas.filter((r) => r.isOnline && nowMs - r.ackMs <= maxLagMs + 999).length;
  }

  /** Replicas that have acknowledged the stream up to the offset. */
  countAt(offset: number): number {
    return this.replicas.filter((r) => r.isOnline && r.ackOffset >= offset).length;
  }

  of(id: number): Replica | undefined {
    return this.#replicas.get(id);
  }

  announce(peer: Peer): Replica {
    const replica = this.#replicas.get(peer.id) ?? new Replica(peer);
    this.#replicas.set(peer.id, replica);
    return replica;
  }

  // ── Partial resync and full sync ───────────────────────────────────────────────────────────

  /** Partial resync: the backlog holds the stream from this offset on. */
  resume(replica: Replica, offset: number): void {
    const { clock, log } = this.#options;
    this.partialSyncs++;
    const lineEnd = replica.capaPsync2 ? ` ${this.#options.replid()}` : "";
    replica.state = "online";
    replica.offset = offset;
    replica.ackMs = clock.nowMs;
    replica.ackOffset = offset;
    this.#enqueueText(replica, `+CONTINUE${lineEnd}\r\n`);
    const bytes = this.#options.backlog().end - offset;
    log.notice(
      `Partial resynchronization request from ${nameOf(replica)} accepted. Sending ${bytes} bytes of backlog starting from offset ${offset + 1}.`,
    );
  }

  /** Full sync: it begins when other replicas have had time to ask for one too. */
  requestFullSync(replica: Replica): void {
    const { clock, log } = this.#options;
    replica.state = "waiting";
    replica.waitingSinceMs = clock.nowMs;
    this.fullSyncs++;
    log.notice(`Full resync requested by replica ${nameOf(replica)}`);
    this.startSyncs();
  }

  /** Begins the full sync of the replicas that wait for one, if it is time to. */
  startSyncs(): void {
    const waiting = this.replicas.filter(({ state }) => state === "waiting");
    if (waiting.length === 0) return;
    const { disklessDelayMs, disklessReplicasMax, diskless } = this.#options.settings();
    const direct = waiting.filter(({ capaEof }) => capaEof && diskless);
    const byFile = waiting.filter((replica) => !direct.includes(replica));
    if (byFile.length > 0) {
      this.#syncByFile(byFile);
      return;
    }
    const waitedMs = Math.max(...direct.map((r) => this.#options.clock.nowMs - r.waitingSinceMs));
    const isFull = disklessReplicasMax > 0 && direct.length >= disklessReplicasMax;
    if (waitedMs >= disklessDelayMs || isFull) this.#syncDirectly(direct);
  }

  /** The snapshot begins here: the stream from here on is kept for these replicas. */
  #beginSync(replicas: readonly Replica[], state: "writing" | "receiving"): void {
    const { backlog, mark, replid } = this.#options;
    mark();
    const offset = backlog().end;
    for (const replica of replicas) {
      replica.state = state;
      replica.ackMs = this.#options.clock.nowMs;
      replica.offset = offset;
      if (!replica.usesSync) this.#enqueueText(replica, `+FULLRESYNC ${replid()} ${offset}\r\n`);
    }
  }

  #isConnected(replica: Replica): boolean {
    return this.#replicas.get(replica.peer.id) === replica;
  }

  /** Diskless: what the snapshot encodes goes to the sockets. A mark that nobody can guess ends it. */
  #syncDirectly(replicas: readonly Replica[]): void {
    const { log, secrets, snapshot } = this.#options;
    const mark = secrets.hex(PAYLOAD_MARK_BYTES);
    const connected = () => replicas.filter((replica) => this.#isConnected(replica));
    const sink: SnapshotSink = {
      get failed() {
        return connected().length === 0;
      },
      get queuedBytes() {
        return Math.max(0, ...connected().map(({ queuedBytes }) => queuedBytes));
      },
      append: (bytes, recycle) => {
        const present = connected();
        let missing = present.length;
        if (missing === 0) recycle();
        const onSent = () => {
          if (--missing === 0) recycle();
        };
        for (const replica of present) this.#enqueue(replica, bytes, onSent);
      },
    };
    const started = snapshot(sink, (error) => {
      if (error !== "") this.#closeAll(replicas, `The snapshot for replicas failed: ${error}`);
      for (const replica of connected()) {
        replica.state = "loading";
        this.#showsLife(replica);
        const bytes = Buffer.from(mark, "latin1");
        this.#enqueue(replica, bytes, () => replica.rdbOnly && replica.peer.end());
      }
      if (error === "") log.notice("Streaming the data to replicas finished");
      this.startSyncs();
    });
    if (!started) return;
    this.#beginSync(replicas, "receiving");
    for (const replica of replicas) this.#enqueueText(replica, `$EOF:${mark}\r\n`);
    log.notice(`Streaming the data to ${replicas.length} replicas`);
  }

  #syncByFile(replicas: readonly Replica[]): void {
    const { log, snapshotFile, temporaryPath } = this.#options;
    const path = temporaryPath();
    let started: boolean;
    try {
      started = snapshotFile(path, (error) => {
        if (error === "") this.#sendFile(replicas, path);
        else this.#closeAll(replicas, `Can't write the data for replicas: ${error}`);
        this.startSyncs();
      });
    } catch (error) {
      this.#closeAll(replicas, `Can't write the data for replicas: ${(error as Error).message}`);
      return;
    }
    if (!started) return;
    this.#beginSync(replicas, "writing");
    log.notice(`Writing the data for ${replicas.length} replicas to a file`);
  }

  /** The full sync of these replicas has failed: they connect again and ask for another one. */
  #closeAll(replicas: readonly Replica[], reason: string): void {
    this.#options.log.warning(reason);
    for (const replica of replicas) if (this.#isConnected(replica)) replica.peer.terminate();
  }

  /** Sends the file in pieces, as each replica takes them; it has no name any more meanwhile. */
  #sendFile(replicas: readonly Replica[], path: string): void {
    let file: OpenFile | null = null;
    try {
      file = OpenFile.read(path);
      const { size } = file;
      let open = replicas.length;
      const close = () => {
        if (--open === 0) file!.close();
      };
      for (const replica of replicas) this.#sendFileTo(replica, file, size, close);
    } catch (error) {
      this.#closeAll(replicas, `Can't read the data for replicas: ${(error as Error).message}`);
    } finally {
      removeQuietly(path);
    }
  }

  #sendFileTo(replica: Replica, file: OpenFile, size: number, close: () => void): void {
    let at = 0;
    const next = () => {
      const isConnected = this.#isConnected(replica);
      if (isConnected && at < size) {
        const bytes = new Uint8Array(Math.min(FILE_PIECE_BYTES, size - at));
        let count = 0;
        try {
          count = file.read(bytes, at);
          if (count === 0) throw new Error("the file is shorter than it was");
        } catch (error) {
          at = size;
          close();
          this.#closeAll(
            [replica],
            `Can't read the data for replicas: ${(error as Error).message}`,
          );
          return;
        }
        at += count;
        this.#enqueue(replica, bytes.subarray(0, count), next);
        return;
      }
      close();
      if (!isConnected) return;
      if (replica.rdbOnly) replica.peer.end();
      else {
        replica.state = "online";
        replica.ackMs = this.#options.clock.nowMs;
      }
    };
    replica.state = "receiving";
    this.#showsLife(replica);
    this.#enqueueText(replica, `$${size}\r\n`);
    next();
  }

  // ── Sending ────────────────────────────────────────────────────────────────────────────────

  #enqueueText(replica: Replica, text: string): void {
    this.#enqueue(replica, Buffer.from(text, "latin1"), () => {});
  }

  #enqueue(replica: Replica, bytes: Uint8Array, onSent: () => void): void {
    // It could not show that it is alive as long as there was nothing to take.
    if (replica.chunks.length === 0) this.#showsLife(replica);
    replica.chunks.push({ bytes, at: 0, onSent });
    if (!replica.isPumping) this.pump(replica);
  }

  /** Sends all replicas what they have not been sent. */
  pumpAll(): void {
    if (this.#replicas.size === 0) return;
    for (const replica of this.#replicas.values()) this.pump(replica);
  }

  /** Sends the replica as much as its socket takes. */
  pump(replica: Replica): void {
    if (replica.state === "announced" || replica.peer.isOwed) return;
    replica.isPumping = true;
    this.#send(replica);
    replica.isPumping = false;
  }

  #send(replica: Replica): void {
    const { chunks, peer } = replica;
    while (chunks.length > 0) {
      const head = chunks[0]!;
      const left = head.bytes.length - head.at;
      const sent = this.#write(peer, head.bytes, head.at, left);
      head.at += sent;
      if (sent > 0) this.#showsLife(replica);
      if (sent < left) return;
      chunks.shift();
      head.onSent();
    }
    if (!replica.isOnline) return;
    const backlog = this.#options.backlog();
    while (replica.offset < backlog.end) {
      const { bytes, from, length } = backlog.read(replica.offset);
      const sent = this.#write(peer, bytes, from, length);
      replica.offset += sent;
      if (sent < length) return;
    }
  }

  #write(peer: Peer, bytes: Uint8Array, from: number, length: number): number {
    const sent = peer.write(bytes, from, length);
    this.sentBytes += sent;
    return sent;
  }

  /** Bytes of data that wait to be sent to replicas. */
  get queuedBytes(): number {
    return this.replicas.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0);
  }

  /** The lowest offset from which a replica still needs the stream; Infinity if none does. */
  neededOffset(): number {
    let needed = Number.POSITIVE_INFINITY;
    for (const { offset, state } of this.replicas) {
      if (state !== "waiting") needed = Math.min(needed, offset);
    }
    return needed;
  }

  // ── What replicas say ──────────────────────────────────────────────────────────────────────

  acknowledge(id: number, offset: number): void {
    const replica = this.#replicas.get(id);
    if (replica === undefined || replica.state === "announced") return;
    replica.ackMs = this.#options.clock.nowMs;
    // No replica has applied more than there is.
    const ackOffset = Math.min(offset, this.#options.backlog().end);
    replica.ackOffset = Math.max(replica.ackOffset, ackOffset);
    if (replica.state === "loading" && replica.chunks.length === 0) {
      replica.state = "online";
      this.#options.log.notice(`Synchronization with replica ${nameOf(replica)} succeeded`);
      this.pump(replica);
    }
    this.#options.onAck();
  }

  /** The replica has sent something; while it loads, it sends empty lines. */
  heard(id: number): void {
    const replica = this.#replicas.get(id);
    if (replica !== undefined) replica.ackMs = this.#options.clock.nowMs;
  }

  /** While it gets the data and loads it, a replica does not acknowledge: what it takes counts. */
  #showsLife(replica: Replica): void {
    const { state } = replica;
    if (state !== "receiving" && state !== "loading") return;
    replica.ackMs = this.#options.clock.nowMs;
  }

  forget(id: number): void {
    const replica = this.#replicas.get(id);
    if (replica === undefined) return;
    this.#replicas.delete(id);
    if (replica.state === "announced") return;
    for (const { onSent } of replica.chunks.splice(0)) onSent();
    this.#options.log.notice(`Connection with replica ${nameOf(replica)} lost`);
  }

  terminateAll(): void {
    for (const { peer } of this.replicas) peer.terminate();
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────

  /** DEBUG has moved the clock forward, which does not make replicas late. */
  advancedBy(ms: number): void {
    for (const replica of this.#replicas.values()) replica.ackMs += ms;
  }

  /** Regular work; `ping` puts a PING into the stream. */
  tick(ping: () => void): void {
    const { backlog, clock, log, settings } = this.#options;
    if (this.#replicas.size === 0) return;
    const { pingPeriodMs, softMs, timeoutMs, ...limits } = settings();
    const { nowMs } = clock;
    if (nowMs - this.#pingedMs >= pingPeriodMs) {
      this.#pingedMs = nowMs;
      if (this.replicas.some((replica) => replica.isOnline)) ping();
    }
    for (const replica of this.replicas) {
      const { end, sizeBytes } = backlog();
      const lag = end - replica.offset;
      // A replica that resumes from the oldest byte of the backlog must not be closed for that.
      const hardBytes = limits.hardBytes && Math.max(limits.hardBytes, sizeBytes);
      const softBytes = limits.softBytes && Math.max(limits.softBytes, sizeBytes);
      const isSoft = softBytes > 0 && lag >= softBytes;
      if (!isSoft || replica.state === "waiting") replica.softSinceMs = 0;
      else if (replica.softSinceMs === 0) replica.softSinceMs = nowMs;
      const isTooFar =
        replica.state !== "waiting" &&
        ((hardBytes > 0 && lag >= hardBytes) || (isSoft && nowMs - replica.softSinceMs > softMs));
      if (isTooFar) {
        log.warning(
          `Closing replica ${nameOf(replica)}: ${lag} bytes behind, over client-output-buffer-limit`,
        );
        replica.peer.terminate();
      } else if (owesSignOfLife(replica) && nowMs - replica.ackMs > timeoutMs) {
        log.warning(`Disconnecting timedout replica ${nameOf(replica)}`);
        replica.peer.terminate();
      } else if (isWaitingForData(replica) && nowMs - replica.newlineMs >= NEWLINE_MS) {
        // Shows the replica that the primary is alive.
        replica.newlineMs = nowMs;
        this.#enqueue(replica, NEWLINE, () => {});
      }
    }
    this.startSyncs();
  }
}

/**
 * Whether the replica must show that it is alive. One that does not take the data holds up the
 * snapshot, and others with it; one that has taken all there is waits for the snapshot.
 */
function owesSignOfLife({ chunks, state, usesSync }: Replica): boolean {
  if (state === "receiving") return chunks.length > 0;
  return !usesSync && (state === "online" || state === "loading");
}

function isWaitingForData({ state }: Replica): boolean {
  return state === "waiting" || state === "writing";
}

/** How Redis names a replica in its log: by the address that it listens on. */
export function nameOf({ peer, ip, port }: Replica): string {
  const host = ip === "" ? peer.address.replace(/:[0-9]+$/, "") : ip;
  return `${host}:${port === 0 ? "<unknown-replica-port>" : port}`;
}
