/**
 * The primary's side of replication: who follows, how far each has come, and what it is sent.
 *
 * A replica that cannot go on where it stopped gets the data first. Replicas that wait for it
 * share one walk over the keys: what the walk encodes goes straight to their sockets, or to a file
 * that is sent afterwards. The stream from that moment on waits in the backlog, in which every
 * replica has a position of its own.
 */
import { closeSync, openSync, readSync, statSync, unlinkSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { SecretSource } from "../base/random.ts";
import type { SnapshotSink } from "../persistence/snapshot/snapshot.ts";
import { PAYLOAD_MARK_BYTES } from "../protocol/payload.ts";
import type { Backlog } from "./backlog.ts";

/** The connection to a replica, as far as it matters here. */
export interface Peer {
  readonly id: number;
  /** "ip:port". */
  readonly address: string;
  /** Replies from before are still on their way to it. */
  readonly isOwed: boolean;
  /** Returns how many bytes were taken. */
  write(bytes: Uint8Array, from: number, length: number): number;
  /** Closes the connection behind what has been written. */
  end(): void;
  /** Closes it at once. */
  terminate(): void;
}

export interface PrimarySettings {
  readonly diskless: boolean;
  readonly disklessDelayMs: number;
  /** That many waiting replicas end the delay; 0 for none. */
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
 * announced: it has said REPLCONF. waiting: for the data. writing: the data goes to a file first.
 * receiving: it is being sent. loading: it has all, but has not said so yet. online: it gets the
 * stream.
 */
export type ReplicaState = "announced" | "waiting" | "writing" | "receiving" | "loading" | "online";

interface Chunk {
  readonly bytes: Uint8Array;
  at: number;
  readonly onSent: () => void;
}

export class Replica {
  readonly peer: Peer;
  /** REPLCONF listening-port and ip-address. */
  port = 0;
  ip = "";
  /** It understands data whose end is marked, and new replication ids. */
  capaEof = false;
  capaPsync2 = false;
  /** It wants the data and nothing more. */
  rdbOnly = false;
  /** It said SYNC, as before there were places: it is told none, and need not say how far it is. */
  isPlain = false;
  state: ReplicaState = "announced";
  /** Up to where it has been sent the stream. */
  position = 0;
  /** Up to where it has said to have applied it. */
  ackPosition = 0;
  /** When it last said so, or gave another sign of life. */
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

export interface PrimaryOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: SecretSource;
  readonly settings: () => PrimarySettings;
  /** The stream; made where there is none. */
  readonly backlog: () => Backlog;
  /** The id of the stream. */
  readonly id: () => string;
  /** Sends all data as it is now to the sink; false: another snapshot is under way. */
  readonly snapshot: (sink: SnapshotSink, done: (error: string) => void) => boolean;
  /** The same to a file. */
  readonly snapshotFile: (path: string, done: (error: string) => void) => boolean;
  readonly temporaryPath: () => string;
  /** Puts what has been written down so far into the backlog; the next command names its database. */
  readonly mark: () => void;
  /** A replica has applied more of the stream. */
  readonly onAck: () => void;
}

const FILE_PIECE_BYTES = 1 << 17;
const NEWLINE = Uint8Array.of(10);
const NEWLINE_MS = 1000;

export class Primary {
  readonly #options: PrimaryOptions;
  readonly #replicas = new Map<number, Replica>();
  #pingedMs = 0;
  fullSyncs = 0;
  /** Bytes that replicas have been sent: data and stream. */
  sentBytes = 0;
  partialSyncs = 0;
  refusedSyncs = 0;

  constructor(options: PrimaryOptions) {
    this.#options = options;
  }

  /** Those that follow, without those that have only announced themselves. */
  get followers(): Replica[] {
    return [...this.#replicas.values()].filter(({ state }) => state !== "announced");
  }

  get count(): number {
    return this.followers.length;
  }

  /** Replicas that have answered lately. */
  get goodCount(): number {
    const { maxLagMs } = this.#options.settings();
    const nowMs = this.#options.clock.nowMs;
    return this.followers.filter((r) => r.isOnline && nowMs - r.ackMs <= maxLagMs + 999).length;
  }

  /** Replicas that have applied the stream up to the position. */
  countAt(position: number): number {
    return this.followers.filter((r) => r.isOnline && r.ackPosition >= position).length;
  }

  of(id: number): Replica | undefined {
    return this.#replicas.get(id);
  }

  announce(peer: Peer): Replica {
    const replica = this.#replicas.get(peer.id) ?? new Replica(peer);
    this.#replicas.set(peer.id, replica);
    return replica;
  }

  // ── Beginning to follow ────────────────────────────────────────────────────────────────────

  /** The replica goes on from the position, which the backlog has. */
  resume(replica: Replica, position: number): void {
    const { clock, log } = this.#options;
    this.partialSyncs++;
    const lineEnd = replica.capaPsync2 ? ` ${this.#options.id()}` : "";
    replica.state = "online";
    replica.position = position;
    replica.ackMs = clock.nowMs;
    replica.ackPosition = position;
    this.#enqueueText(replica, `+CONTINUE${lineEnd}\r\n`);
    const bytes = this.#options.backlog().end - position;
    log.notice(
      `Partial resynchronization request from ${nameOf(replica)} accepted. Sending ${bytes} bytes of backlog starting from offset ${position + 1}.`,
    );
  }

  /** The replica needs all data; it is sent when others that wait for it have had time to come. */
  wait(replica: Replica): void {
    const { clock, log } = this.#options;
    replica.state = "waiting";
    replica.waitingSinceMs = clock.nowMs;
    this.fullSyncs++;
    log.notice(`Full resync requested by replica ${nameOf(replica)}`);
    this.startSyncs();
  }

  /** Begins to send data to the replicas that wait for it, if it is time to. */
  startSyncs(): void {
    const waiting = this.followers.filter(({ state }) => state === "waiting");
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

  /** From here on the stream is kept for these replicas. */
  #beginSync(replicas: readonly Replica[], state: "writing" | "receiving"): void {
    const { backlog, id, mark } = this.#options;
    mark();
    const position = backlog().end;
    for (const replica of replicas) {
      replica.state = state;
      replica.ackMs = this.#options.clock.nowMs;
      replica.position = position;
      if (!replica.isPlain) this.#enqueueText(replica, `+FULLRESYNC ${id()} ${position}\r\n`);
    }
  }

  #syncDirectly(replicas: readonly Replica[]): void {
    const { log, secrets, snapshot } = this.#options;
    const mark = secrets.hex(PAYLOAD_MARK_BYTES);
    const isThere = (replica: Replica) => this.#replicas.get(replica.peer.id) === replica;
    const sink: SnapshotSink = {
      get failed() {
        return !replicas.some(isThere);
      },
      get queuedBytes() {
        return Math.max(0, ...replicas.filter(isThere).map((r) => r.queuedBytes));
      },
      append: (bytes, recycle) => {
        const present = replicas.filter(isThere);
        let missing = present.length;
        if (missing === 0) recycle();
        const onSent = () => {
          if (--missing === 0) recycle();
        };
        for (const replica of present) this.#enqueue(replica, bytes, onSent);
      },
    };
    const started = snapshot(sink, (error) => {
      for (const replica of replicas.filter(isThere)) {
        if (error !== "") {
          replica.peer.terminate();
          continue;
        }
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
    const started = snapshotFile(path, (error) => {
      if (error === "") this.#sendFile(replicas, path);
      else for (const replica of replicas) replica.peer.terminate();
      this.startSyncs();
    });
    if (!started) return;
    this.#beginSync(replicas, "writing");
    log.notice(`Writing the data for ${replicas.length} replicas to a file`);
  }

  /** The file is read in pieces as the slowest replica takes them. */
  #sendFile(replicas: readonly Replica[], path: string): void {
    const size = statSync(path).size;
    const fd = openSync(path, "r");
    unlinkSync(path);
    let open = replicas.length;
    for (const replica of replicas) {
      let at = 0;
      replica.state = "receiving";
      this.#showsLife(replica);
      const next = () => {
        const isThere = this.#replicas.get(replica.peer.id) === replica;
        if (isThere && at < size) {
          const bytes = new Uint8Array(Math.min(FILE_PIECE_BYTES, size - at));
          at += readSync(fd, bytes, 0, bytes.length, at);
          this.#enqueue(replica, bytes, next);
          return;
        }
        if (isThere && replica.rdbOnly) replica.peer.end();
        else if (isThere) {
          replica.state = "online";
          replica.ackMs = this.#options.clock.nowMs;
        }
        if (--open === 0) closeSync(fd);
      };
      this.#enqueueText(replica, `$${size}\r\n`);
      next();
    }
  }

  // ── Sending ────────────────────────────────────────────────────────────────────────────────

  #enqueueText(replica: Replica, text: string): void {
    this.#enqueue(replica, Buffer.from(text, "latin1"), () => {});
  }

  #enqueue(replica: Replica, bytes: Uint8Array, onSent: () => void): void {
    // Until now there was nothing that it could have taken.
    if (replica.chunks.length === 0) this.#showsLife(replica);
    replica.chunks.push({ bytes, at: 0, onSent });
    if (!replica.isPumping) this.pump(replica);
  }

  /** Sends all replicas what there is. */
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
    while (replica.position < backlog.end) {
      const { bytes, from, length } = backlog.read(replica.position);
      const sent = this.#write(peer, bytes, from, length);
      replica.position += sent;
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
    return this.followers.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0);
  }

  /** The least position that a replica still needs; Infinity without one. */
  neededPosition(): number {
    let needed = Number.POSITIVE_INFINITY;
    for (const { position, state } of this.followers) {
      if (state !== "waiting") needed = Math.min(needed, position);
    }
    return needed;
  }

  // ── What replicas say ──────────────────────────────────────────────────────────────────────

  acknowledge(id: number, position: number): void {
    const replica = this.#replicas.get(id);
    if (replica === undefined || replica.state === "announced") return;
    replica.ackMs = this.#options.clock.nowMs;
    replica.ackPosition = Math.max(replica.ackPosition, position);
    if (replica.state === "loading" && replica.chunks.length === 0) {
      replica.state = "online";
      this.#options.log.notice(`Synchronization with replica ${nameOf(replica)} succeeded`);
      this.pump(replica);
    }
    this.#options.onAck();
  }

  /** The replica has said something, be it an empty line, as one does that is loading. */
  heard(id: number): void {
    const replica = this.#replicas.get(id);
    if (replica !== undefined) replica.ackMs = this.#options.clock.nowMs;
  }

  /** While it gets the data and loads it, a replica does not say how far it is. */
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
    for (const { peer } of this.followers) peer.terminate();
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────

  /** The clock has been moved forward, which does not make replicas late. */
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
      if (this.followers.some((replica) => replica.isOnline)) ping();
    }
    for (const replica of this.followers) {
      const { end, sizeBytes } = backlog();
      const lag = end - replica.position;
      // Who goes on from the oldest byte of the backlog is not to be cut off for that.
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
        // It is told that the primary is still there.
        replica.newlineMs = nowMs;
        this.#enqueue(replica, NEWLINE, () => {});
      }
    }
    this.startSyncs();
  }
}

/**
 * A replica that does not take the data holds up the snapshot, and others with it; one that has
 * all that there is to be had is not to blame.
 */
function owesSignOfLife({ chunks, isPlain, state }: Replica): boolean {
  if (state === "receiving") return chunks.length > 0;
  // One that asked by SYNC says nothing later on.
  return !isPlain && (state === "online" || state === "loading");
}

function isWaitingForData({ state }: Replica): boolean {
  return state === "waiting" || state === "writing";
}

/** How Redis names a replica in its log: by where it listens. */
export function nameOf({ peer, ip, port }: Replica): string {
  const host = ip === "" ? peer.address.replace(/:[0-9]+$/, "") : ip;
  return `${host}:${port === 0 ? "<unknown-replica-port>" : port}`;
}
