/** The clients that are connected: letting them in, closing them, pausing and unblocking them. */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { ClientsService } from "../commands/services/client.ts";
import { UNBLOCKED, UNBLOCKED_BY_ROLE } from "../protocol/errors.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";
import type { PubSub } from "../pubsub/pubsub.ts";
import type { Replication } from "../replication/replication.ts";
import type { Keyspace } from "../store/keyspace.ts";
import type { Config } from "./configuration/config.ts";
import { Connection } from "./connections/connection.ts";
import type { HangUp } from "./connections/hang-up.ts";
import type { Origin } from "./connections/listeners.ts";
import type { Output } from "./connections/output.ts";
import type { Access } from "./execution/access.ts";
import type { AckWaits } from "./execution/ack-waits.ts";
import type { Blocking } from "./execution/blocking.ts";
import type { Dispatch } from "./execution/dispatch.ts";
import type { Intake } from "./execution/intake.ts";
import type { Monitors } from "./execution/monitors.ts";
import type { Pause } from "./execution/pause.ts";
import type { Transactions } from "./execution/transactions.ts";
import type { ClientPeaks } from "./figures/client-peaks.ts";
import type { JsHeap } from "./figures/js-heap.ts";

/** The parts that clients have to do with; those of Parts, which is above this. */
export interface ClientsParts {
  readonly access: Access;
  readonly blocking: Blocking;
  readonly clientPeaks: ClientPeaks;
  readonly clock: Clock;
  readonly config: Config;
  readonly dispatch: Dispatch;
  readonly intake: Intake;
  readonly jsHeap: JsHeap;
  readonly keyspace: Keyspace;
  readonly log: Log;
  readonly monitors: Monitors;
  readonly output: Output;
  readonly pause: Pause;
  readonly pubsub: PubSub<Connection>;
  readonly transactions: Transactions;
  readonly replication: {
    readonly core: Replication;
    readonly ackWaits: AckWaits;
    readonly linkClient: Connection | null;
  };
}

export class Clients implements ClientsService<Connection> {
  readonly all = new Map<number, Connection>();
  /** Clients that were closed because their input or output was over its limit. */
  queryBufferCuts = 0;
  outputBufferCuts = 0;
  readonly #parts: ClientsParts;
  readonly #hangUp: HangUp;
  #nextId = 1;

  /** `parts` need not be complete yet. */
  constructor(parts: ClientsParts, hangUp: HangUp) {
    this.#parts = parts;
    this.#hangUp = hangUp;
  }

  get linkClient(): Connection | null {
    return this.#parts.replication.linkClient;
  }

  /** Clients and links to a primary share one sequence of ids. */
  nextId(): number {
    return this.#nextId++;
  }

  bufferBytes(): number {
    let total = 0;
    for (const client of this.all.values()) total += client.bufferBytes;
    return total;
  }

  // ── Coming and going ───────────────────────────────────────────────────────────────────────

  admit(origin: Origin): Connection {
    const { access, clock, keyspace } = this.#parts;
    const client = new Connection({
      ...origin,
      id: this.nextId(),
      database: keyspace.databases[0]!,
      authenticated: access.password === "",
      nowMs: clock.refresh(),
    });
    this.all.set(client.id, client);
    return client;
  }

  receive(client: Connection, chunk: Uint8Array): void {
    const { intake, replication } = this.#parts;
    if (client.isReplica) replication.core.feeds.heard(client.id);
    intake.receive(client, chunk);
  }

  /** The socket accepts bytes again. */
  drain(client: Connection): void {
    const { output, replication } = this.#parts;
    output.drain(client);
    if (!client.isReplica || client.unsentBytes > 0) return;
    const { core } = replication;
    const replica = core.replicaOf(client.id);
    if (replica !== undefined) core.feeds.pump(replica);
  }

  /** The connection is closed. */
  forget(client: Connection): void {
    const { blocking, jsHeap, replication } = this.#parts;
    client.closed = true;
    // An idle server would not collect the client's buffers for long.
    jsHeap.addGarbage(client.bufferBytes);
    client.pending = null;
    client.unsent.length = 0;
    client.unsentBytes = 0;
    this.all.delete(client.id);
    this.reset(client);
    blocking.release(client);
    replication.ackWaits.forget(client);
    replication.core.feeds.forget(client.id);
  }

  close(client: Connection): void {
    this.forget(client);
    this.#hangUp.end(client.socket);
  }

  /** Closes a client that has passed a limit. */
  cut(client: Connection, reason: string): void {
    this.#parts.log.warning(`Client closed because ${reason}: ${client}`);
    this.close(client);
  }

  cutForInput(client: Connection, reason: string): void {
    this.queryBufferCuts++;
    this.cut(client, reason);
  }

  cutForOutput(client: Connection): void {
    this.outputBufferCuts++;
    this.cut(client, "its output buffer is over client-output-buffer-limit");
  }

  kill(client: Connection, caller: Connection): void {
    const { core } = this.#parts.replication;
    if (client === this.linkClient) core.link?.reconnect("Killed by a client");
    else if (client === caller) client.closing = true;
    else this.close(client);
  }

  /** Closes all connections; whatever is on its way to a client still reaches it. */
  endAll(): void {
    for (const client of this.all.values()) client.socket.end();
  }

  /** Closes clients that are idle for longer than `timeout`, or over their soft output limit for too long. */
  tick(): void {
    const { clientPeaks, clock, config, log, output } = this.#parts;
    const { nowMs } = clock;
    const timeoutMs = config.number("timeout") * 1000;
    for (const client of this.all.values()) {
      output.checkSoftLimit(client, nowMs);
      clientPeaks.note(client.inputBytes, client.outputBytes, nowMs);
      const mayIdle = client.isHeld || client.isMonitor || client.type !== "normal";
      if (timeoutMs > 0 && !mayIdle && nowMs - client.lastActiveMs > timeoutMs) {
        log.verbose(`Closing idle client: ${client}`);
        this.close(client);
      }
    }
  }

  // ── State ──────────────────────────────────────────────────────────────────────────────────

  reset(client: Connection): void {
    const { monitors, pubsub, transactions } = this.#parts;
    pubsub.unsubscribeAll(client);
    transactions.discard(client);
    monitors.remove(client);
  }

  monitor(client: Connection): boolean {
    const isNew = !client.isMonitor;
    this.#parts.monitors.add(client);
    return isNew;
  }

  pause(untilMs: number, writesOnly: boolean): void {
    this.#parts.pause.begin(untilMs, writesOnly);
  }

  unpause(): void {
    this.#parts.pause.end();
  }

  /** Holds writes back while a replica takes over, or gets the last writes before a shutdown. */
  holdWrites(held: boolean): void {
    if (held) this.pause(Number.POSITIVE_INFINITY, true);
    else this.unpause();
  }

  /** The pause has ended: what clients sent meanwhile runs. */
  resumePaused(): void {
    setImmediate(() => {
      for (const client of this.all.values()) {
        if (!client.paused) continue;
        client.paused = false;
        this.resume(client);
      }
    });
  }

  resume(client: Connection): void {
    if (!client.isHeld) this.#parts.intake.resume(client);
  }

  // ── Blocked clients ────────────────────────────────────────────────────────────────────────

  unblock(client: Connection, withError: boolean): boolean {
    const { blocking, replication } = this.#parts;
    if (!client.isWaiting) return false;
    if (withError) this.endWait(client, UNBLOCKED);
    else if (client.ackWait !== null) replication.ackWaits.end(client);
    else {
      this.answer(client, (writer) => writer.nullArray());
      blocking.release(client);
    }
    return true;
  }

  /** This server has become a replica: its clients could wait for ever. */
  unblockForRole(): void {
    for (const client of [...this.all.values()]) {
      if (!client.isWaiting) continue;
      this.endWait(client, UNBLOCKED_BY_ROLE);
      client.closing = true;
    }
  }

  /** Ends the client's wait with an error. */
  endWait(client: Connection, error: string): void {
    const { blocking, dispatch, replication } = this.#parts;
    const waitsForAcks = client.ackWait !== null;
    replication.ackWaits.forget(client);
    const write = (writer: ReplyWriter) => {
      writer.error(error);
      dispatch.countUnblocked(client, writer);
    };
    this.answer(client, write, waitsForAcks);
    blocking.release(client);
  }

  /** Replies to a client that is blocked, outside of any command. */
  answer(client: Connection, write: (writer: ReplyWriter) => void, resumes = true): void {
    const { output } = this.#parts;
    const { protocol } = client;
    const writer = output.pushWriter(protocol);
    const from = writer.at;
    write(writer);
    if (client.replyMode === "on") output.push(client, protocol, from, writer.at);
    else if (client.replyMode === "skip") client.replyMode = "on";
    if (resumes) setImmediate(() => this.resume(client));
  }
}
