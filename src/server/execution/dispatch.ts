/**
 * The one `call()`: every command, wherever it comes from, is looked up, checked, run, measured
 * and counted here.
 */
import { latin1Text } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { type Client, Context, type Services } from "../../commands/context.ts";
import {
  ADMIN,
  ALLOWED_LOADING,
  type Command,
  DENY_OOM,
  FAST,
  IMMEDIATE,
  MAY_REPLICATE,
  MAY_RUN_PAUSED,
  NO_AUTH_NEEDED,
  NO_MULTI,
  NO_SCRIPT,
  READ_ONLY,
  SKIP_SLOWLOG,
  STALE,
  WHILE_SUBSCRIBED,
  WRITE,
} from "../../commands/spec/command.ts";
import type { CommandTable } from "../../commands/spec/command-table.ts";
import { BLOCK_BYTES_MAX, OutOfMemory } from "../../memory/heap.ts";
import type { Journal } from "../../persistence/journal.ts";
import type { Persistence } from "../../persistence/persistence.ts";
import * as errors from "../../protocol/errors.ts";
import type { ReplyWriter } from "../../protocol/reply-writer.ts";
import type { Request } from "../../protocol/request.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { Connection } from "../connections/connection.ts";
import type { Output } from "../connections/output.ts";
import type { LatencyMonitor } from "../figures/latency-monitor.ts";
import type { Slowlog } from "../figures/slowlog.ts";
import type { Blocking } from "./blocking.ts";
import { AttackLog, isHttp } from "./cross-protocol.ts";
import type { Monitors } from "./monitors.ts";
import type { Propagation } from "./propagation.ts";

/** Room that is always left in the heap, so that a command never runs out of it half-way. */
const HEAP_RESERVE_BYTES = 64 * 1048576;
/** Room for nodes and slabs that a command may need beside what it brings, in one piece. */
const HEAP_RUN_BYTES = 1048576;
/** A request longer than this is timed by itself. */
const QUICK_BYTES_MAX = 8192;
const ARGS_SHOWN_BYTES = 128;
const ERROR_KINDS_MAX = 128;

export interface DispatchOptions {
  readonly commands: CommandTable;
  readonly keyspace: Keyspace;
  readonly services: Services;
  readonly writer: ReplyWriter;
  readonly slowlog: Slowlog;
  readonly latency: LatencyMonitor;
  readonly clock: Clock;
  readonly log: Log;
  readonly persistence: Persistence;
  readonly propagation: Propagation;
  readonly output: Output;
  readonly blocking: Blocking;
  readonly monitors: Monitors;
  /** Closes the client's connection at once; what it was to be sent is dropped. */
  readonly close: (client: Connection) => void;
}

export class Dispatch {
  readonly #commands: CommandTable;
  readonly #keyspace: Keyspace;
  readonly #context: Context;
  readonly #reply: ReplyWriter;
  readonly #slowlog: Slowlog;
  readonly #latency: LatencyMonitor;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #persistence: Persistence;
  readonly #propagation: Propagation;
  readonly #output: Output;
  readonly #blocking: Blocking;
  readonly #monitors: Monitors;
  readonly #attacks: AttackLog;
  readonly #close: (client: Connection) => void;
  /** Runs the request of a client that waits again; whether it has been replied to now. */
  readonly #retry = (client: Connection, request: Request) => this.#runAgain(client, request);
  /** Commands run; refused ones do not count. */
  calls = 0;
  /** Error replies, in all and by code. */
  errorReplies = 0;
  /** Of commands from the append-only file and from the primary, which had succeeded there. */
  unexpectedErrors = 0;
  readonly errorCounts = new Map<string, number>();
  /** `maxmemory`, bytes; 0 for none. */
  memoryMax = 0;
  /** `latency-tracking`. */
  tracking = true;
  pausedUntilMs = 0;
  /** From where on in the buffer of replies the client's mode decides whether they are sent. */
  #replyFrom = 0;
  pausedWritesOnly = false;
  /** Why clients may not write, and why they may not even read: a matter of replication; or "". */
  writeRefusal = "";
  readRefusal = "";
  /** Where commands are written down; null while nobody wants them. */
  #journal: Journal | null = null;
  /** Something is refused to all clients alike. */
  #isHindered = false;
  /** Up to where time has been given to commands, in µs. */
  #timedUs = 0;
  /** Commands called since then, and how often in all. */
  readonly #untimed: Command[] = [];
  #untimedCalls = 0;

  constructor(options: DispatchOptions) {
    this.#commands = options.commands;
    this.#keyspace = options.keyspace;
    this.#reply = options.writer;
    this.#persistence = options.persistence;
    this.#propagation = options.propagation;
    this.#output = options.output;
    this.#blocking = options.blocking;
    this.#monitors = options.monitors;
    this.#slowlog = options.slowlog;
    this.#latency = options.latency;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#attacks = new AttackLog(options.clock, options.log);
    this.#close = options.close;
    this.#context = new Context(options.writer, options.keyspace, options.services);
  }

  /** Sets the time that all commands of the batch see. */
  beginBatch(client: Connection): void {
    client.lastActiveMs = this.#clock.refresh();
    this.#timedUs = this.#clock.nowUs;
    this.refreshConditions();
  }

  /** To be called where what holds for all commands may have changed within a batch. */
  refreshConditions(): void {
    const { loading, refusal } = this.#persistence;
    this.#journal = this.#propagation.journal;
    this.#isHindered =
      loading || refusal !== "" || this.writeRefusal !== "" || this.readRefusal !== "";
  }

  endBatch(): void {
    if (this.#untimedCalls > 0) this.#timeQuickCalls();
  }

  /** Gives each of the quick calls since the last reading of the clock an equal share of the time. */
  #timeQuickCalls(): void {
    const now = this.#clock.monotonicUs();
    const usec = (now - this.#timedUs) / this.#untimedCalls;
    this.#timedUs = now;
    for (let i = 0; i < this.#untimed.length; i++) {
      const command = this.#untimed[i]!;
      command.record(command.untimedCalls, usec, this.tracking);
      command.untimedCalls = 0;
    }
    this.#untimed.length = 0;
    this.#untimedCalls = 0;
  }

  /** Runs one request. False: not now, the client has been paused. */
  call(client: Connection, request: Request): boolean {
    const reply = this.#reply;
    this.#replyFrom = reply.at;
    reply.protocol = client.protocol;
    const command = this.#resolve(client, request);
    if (command !== null) {
      if (this.pausedUntilMs > 0 && this.#isPaused(command, client)) {
        client.paused = true;
        return false;
      }
      const { transaction } = client;
      if (transaction === null || command.bits & IMMEDIATE) {
        this.#run(command, client, request);
      } else {
        transaction.queue(command, request);
        reply.simple("QUEUED");
      }
    }
    if (reply.errors > 0) this.#countErrors();
    if (client.replyMode !== "on" && !client.isWaiting) this.#withhold(client);
    if (this.#blocking.hasReady) this.#serveWaiting(client);
    return true;
  }

  #isPaused(command: Command, client: Connection): boolean {
    if (this.#clock.nowMs >= this.pausedUntilMs) return false;
    if (command.bits & MAY_RUN_PAUSED || client.isReplica) return false;
    return !this.pausedWritesOnly || (flagsOf(command, client) & (WRITE | MAY_REPLICATE)) !== 0;
  }

  /** The command to run, or null with the refusal replied. */
  #resolve(client: Connection, request: Request): Command | null {
    let command = this.#commands.find(request, 0);
    if (command === null) {
      if (isHttp(request)) {
        this.#attacks.note(client);
        this.#close(client);
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
    if (!command.takes(request.count)) {
      return this.#refuse(client, command, errors.wrongArity(command.fullName));
    }
    const refusal = this.#refusal(command, client, request);
    return refusal === "" ? command : this.#refuse(client, command, refusal);
  }

  /** Replies with an error in place of running the command; a transaction will not run either. */
  #refuse(client: Connection, command: Command | null, error: string): null {
    if (command !== null) command.rejected++;
    else client.lastCommand = "NULL";
    if (client.transaction !== null) client.transaction.aborted = true;
    const isExec = command?.spec.name === "exec";
    if (isExec) this.#context.server.transactions.discard(client);
    this.#reply.error(isExec ? errors.execAbort(error) : error);
    return null;
  }

  /** Why the command may not run now, or "". */
  #refusal(command: Command, client: Connection, request: Request): string {
    if (!this.#isHindered && client.isPlain) {
      return command.bits & DENY_OOM && this.#isOutOfMemory(request) ? errors.OOM : "";
    }
    const { transaction } = client;
    const flags = transaction === null ? command.bits : flagsOf(command, client);
    if (!client.authenticated && (flags & NO_AUTH_NEEDED) === 0) return errors.NO_AUTH;
    if (transaction !== null && flags & NO_MULTI) return errors.NOT_IN_TRANSACTION;
    const isQueued = transaction !== null && (flags & IMMEDIATE) === 0;
    if ((flags & DENY_OOM || isQueued) && this.#isOutOfMemory(request)) return errors.OOM;
    const persistence = this.#persistence;
    if (flags & WRITE && persistence.refusal !== "" && !persistence.loading) {
      return persistence.refusal;
    }
    if (flags & WRITE && this.writeRefusal !== "") return this.writeRefusal;
    if (
      client.subscriptions !== null &&
      client.protocol === 2 &&
      (flags & WHILE_SUBSCRIBED) === 0
    ) {
      return errors.subscribersOnly(command.fullName);
    }
    if (this.readRefusal !== "" && (flags & STALE) === 0) return this.readRefusal;
    if (persistence.loading && (flags & ALLOWED_LOADING) === 0) return errors.LOADING;
    const isFeed = client.isMonitor || client.isReplica;
    if (isFeed && flags & (WRITE | READ_ONLY | MAY_REPLICATE)) return errors.MONITOR_ONLY;
    return "";
  }

  #isOutOfMemory(request: Request): boolean {
    const { heap } = this.#keyspace;
    const used = heap.usedBytes;
    if (this.memoryMax > 0 && used > this.memoryMax) return true;
    if (heap.canGrow) return false;
    const bytes = request.spanBytes;
    if (used + bytes * 2 + HEAP_RESERVE_BYTES > heap.capacityBytes) return true;
    // What is free may lie in pieces that are too small, or within slabs for other sizes.
    return !heap.hasRoomFor(Math.min(BLOCK_BYTES_MAX, bytes + (bytes >>> 3) + HEAP_RUN_BYTES));
  }

  /** Runs a command that nothing speaks against, measures and counts it. */
  #run(command: Command, client: Connection, request: Request): void {
    const context = this.#context;
    const isQuick =
      request.count <= command.quickArguments &&
      request.spanBytes <= QUICK_BYTES_MAX &&
      this.#slowlog.thresholdUsec > 0;
    if (!isQuick && this.#untimedCalls > 0) this.#timeQuickCalls();
    const started = this.#timedUs;
    this.#invoke(command, client, request);
    if (this.#monitors.count > 0 && (command.bits & ADMIN) === 0) {
      this.#monitors.show(client, client.database.index, request, context.secrets);
    }
    if (isQuick && !context.isLong) {
      if (command.untimedCalls++ === 0) this.#untimed.push(command);
      this.#untimedCalls++;
      return;
    }
    // Those of a transaction, if this was an EXEC. Quick ones before a long one share in what follows.
    if (!isQuick && this.#untimedCalls > 0) this.#timeQuickCalls();
    const now = this.#clock.monotonicUs();
    const usec = now - started;
    this.#timedUs = now;
    command.record(1, usec, this.tracking);
    if (usec >= this.#slowlog.thresholdUsec && (command.bits & SKIP_SLOWLOG) === 0) {
      this.#slowlog.add(request, usec, client, this.#clock.nowMs, context.secrets);
    }
    // Commands with secrets are never quick, so that here is the place.
    context.secrets.length = 0;
    this.refreshConditions();
    if (this.#latency.thresholdMs > 0 && usec >= this.#latency.thresholdMs * 1000) {
      this.#latency.add(command.bits & FAST ? "fast-command" : "command", usec, this.#clock.nowMs);
    }
  }

  /** Lets the handler reply, and writes down what has changed. */
  #invoke(command: Command, client: Connection, request: Request): void {
    const reply = this.#reply;
    const start = reply.at;
    const context = this.#context;
    this.#begin(client, request);
    this.#keyspace.touching = !client.noTouch;
    this.calls++;
    try {
      command.handler!(context);
    } catch (error) {
      reply.at = start;
      if (error instanceof OutOfMemory) {
        // What asks for more than `#isOutOfMemory` saw to does so before it changes anything.
        context.dirty = 0;
        reply.error(errors.OOM);
      } else {
        this.#log.warning(`${command.fullName} failed: ${(error as Error).stack ?? error}`);
        reply.error("ERR internal error, see the server's log");
      }
    }
    this.#writeDown(command, request);
    if (reply.errors > 0) command.failed++;
  }

  #begin(client: Client, request: Request): void {
    const context = this.#context;
    context.args = request;
    context.client = client;
    context.db = client.database;
    context.dirty = 0;
    context.journal = this.#journal;
    context.effectWritten = false;
    context.isLong = false;
  }

  /** Puts the command into the journal, if it has changed something and not done so itself. */
  #writeDown(command: Command, request: Request): void {
    const { client, db, dirty, effectWritten, journal } = this.#context;
    if (dirty === 0) return;
    client.hasWritten = true;
    this.#persistence.changes += dirty;
    if (journal !== null && !effectWritten && command.bits & WRITE) {
      journal.begin(db.index, request.count).requestBody(request);
    }
  }

  /** Runs a command of a transaction, from within EXEC. */
  runQueued(client: Connection, command: Command, request: Request): void {
    const context = this.#context;
    const { args } = context;
    context.mayBlock = false;
    // Each command may change whether the client wants replies.
    this.#settleReply(client);
    this.#run(command, client, request);
    if (this.#reply.errors > 0) this.#countErrors();
    this.#settleReply(client);
    context.mayBlock = true;
    // What is left is EXEC's, which changes nothing itself.
    context.args = args;
    context.dirty = 0;
  }

  /** Serves the clients that wait for keys that the client's command has made. */
  #serveWaiting(client: Connection): void {
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
    this.#invoke(this.#commands.find(request, 0)!, client, request);
    if (reply.errors > 0) this.#countErrors();
    const hasReplied = reply.at > start;
    this.#replyFrom = start;
    if (hasReplied && client.replyMode !== "on") this.#withhold(client);
    output.endReply(client);
    output.end(client);
    return hasReplied;
  }

  /** The command that the client waits with ends with the error that was written to `writer`. */
  countUnblocked(client: Connection, writer: ReplyWriter): void {
    this.#countErrors(writer);
    const command = this.#commands.byName(client.lastCommand);
    if (command !== undefined) command.failed++;
  }

  #countErrors(reply = this.#reply): void {
    this.errorReplies += reply.errors;
    reply.errors = 0;
    const code = reply.lastError;
    const count = this.errorCounts.get(code);
    if (count !== undefined || this.errorCounts.size < ERROR_KINDS_MAX) {
      this.errorCounts.set(code, (count ?? 0) + 1);
    }
  }

  /** The command is over, of a client that does not want every reply. */
  #withhold(client: Connection): void {
    this.#settleReply(client);
    if (client.replyMode === "skip-next") client.replyMode = "skip";
    else if (client.replyMode === "skip") client.replyMode = "on";
  }

  /** What has been written is taken back if the client wants no replies now; else it stays. */
  #settleReply(client: Connection): void {
    if (client.replyMode === "off" || client.replyMode === "skip") this.#reply.at = this.#replyFrom;
    this.#replyFrom = this.#reply.at;
  }

  /** The command that was read from a file; throws if there is none of that name and arity. */
  commandOfFile(request: Request): Command {
    const command = this.#commands.find(request, 0);
    const name = () =>
      request
        .text(0)
        .slice(0, 128)
        .replace(/[^ -~]/g, "?");
    if (command?.handler === undefined) throw new Error(`unknown command '${name()}'`);
    if (!command.takes(request.count)) {
      throw new Error(`wrong number of arguments for '${name()}'`);
    }
    return command;
  }

  /** Runs a command that was read from a file. */
  replay(client: Client, request: Request): void {
    const command = this.commandOfFile(request);
    const handler = command.handler!;
    const context = this.#context;
    const reply = this.#reply;
    // Before it stands what clients are told while the file is being read.
    const start = reply.at;
    this.#begin(client, request);
    // It is in the file already.
    context.journal = null;
    context.mayBlock = false;
    handler(context);
    context.mayBlock = true;
    const failed = reply.errors > 0;
    if (failed) this.unexpectedErrors++;
    reply.at = start;
    reply.errors = 0;
    // Any other command may fail as it did before; after this one the next would go astray.
    if (failed && command.spec.name === "select") {
      throw new Error(`there is no database '${request.text(1)}' (see databases)`);
    }
  }

  /** Runs a command of the primary that this server follows: it is not refused, and not answered. */
  apply(client: Client, request: Request): void {
    const reply = this.#reply;
    const command = this.#commands.find(request, 0);
    const handler = command?.handler;
    if (handler === undefined) {
      this.#log.warning(
        `The master sent a command that is unknown here: '${request.text(0)}'. The data is not the same any more.`,
      );
      return;
    }
    const isAboutConnection = (command!.bits & (NO_SCRIPT | WRITE)) === NO_SCRIPT;
    // What is about a connection has none here.
    if (isAboutConnection || !command!.takes(request.count)) {
      this.#log.warning(`The master sent a '${command!.fullName}' that cannot be repeated.`);
      return;
    }
    const start = reply.at;
    const context = this.#context;
    this.refreshConditions();
    this.#begin(client, request);
    context.mayBlock = false;
    // Keys expire when the primary says so.
    this.#keyspace.frozen = true;
    const { index } = client.database;
    try {
      handler(context);
    } finally {
      this.#keyspace.frozen = false;
      context.mayBlock = true;
    }
    if (this.#monitors.count > 0) this.#monitors.show(client, index, request, context.secrets);
    context.secrets.length = 0;
    if (reply.errors > 0) {
      this.unexpectedErrors++;
      const text = latin1Text(reply.bytes, start, reply.at).trim();
      this.#log.warning(`This replica fails to repeat '${command!.fullName}': ${text}`);
    }
    reply.at = start;
    reply.errors = 0;
    this.calls++;
    this.#writeDown(command!, request);
    if (this.#blocking.hasReady) this.#blocking.serve(this.#retry);
  }

  /** The client broke the protocol: it is told, and closed. */
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

/** The flags that decide whether the command may run: for EXEC those of what it will run too. */
function flagsOf(command: Command, client: Connection): number {
  const { transaction } = client;
  if (transaction === null || command.spec.name !== "exec") return command.bits;
  return command.bits | (transaction.bits & (WRITE | DENY_OOM | MAY_REPLICATE));
}

/** The first arguments as Redis shows them behind an unknown command. */
function argsShown(request: Request): string {
  let shown = "";
  for (let i = 1; i < request.count && shown.length < ARGS_SHOWN_BYTES; i++) {
    shown += `'${errors.shownArgument(request.text(i), ARGS_SHOWN_BYTES - shown.length)}' `;
  }
  return shown;
}
