/**
 * What a command handler sees: its arguments, the reply to write, the database, and the client
 * and server as far as commands need them. One object serves all calls.
 */
import { parseInteger } from "../base/number-text.ts";
import { TextCache } from "../base/text-cache.ts";
import type { Journal } from "../persistence/journal.ts";
import type { CommandWriter } from "../protocol/command-writer.ts";
import * as errors from "../protocol/errors.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";
import { Request } from "../protocol/request.ts";
import type { Kind, PubSub, Subscriptions } from "../pubsub/pubsub.ts";
import type { Database } from "../store/database.ts";
import { LIST, STRING } from "../store/entry.ts";
import type { Keyspace } from "../store/keyspace.ts";
import type { CommandTable } from "./spec/command-table.ts";

/** Replies a client wants: CLIENT REPLY. */
export type ReplyMode = "on" | "off" | "skip-next" | "skip";

/** What commands may know and change of a client. */
export interface Client {
  readonly id: number;
  /** "ip:port", or "path:0" for a Unix socket. */
  readonly address: string;
  readonly localAddress: string;
  readonly isLocal: boolean;
  name: string;
  libraryName: string;
  libraryVersion: string;
  protocol: number;
  authenticated: boolean;
  database: Database;
  noEvict: boolean;
  noTouch: boolean;
  replyMode: ReplyMode;
  /** Close once what was replied has been sent. */
  closing: boolean;
  /** It has changed something since `lastWritePosition` was taken. */
  hasWritten: boolean;
  /** Where the replication stream was behind its last change. */
  lastWritePosition: number;
  /** What it listens to; null without anything. */
  readonly subscriptions: Subscriptions | null;
  /** It has said MULTI, and neither EXEC nor DISCARD yet. */
  readonly inTransaction: boolean;
  /** It waits for a key. */
  readonly isWaiting: boolean;
  /** What CLIENT LIST and CLIENT KILL call its type: normal, pubsub, … */
  readonly type: string;
  readonly createdMs: number;
  readonly lastActiveMs: number;
  /** Its line in CLIENT LIST, without line end. */
  describe(): string;
}

export interface SlowlogEntry {
  readonly id: number;
  readonly unixSeconds: number;
  readonly usec: number;
  readonly args: readonly string[];
  readonly address: string;
  readonly name: string;
}

export interface LatencySample {
  readonly unixSeconds: number;
  readonly ms: number;
}

/** Who wants to know what happens to keys. */
export interface KeyEventService {
  /** Whether anybody does. */
  readonly active: boolean;
  /** The key has changed, in a way that notifications call `event`, of the class `kind`. */
  changed(
    kind: number,
    event: string,
    database: Database,
    key: Uint8Array,
    from: number,
    length: number,
  ): void;
  watch(client: Client, database: Database, key: string): void;
  unwatch(client: Client): void;
  /** All keys of the database are about to go. */
  emptying(database: Database): void;
  /** The databases are about to exchange their keys. */
  swapping(a: Database, b: Database): void;
}

export interface TransactionService {
  /** An EXEC is under way. */
  readonly executing: boolean;
  begin(client: Client): void;
  discard(client: Client): void;
  /** Runs what the client has queued, and replies. */
  execute(client: Client): void;
}

export interface BlockingService {
  /**
   * Lets the client wait until one of the keys in arguments `first` to `last` is a value of the
   * type; the request is then run again. `timeoutMs` 0: for ever.
   */
  block(
    client: Client,
    request: Request,
    type: number,
    first: number,
    last: number,
    timeoutMs: number,
  ): void;
  /** Other keys are in these databases now. */
  swapped(a: Database, b: Database): void;
}

/** A replica, or the primary, as ROLE and INFO tell of it. */
export interface ReplicaView {
  readonly ip: string;
  readonly port: number;
  readonly ackPosition: number;
}

export interface ReplicationService {
  readonly isReplica: boolean;
  /** FAILOVER is under way. */
  readonly isFailingOver: boolean;
  /** Bytes of the replication stream so far. */
  readonly position: number;
  /** Whether commands have to be written down for replicas. */
  readonly wantsCommands: boolean;
  /** The primary that is followed, with the link's state in Redis's words; null without one. */
  readonly primaryView: {
    readonly host: string;
    readonly port: number;
    readonly state: string;
  } | null;
  replicaViews(): ReplicaView[];
  /** Follows another server, or nobody any more. */
  follow(host: string, port: number): void;
  promote(): void;
  /** What a client tells of itself before it follows. */
  announce(client: Client, field: "port" | "ip" | "capa" | "rdb-only", value: string): void;
  acknowledge(client: Client, position: number): void;
  /** The client wants to follow from `position` of stream `id`; returns an error text or "". */
  sync(client: Client, id: string, position: number): string;
  /** The primary asks this replica to take its place; returns an error text or "". */
  takeOver(id: string): string;
  countAt(position: number): number;
  /** A position of the stream behind all that the client has written; 0 if it has not. */
  lastWriteOf(client: Client): number;
  /** Lets the client wait until `count` replicas are at the position; 0 ms: for ever. */
  waitForAcks(client: Client, position: number, count: number, timeoutMs: number): void;
  /** Hands its part over to a replica; returns an error text or "". */
  failover(target: FailoverTarget | null, timeoutMs: number, force: boolean): string;
  abortFailover(): string;
}

export interface FailoverTarget {
  readonly host: string;
  readonly port: number;
}

export type PubSubService = Pick<
  PubSub<Client & { subscriptions: Subscriptions | null }>,
  "listenerCount" | "nameCount" | "names" | "publish" | "publishToShard"
> & {
  subscribe(client: Client, kind: Kind, name: string): void;
  unsubscribe(client: Client, kind: Kind, name: string): void;
  pushTo(client: Client, write: (writer: ReplyWriter) => void): void;
};

/** What commands may ask of the server. */
export interface Services {
  readonly events: KeyEventService;
  readonly pubsub: PubSubService;
  readonly transactions: TransactionService;
  readonly blocking: BlockingService;
  readonly replication: ReplicationService;
  readonly persistence: PersistenceService;
  readonly commands: CommandTable;
  readonly clients: ReadonlyMap<number, Client>;
  /** The client that the primary's commands come from; null without a link to one. */
  readonly linkClient: Client | null;
  /** The requirepass directive; empty for none. */
  readonly password: string;
  readonly config: ConfigService;
  readonly slowlog: { readonly entries: readonly SlowlogEntry[]; reset(): void };
  readonly latency: {
    readonly events: ReadonlyMap<string, readonly LatencySample[]>;
    reset(names: readonly string[]): number;
  };
  activeExpiry: boolean;
  info(sections: readonly string[]): string;
  resetStats(): void;
  /** Closes the client's connection; at once, or after its replies if it is the caller's own. */
  kill(client: Client, caller: Client): void;
  pause(untilMs: number, writesOnly: boolean): void;
  unpause(): void;
  /** Ends the client's wait for a key, with an error or as if its time were over; false: it does not wait. */
  unblock(client: Client, withError: boolean): boolean;
  /** Shows the client every command from now on; false if it is shown them already. */
  monitor(client: Client): boolean;
  /** The client is as it was when it connected: RESET. */
  reset(client: Client): void;
  /**
   * Stops the server; returns why it could not, or "". If replicas do not have all yet, it waits
   * for them, and the caller with it.
   */
  shutdown(request: ShutdownRequest): string;
  /** Goes on after all; false: there is nothing to abort. */
  abortShutdown(): boolean;
  /** What CONFIG allows DEBUG to: no, yes, local. */
  mayDebug(client: Client): boolean;
}

export interface ShutdownRequest {
  readonly mode: SaveMode;
  /** Ends even if the data cannot be saved. */
  readonly force: boolean;
  /** Does not wait for replicas. */
  readonly now: boolean;
  /** Null for a signal. */
  readonly caller: Client | null;
}

/** The durability of the data: see persistence/persistence.ts. */
export interface PersistenceService {
  readonly lastSaveMs: number;
  readonly rewriteScheduled: boolean;
  /** These return an error text, or "" (for `saveInBackground`: the reply). */
  save(): string;
  saveInBackground(scheduled: boolean): string;
  rewrite(): string;
  reload(): string;
  /** The same as soon as the transaction that is being executed has ended. */
  scheduleSave(): void;
  scheduleRewrite(): void;
}

export type SaveMode = "save" | "nosave" | "default";

export interface ConfigService {
  /** Names and values of the directives that match any of the glob patterns. */
  get(patterns: readonly string[]): Map<string, string>;
  /** Sets all or none; returns an error text or "". */
  set(pairs: readonly (readonly [string, string])[]): string;
  /** Whether the directive's value is one that no log may show. */
  isSecret(name: string): boolean;
  /** Writes the file anew; returns an error text or "". */
  rewrite(): string;
  number(name: string): number;
}

/** What logs show in place of a secret. */
export const REDACTED = "(redacted)";

export class Context {
  args: Request = new Request();
  readonly reply: ReplyWriter;
  readonly keyspace: Keyspace;
  readonly server: Services;
  db: Database;
  client!: Client;
  readonly events: KeyEventService;
  readonly #names = new TextCache();
  /** Whether the client may be made to wait; not within a transaction. */
  mayBlock = true;
  /** Changes made to the keyspace by this call. */
  dirty = 0;
  /** Where changes are written down; null while nobody wants them. */
  journal: Journal | null = null;
  /** The call has written its effect itself. */
  effectWritten = false;
  /** The call has taken longer than its arguments let expect: it is timed by itself. */
  isLong = false;
  /** Indexes of arguments that are secrets, which no log may show. */
  readonly secrets: number[] = [];

  constructor(reply: ReplyWriter, keyspace: Keyspace, server: Services) {
    this.reply = reply;
    this.keyspace = keyspace;
    this.server = server;
    this.events = server.events;
    this.db = keyspace.databases[0]!;
  }

  /**
   * To be called where the call's own words do not say what it did: a writer for a command of
   * `count` arguments that does, or null where nobody wants it.
   */
  effect(count: number): CommandWriter | null {
    this.effectWritten = true;
    return this.journal === null ? null : this.journal.begin(this.db.index, count);
  }

  /** The argument as text, where the same ones come often, as channels' names do. */
  name(index: number): string {
    const { args } = this;
    return this.#names.text(args.bytes, args.start[index]!, args.length[index]!);
  }

  /** Repeats the call on replicas, though it changes no data. */
  repeatOnReplicas(): void {
    if (this.journal === null || !this.server.replication.wantsCommands) return;
    this.journal.beginForReplicas(this.db.index, this.args.count).requestBody(this.args);
  }

  /** The effect is that the key in argument `index` is gone. */
  effectDelete(index: number): void {
    const out = this.effect(2);
    if (out === null) return;
    out.text("DEL");
    out.copy(this.args, index);
  }

  /** The effect is that the key in argument `index` expires at that time. */
  effectExpire(index: number, expireAtMs: number): void {
    const out = this.effect(3);
    if (out === null) return;
    out.text("PEXPIREAT");
    out.copy(this.args, index);
    out.integer(expireAtMs);
  }

  /**
   * The key in argument `index` of `db` has changed, in a way that notifications call `event`:
   * tells those who watch it and those who listen.
   */
  changed(kind: number, event: string, index: number, db = this.db): void {
    if (!this.events.active) return;
    const { args } = this;
    this.events.changed(kind, event, db, args.bytes, args.start[index]!, args.length[index]!);
  }

  /** Lets the client wait, see BlockingService; false where it may not. */
  block(type: number, first: number, last: number, timeoutMs: number): boolean {
    if (!this.mayBlock) return false;
    this.server.blocking.block(this.client, this.args, type, first, last, timeoutMs);
    return true;
  }

  get nowMs(): number {
    return this.keyspace.clock.nowMs;
  }

  /** The entry of the key in argument `index`, for reading, or 0. */
  lookup(index: number): number {
    const { args } = this;
    return this.db.lookup(args.bytes, args.start[index]!, args.length[index]!);
  }

  lookupWrite(index: number): number {
    const { args } = this;
    return this.db.lookupWrite(args.bytes, args.start[index]!, args.length[index]!);
  }

  /** False, with the reply written, where the entry exists and is no string. */
  isString(ref: number): boolean {
    return this.#isType(ref, STRING);
  }

  isList(ref: number): boolean {
    return this.#isType(ref, LIST);
  }

  #isType(ref: number, type: number): boolean {
    if (ref === 0 || this.db.typeOf(ref) === type) return true;
    this.reply.error(errors.WRONG_TYPE);
    return false;
  }

  /**
   * The argument as an integer; infinite where it is a 64-bit integer that is not safe; NaN, with
   * the reply written, where it is none.
   */
  integer(index: number, error = errors.NOT_AN_INTEGER): number {
    const { args } = this;
    const value = parseInteger(args.bytes, args.start[index]!, args.length[index]!);
    if (Number.isNaN(value)) this.reply.error(error);
    return value;
  }

  /** An integer in [low, high]; NaN, with the reply written, otherwise. */
  integerWithin(index: number, low: number, high: number, error: string): number {
    const value = this.integer(index, error);
    if (value < low || value > high) {
      this.reply.error(error);
      return Number.NaN;
    }
    return value;
  }

  syntaxError(): void {
    this.reply.error(errors.SYNTAX);
  }

  /** For containers that check the arguments of their subcommands themselves. */
  wrongSubcommand(): void {
    this.reply.error(errors.wrongSubcommand(this.args.text(1), this.args.text(0)));
  }

  /** Replies with the text of a string entry, or null for 0. */
  replyString(ref: number): void {
    if (ref === 0) {
      this.reply.null();
      return;
    }
    const { db } = this;
    if (db.metaOf(ref) & 4) this.reply.integerBulk(db.integerLow(ref), db.integerHigh(ref));
    else this.reply.bulk(db.bytesOf(ref), db.textAt(ref), db.textLength(ref));
  }

  /** Sets the key in argument `index`, last looked up as `ref`, to the argument `value`. */
  setString(ref: number, index: number, value: number, expireAtMs: number): number {
    const { args } = this;
    const { start, length } = args;
    this.dirty++;
    return this.db.setString(
      ref,
      args.bytes,
      start[index]!,
      length[index]!,
      args.bytes,
      start[value]!,
      length[value]!,
      expireAtMs,
    );
  }
}
