/**
 * What a command handler sees: its arguments, the reply to write, the database, and the client and
 * the server's services as far as commands need them. There is one Context for each depth of
 * execution (a client's call, a command within EXEC, a command within a script), and it serves all
 * calls at that depth.
 */
import { parseInteger } from "../base/number-text.ts";
import type { Element } from "../memory/element.ts";
import type { Journal } from "../persistence/journal.ts";
import type { CommandWriter } from "../protocol/command-writer.ts";
import * as errors from "../protocol/errors.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";
import { Request } from "../protocol/request.ts";
import type { Database } from "../store/database.ts";
import { HASH, isInteger, LIST, SET, STRING, ZSET } from "../store/entry.ts";
import type { Keyspace } from "../store/keyspace.ts";
import type { Collection } from "../store/value-type.ts";
import { GENERIC_EVENT } from "./events.ts";
import type { Client } from "./services/client.ts";
import type { KeyEventService } from "./services/key-events.ts";
import type { Services } from "./services/services.ts";

/** What logs show in place of a secret. */
export const REDACTED = "(redacted)";

export class Context<C extends Client = Client> {
  args: Request = new Request();
  readonly reply: ReplyWriter;
  readonly keyspace: Keyspace;
  readonly server: Services<C>;
  db: Database;
  client!: C;
  readonly events: KeyEventService<C>;
  /** Whether the client may be blocked; not within a transaction, nor for a file or a primary. */
  mayBlock = true;
  /** Changes made to the keyspace by this call. */
  dirty = 0;
  /** Where commands are propagated; null while neither the append-only file nor replicas want them. */
  journal: Journal | null = null;
  /** Another command has been propagated in place of this one. */
  isPropagated = false;
  /**
   * Set by a handler whose work does not depend on its argument count: its time is then not
   * averaged with that of other quick calls.
   */
  timedAlone = false;
  /** Indexes of arguments that are secrets, which no log may show. */
  readonly secrets: number[] = [];

  constructor(reply: ReplyWriter, keyspace: Keyspace, server: Services<C>) {
    this.reply = reply;
    this.keyspace = keyspace;
    this.server = server;
    this.events = server.events;
    this.db = keyspace.databases[0]!;
  }

  /** Prepares for a call; `journal` is null if it is not to be propagated. */
  begin(client: C, args: Request, journal: Journal | null, mayBlock: boolean): void {
    this.args = args;
    this.client = client;
    this.db = client.database;
    this.dirty = 0;
    this.journal = journal;
    this.isPropagated = false;
    this.timedAlone = false;
    this.mayBlock = mayBlock;
  }

  /**
   * Starts the command that is propagated in place of this one, because repeating this one would
   * give another result (EXPIRE, SPOP). Null if nothing is propagated.
   */
  propagateInstead(count: number): CommandWriter | null {
    this.isPropagated = true;
    return this.journal === null ? null : this.journal.begin(this.db.index, count);
  }

  /** Propagates the call to replicas, although it changes no data (PUBLISH). */
  propagateToReplicas(): void {
    if (this.journal === null || !this.server.replication.wantsCommands) return;
    this.journal.beginForReplicas(this.db.index, this.args.count).requestBody(this.args);
  }

  /** Propagates a DEL of the key in argument `index` in place of this command. */
  propagateDelete(index: number): void {
    const out = this.propagateInstead(2);
    if (out === null) return;
    out.text("DEL");
    out.copy(this.args, index);
  }

  /** Propagates a PEXPIREAT of the key in argument `index` in place of this command. */
  propagateExpireAt(index: number, expireAtMs: number): void {
    const out = this.propagateInstead(3);
    if (out === null) return;
    out.text("PEXPIREAT");
    out.copy(this.args, index);
    out.integer(expireAtMs);
  }

  /**
   * Tells WATCH and keyspace notifications that the key in argument `index` of `db` has changed;
   * `event` is the notification's name and `kind` its class.
   */
  changed(kind: number, event: string, index: number, db = this.db): void {
    if (!this.events.active) return;
    const { args } = this;
    this.events.changed(kind, event, db, args.bytes, args.start[index]!, args.length[index]!);
  }

  /**
   * Writes an open collection back to the key in argument `index`, after a change that notifications
   * call `event`: adds the key, keeps it, or removes it if the collection is empty.
   */
  putBack(value: Collection, index: number, kind: number, event: string): void {
    const { args } = this;
    const exists = this.db.putBack(value, args.bytes, args.start[index]!, args.length[index]!);
    this.changed(kind, event, index);
    if (!exists) this.changed(GENERIC_EVENT, "del", index);
  }

  /** Blocks the client, see BlockingService; false if it may not be blocked. */
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

  isSortedSet(ref: number): boolean {
    return this.#isType(ref, ZSET);
  }

  isSet(ref: number): boolean {
    return this.#isType(ref, SET);
  }

  isHash(ref: number): boolean {
    return this.#isType(ref, HASH);
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

  replyElement({ bytes, from, high, isInteger, length, low }: Element): void {
    if (isInteger) this.reply.integerBulk(low, high);
    else this.reply.bulk(bytes, from, length);
  }

  /** Replies with the text of a string entry, or null for 0. */
  replyString(ref: number): void {
    if (ref === 0) {
      this.reply.null();
      return;
    }
    const { strings } = this.keyspace;
    if (isInteger(this.db.metaOf(ref))) {
      this.reply.integerBulk(strings.integerLow(ref), strings.integerHigh(ref));
    } else this.reply.bulk(strings.textBytes(ref), strings.textAt(ref), strings.textLength(ref));
  }

  /** Sets the key in argument `index`, whose entry is `ref` or 0, to the argument `value`. */
  setString(ref: number, index: number, value: number, expireAtMs: number): number {
    const { args } = this;
    const { start, length } = args;
    this.dirty++;
    return this.keyspace.strings.set(
      this.db,
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
