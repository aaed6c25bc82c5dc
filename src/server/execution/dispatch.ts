/**
 * Runs commands. `call` takes a client's request: it looks the command up, lets refusals.ts decide
 * and queues it after MULTI. Every command, from whatever source, is run by `execute`, whose mode
 * says what belongs to the run.
 */
import { latin1Text } from "../../base/bytes.ts";
import type { Log } from "../../base/log.ts";
import { Context } from "../../commands/context.ts";
import type { Services } from "../../commands/services/services.ts";
import type { Command } from "../../commands/spec/command.ts";
import { ADMIN, DENY_OOM, IMMEDIATE, WRITE } from "../../commands/spec/command-info.ts";
import type { CommandTable } from "../../commands/spec/command-table.ts";
import { OutOfMemory } from "../../memory/heap.ts";
import type { Journal } from "../../persistence/journal.ts";
import * as errors from "../../protocol/errors.ts";
import type { ReplyWriter } from "../../protocol/reply-writer.ts";
import type { Request } from "../../protocol/request.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { NO_TOUCH, REPLIES_WITHHELD } from "../connections/client-state.ts";
import type { Connection } from "../connections/connection.ts";
import type { Output } from "../connections/output.ts";
import type { Blocking } from "./blocking.ts";
import { isHttp } from "./cross-protocol.ts";
import type { Monitors } from "./monitors.ts";
import type { Propagation } from "./propagation.ts";
import type { Refusals } from "./refusals.ts";
import type { Timing } from "./timing.ts";

/** The bits of a mode: which of the contexts is used, and what belongs to the run. */
const DEPTH = 3;
/** A command may block its client. */
const MAY_BLOCK = 4;
/** What it changes is counted and propagated. */
const PROPAGATE = 8;
/** It counts as a command processed. */
const COUNT = 16;
/** Its time goes into statistics, slow log and latency monitor. */
const MEASURE = 32;
/** It is shown to monitors. */
const SHOW = 64;
/** Its reply is for a client, so that an exception becomes an error reply. */
const ANSWER = 128;

export const FROM_CLIENT = MAY_BLOCK | PROPAGATE | COUNT | MEASURE | SHOW | ANSWER;
/** Within EXEC nothing blocks. */
export const IN_EXEC = 1 | PROPAGATE | COUNT | MEASURE | SHOW | ANSWER;
/** A request that blocked its client is run again: it was measured and shown at first. */
export const AFTER_WAIT = MAY_BLOCK | PROPAGATE | COUNT | ANSWER;
/** What the append-only file holds is not propagated again. */
export const FROM_FILE = 0;
export const FROM_PRIMARY = PROPAGATE | COUNT | SHOW;

/** The depths of execution: a client's call, and EXEC's commands within one. */
const DEPTHS = 2;

const ARGS_SHOWN_BYTES = 128;
const ERROR_KINDS_MAX = 128;

/** What the commands of a batch change and need; persistence counts them for its save points. */
export interface ChangeCounter {
  changes: number;
}

export interface DispatchOptions {
  readonly commands: CommandTable;
  readonly keyspace: Keyspace;
  readonly services: Services<Connection>;
  readonly writer: ReplyWriter;
  readonly log: Log;
  readonly persistence: ChangeCounter;
  readonly propagation: Propagation;
  readonly refusals: Refusals;
  readonly timing: Timing;
  readonly output: Output;
  readonly blocking: Blocking;
  readonly monitors: Monitors;
  /** The client speaks HTTP: its connection is closed at once. */
  readonly refuseHttp: (client: Connection) => void;
}

export class Dispatch {
  readonly #commands: CommandTable;
  readonly #keyspace: Keyspace;
  readonly #contexts: readonly Context<Connection>[];
  readonly #services: Services<Connection>;
  readonly #reply: ReplyWriter;
  readonly #log: Log;
  readonly #persistence: ChangeCounter;
  readonly #propagation: Propagation;
  readonly #refusals: Refusals;
  readonly #timing: Timing;
  readonly #output: Output;
  readonly #blocking: Blocking;
  readonly #monitors: Monitors;
  readonly #refuseHttp: (client: Connection) => void;
  /** Runs the request of a blocked client again; returns whether it has been replied to now. */
  readonly #retry = (client: Connection, request: Request) => this.#runAgain(client, request);
  /** Commands run; refused ones do not count. */
  calls = 0;
  /** Error replies, in all and by code. */
  errorReplies = 0;
  /** Of commands from the append-only file or the primary, where they had succeeded. */
  unexpectedErrors = 0;
  readonly errorCounts = new Map<string, number>();
  /** From here on in the reply buffer the client's reply mode decides whether replies are sent. */
  #replyFrom = 0;
  /** Where commands are propagated; null while nobody wants them. */
  #journal: Journal | null = null;

  constructor(options: DispatchOptions) {
    const { keyspace, services, writer } = options;
    this.#commands = options.commands;
    this.#keyspace = keyspace;
    this.#services = services;
    this.#reply = writer;
    this.#log = options.log;
    this.#persistence = options.persistence;
    this.#propagation = options.propagation;
    this.#refusals = options.refusals;
    this.#timing = options.timing;
    this.#output = options.output;
    this.#blocking = options.blocking;
    this.#monitors = options.monitors;
    this.#refuseHttp = options.refuseHttp;
    this.#contexts = Array.from(
      { length: DEPTHS },
      () => new Context<Connection>(writer, keyspace, services),
    );
  }

  beginBatch(): void {
    this.#refusals.checkPause();
    this.#timing.beginBatch();
    this.refreshConditions();
  }

  endBatch(): void {
    this.#timing.endBatch();
  }

  /** To be called if what holds for all commands may have changed within a batch. */
  refreshConditions(): void {
    this.#journal = this.#propagation.journal;
    this.#refusals.refresh();
  }

  // ── Clients' requests ──────────────────────────────────────────────────────────────────────

  /** Runs one request. False: not now, the client has been paused. */
  call(client: Connection, request: Request): boolean {
    const reply = this.#reply;
    this.#replyFrom = reply.at;
    reply.protocol = client.protocol;
    const command = this.#resolve(client, request);
    if (command !== null) {
      if ((client.state | this.#refusals.conditions) !== 0) {
        if (!this.#callCarefully(command, client, request)) return false;
      } else if (command.bits & DENY_OOM && this.#refusals.isOutOfMemory(request)) {
        this.#refuse(client, command, errors.OOM);
      } else this.execute(command, client, request, FROM_CLIENT);
    }
    if (reply.errors > 0) this.#countErrors();
    if (client.state & REPLIES_WITHHELD && !client.isWaiting) this.#withhold(client);
    if (this.#blocking.hasReady) this.#serveWaitingAfter(client);
    return true;
  }

  /**
   * The command by its own name or the one that clients use, whose arguments are not checked yet; null
   * if there is none.
   */
  find(request: Request): Command | null {
    const command = this.#commands.findAny(request, 0);
    if (command === null || command.subcommands === undefined || request.count === 1)
      return command;
    return command.subcommands.get(request.text(1).toLowerCase()) ?? null;
  }

  /** The command that is called, or null with the error replied. */
  #resolve(client: Connection, request: Request): Command | null {
    let command = this.#commands.find(request, 0);
    if (command === null) {
      if (isHttp(request)) {
        this.#refuseHttp(client);
        return null;
      }
      const name = errors.shownArgument(request.text(0), ARGS_SHOWN_BYTES);
      return this.#refuse(client, null, errors.unknownCommand(name, argsShown(request)));
    }
    if (command.subcommands !== undefined && request.count > 1) {
      const sub = command.subcommands.get(request.text(1).toLowerCase());
      if (sub === undefined) {
        const name = command.spec.name;
        return this.#refuse(client, null, errors.unknownSubcommand(request.text(1), name));
      }
      command = sub;
    }
    client.lastCommand = command.fullName;
    if (!command.acceptsCount(request.count)) {
      return this.#refuse(client, command, errors.wrongArity(command.fullName));
    }
    return command;
  }

  /** Refuses the command, queues it or runs it. False: not now, the client has been paused. */
  #callCarefully(command: Command, client: Connection, request: Request): boolean {
    const refusals = this.#refusals;
    const refusal = refusals.reasonFor(command, client, request);
    if (refusal !== "") {
      this.#refuse(client, command, refusal);
      return true;
    }
    if (refusals.pauses(command, client)) {
      client.paused = true;
      return false;
    }
    const { transaction } = client;
    if (transaction === null || command.bits & IMMEDIATE) {
      this.execute(command, client, request, FROM_CLIENT);
    } else {
      transaction.queue(command, request);
      this.#reply.simple("QUEUED");
    }
    return true;
  }

  /** Replies with an error in place of running the command; a transaction will not run either. */
  #refuse(client: Connection, command: Command | null, error: string): null {
    if (command !== null) command.rejected++;
    else client.lastCommand = "NULL";
    if (client.transaction !== null) client.transaction.aborted = true;
    const isExec = command?.fullName === "exec";
    if (isExec) this.#services.transactions.discard(client);
    this.#reply.error(isExec ? errors.execAbort(error) : error);
    return null;
  }

  // ── Execution ──────────────────────────────────────────────────────────────────────────────

  /**
   * Runs a command that passed all checks. Throws what the handler throws only if the mode has no
   * client to answer.
   */
  execute(command: Command, client: Connection, request: Request, mode: number): void {
    const context = this.#contexts[mode & DEPTH]!;
    const timing = this.#timing;
    const isMeasured = (mode & MEASURE) !== 0;
    const isQuick = isMeasured && timing.begin(command, request);
    const startedUs = timing.timedUs;
    const reply = this.#reply;
    const start = reply.at;
    const isPropagated = (mode & PROPAGATE) !== 0;
    context.begin(client, request, isPropagated ? this.#journal : null, (mode & MAY_BLOCK) !== 0);
    this.#keyspace.touching = (client.state & NO_TOUCH) === 0;
    if (mode & COUNT) this.calls++;
    try {
      command.handler!(context);
    } catch (error) {
      this.#failed(error, command, context, start, mode);
    }
    if (context.dirty > 0 && isPropagated) this.#propagate(command, context, request);
    if (reply.errors > 0 && mode & ANSWER) command.failed++;
    if (this.#monitors.count > 0 && mode & SHOW && (command.bits & ADMIN) === 0) {
      this.#monitors.show(client, client.database.index, request, context.secrets);
    }
    if (isQuick && !context.timedAlone) {
      timing.countQuick(command);
      return;
    }
    if (isMeasured) {
      timing.recordAlone(command, startedUs, client, request, context.secrets, isQuick);
      this.refreshConditions();
    }
    // Commands with secrets are never quick.
    context.secrets.length = 0;
  }

  #failed(
    error: unknown,
    command: Command,
    context: Context<Connection>,
    start: number,
    mode: number,
  ): void {
    const reply = this.#reply;
    if ((mode & ANSWER) === 0) {
      context.secrets.length = 0;
      throw error;
    }
    reply.at = start;
    if (error instanceof OutOfMemory) {
      // A command that needs more than `isOutOfMemory` foresaw throws before it changes anything.
      context.dirty = 0;
      reply.error(errors.OOM);
      return;
    }
    this.#log.warning(`${command.fullName} failed: ${(error as Error).stack ?? error}`);
    reply.error("ERR internal error, see the server's log");
  }

  /** Counts what the command has changed, and propagates it if the handler has not done so. */
  #propagate(command: Command, context: Context<Connection>, request: Request): void {
    const { client, db, dirty, isPropagated, journal } = context;
    client.hasWritten = true;
    this.#persistence.changes += dirty;
    if (journal !== null && !isPropagated && command.bits & WRITE) {
      journal.begin(db.index, request.count).requestBody(request);
    }
  }

  /** Runs a command of a transaction, from within EXEC. */
  executeQueued(client: Connection, command: Command, request: Request): void {
    // Each command may change whether the client wants replies.
    this.#settleReply(client);
    this.execute(command, client, request, IN_EXEC);
    if (this.#reply.errors > 0) this.#countErrors();
    this.#settleReply(client);
  }

  /**
   * Runs a command of a file or of the primary, whose reply nobody gets; returns the error that it
   * replied, or "". No key expires meanwhile: the file or the primary sends a DEL for each.
   */
  executeSilently(command: Command, client: Connection, request: Request, mode: number): string {
    const reply = this.#reply;
    const keyspace = this.#keyspace;
    // Before it may be replies to clients that are told to wait.
    const start = reply.at;
    const { expiryPaused } = keyspace;
    this.refreshConditions();
    keyspace.expiryPaused = true;
    try {
      this.execute(command, client, request, mode);
      if (reply.errors === 0) return "";
      this.unexpectedErrors++;
      return latin1Text(reply.bytes, start, reply.at).trim();
    } finally {
      keyspace.expiryPaused = expiryPaused;
      reply.at = start;
      reply.errors = 0;
    }
  }

  // ── Blocked clients ────────────────────────────────────────────────────────────────────────

  /** Serves the clients that wait for keys that are there now. */
  serveWaiting(): void {
    if (this.#blocking.hasReady) this.#blocking.serve(this.#retry);
  }

  /** The same between two commands of a client. */
  #serveWaitingAfter(client: Connection): void {
    this.#output.endReply(client);
    this.#output.end(client);
    this.#blocking.serve(this.#retry);
    this.#output.executing = client;
    this.#output.begin();
  }

  #runAgain(client: Connection, request: Request): boolean {
    const output = this.#output;
    const reply = this.#reply;
    const start = reply.at;
    output.begin();
    output.executing = client;
    reply.protocol = client.protocol;
    this.execute(this.find(request)!, client, request, AFTER_WAIT);
    if (reply.errors > 0) this.#countErrors();
    const hasReplied = reply.at > start;
    this.#replyFrom = start;
    if (hasReplied && client.replyMode !== "on") this.#withhold(client);
    output.endReply(client);
    output.end(client);
    return hasReplied;
  }

  /** The command that blocked the client ends with the error that was written to `writer`. */
  countUnblocked(client: Connection, writer: ReplyWriter): void {
    this.#countErrors(writer);
    const command = this.#commands.byName(client.lastCommand);
    if (command !== undefined) command.failed++;
  }

  // ── Replies ────────────────────────────────────────────────────────────────────────────────

  #countErrors(reply = this.#reply): void {
    this.errorReplies += reply.errors;
    reply.errors = 0;
    const code = reply.lastError;
    const count = this.errorCounts.get(code);
    if (count !== undefined || this.errorCounts.size < ERROR_KINDS_MAX) {
      this.errorCounts.set(code, (count ?? 0) + 1);
    }
  }

  /** The command of a client that does not want every reply has ended. */
  #withhold(client: Connection): void {
    this.#settleReply(client);
    if (client.replyMode === "skip-next") client.replyMode = "skip";
    else if (client.replyMode === "skip") client.replyMode = "on";
  }

  /** Takes the reply back if the client wants none now. */
  #settleReply(client: Connection): void {
    if (client.replyMode === "off" || client.replyMode === "skip") this.#reply.at = this.#replyFrom;
    this.#replyFrom = this.#reply.at;
  }

  /** The client broke the protocol: it gets the error and is closed. */
  protocolError(client: Connection, error: string): void {
    this.#log.verbose(`Protocol error from client: ${client}`);
    const start = this.#reply.at;
    this.#reply.protocol = client.protocol;
    this.#reply.error(error);
    this.#countErrors();
    if (client.replyMode !== "on") this.#reply.at = start;
    client.closing = true;
  }
}

/** The first arguments as Redis shows them behind an unknown command. */
function argsShown(request: Request): string {
  let shown = "";
  for (let i = 1; i < request.count && shown.length < ARGS_SHOWN_BYTES; i++) {
    shown += `'${errors.shownArgument(request.text(i), ARGS_SHOWN_BYTES - shown.length)}' `;
  }
  return shown;
}
