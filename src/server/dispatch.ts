/**
 * The one `call()`: every command, wherever it comes from, is looked up, checked, run, measured
 * and counted here.
 */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import {
  ALLOWED_LOADING,
  type Command,
  DENY_OOM,
  FAST,
  MAY_RUN_PAUSED,
  NO_AUTH_NEEDED,
  SKIP_SLOWLOG,
  WRITE,
} from "../commands/command.ts";
import type { CommandTable } from "../commands/command-table.ts";
import { type Client, Context, type Services } from "../commands/context.ts";
import { BLOCK_BYTES_MAX, OutOfMemory } from "../memory/heap.ts";
import type { Persistence } from "../persistence/persistence.ts";
import * as errors from "../protocol/errors.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";
import type { Request } from "../protocol/request.ts";
import type { Keyspace } from "../store/keyspace.ts";
import type { Connection } from "./connection.ts";
import type { LatencyMonitor } from "./latency.ts";
import type { Slowlog } from "./slowlog.ts";

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
  /** Commands run; refused ones do not count. */
  calls = 0;
  /** Error replies, in all and by code. */
  errorReplies = 0;
  readonly errorCounts = new Map<string, number>();
  /** `maxmemory`, bytes; 0 for none. */
  memoryMax = 0;
  /** `latency-tracking`. */
  tracking = true;
  pausedUntilMs = 0;
  pausedWritesOnly = false;
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
    this.#slowlog = options.slowlog;
    this.#latency = options.latency;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#context = new Context(options.writer, options.keyspace, options.services);
  }

  /** Sets the time that all commands of the batch see. */
  beginBatch(client: Connection): void {
    client.lastActiveMs = this.#clock.refresh();
    this.#timedUs = this.#clock.nowUs;
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
    const start = reply.at;
    reply.protocol = client.protocol;
    const command = this.#resolve(client, request);
    if (command !== null) {
      if (this.pausedUntilMs > 0 && this.#isPaused(command)) {
        client.paused = true;
        return false;
      }
      this.#run(command, client, request, start);
      this.calls++;
    }
    if (reply.errors > 0) this.#countErrors();
    if (client.replyMode !== "on") this.#withhold(client, start);
    return true;
  }

  #isPaused(command: Command): boolean {
    if (this.#clock.nowMs >= this.pausedUntilMs) return false;
    if (command.bits & MAY_RUN_PAUSED) return false;
    return !this.pausedWritesOnly || (command.bits & WRITE) !== 0;
  }

  /** The command to run, or null with the refusal replied. */
  #resolve(client: Connection, request: Request): Command | null {
    const reply = this.#reply;
    let command = this.#commands.find(request, 0);
    if (command === null) {
      const name = errors.shownArgument(request.text(0), ARGS_SHOWN_BYTES);
      reply.error(errors.unknownCommand(name, argsShown(request)));
      return null;
    }
    client.lastCommand = command.fullName;
    if (command.subcommands !== undefined && request.count > 1) {
      const sub = command.subcommands.get(request.text(1).toLowerCase());
      if (sub === undefined) {
        reply.error(errors.unknownSubcommand(request.text(1), command.spec.name));
        return null;
      }
      command = sub;
      client.lastCommand = command.fullName;
    }
    const { arity } = command;
    if ((arity > 0 && arity !== request.count) || request.count < -arity) {
      reply.error(errors.wrongArity(command.fullName));
      command.rejected++;
      return null;
    }
    if (!client.authenticated && (command.bits & NO_AUTH_NEEDED) === 0) {
      reply.error(errors.NO_AUTH);
      command.rejected++;
      return null;
    }
    const refusal = this.#persistence.loading
      ? (command.bits & ALLOWED_LOADING) === 0
        ? errors.LOADING
        : ""
      : command.bits & WRITE
        ? this.#persistence.refusal
        : "";
    if (refusal !== "") {
      reply.error(refusal);
      command.rejected++;
      return null;
    }
    if (command.bits & DENY_OOM && this.#isOutOfMemory(request)) {
      reply.error(errors.OOM);
      command.rejected++;
      return null;
    }
    return command;
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

  #run(command: Command, client: Connection, request: Request, start: number): void {
    const reply = this.#reply;
    const context = this.#context;
    context.args = request;
    context.client = client;
    context.db = client.database;
    context.dirty = 0;
    const { journal } = this.#persistence;
    context.journal = journal;
    context.effectWritten = false;
    this.#keyspace.touching = !client.noTouch;
    const isQuick =
      request.count <= command.quickArguments &&
      request.spanBytes <= QUICK_BYTES_MAX &&
      this.#slowlog.thresholdUsec > 0;
    if (!isQuick && this.#untimedCalls > 0) this.#timeQuickCalls();
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
    if (context.dirty > 0) {
      this.#persistence.changes += context.dirty;
      if (journal !== null && !context.effectWritten && command.bits & WRITE) {
        journal.begin(context.db.index, request.count).requestBody(request);
      }
    }
    if (reply.errors > 0) command.failed++;
    if (isQuick) {
      if (command.untimedCalls++ === 0) this.#untimed.push(command);
      this.#untimedCalls++;
      return;
    }
    const now = this.#clock.monotonicUs();
    const usec = now - this.#timedUs;
    this.#timedUs = now;
    command.record(1, usec, this.tracking);
    if (usec >= this.#slowlog.thresholdUsec && (command.bits & SKIP_SLOWLOG) === 0) {
      this.#slowlog.add(request, usec, client, this.#clock.nowMs, context.secrets);
    }
    // Commands with secrets are never quick, so that here is the place.
    context.secrets.length = 0;
    if (this.#latency.thresholdMs > 0 && usec >= this.#latency.thresholdMs * 1000) {
      this.#latency.add(command.bits & FAST ? "fast-command" : "command", usec, this.#clock.nowMs);
    }
  }

  #countErrors(): void {
    const reply = this.#reply;
    this.errorReplies += reply.errors;
    reply.errors = 0;
    const code = reply.lastError;
    const count = this.errorCounts.get(code);
    if (count !== undefined || this.errorCounts.size < ERROR_KINDS_MAX) {
      this.errorCounts.set(code, (count ?? 0) + 1);
    }
  }

  #withhold(client: Connection, start: number): void {
    if (client.replyMode === "skip-next") {
      client.replyMode = "skip";
      return;
    }
    this.#reply.at = start;
    if (client.replyMode === "skip") client.replyMode = "on";
  }

  /** Runs a command that was read from a file; throws where there is none of that name. */
  replay(client: Client, request: Request): void {
    const command = this.#commands.find(request, 0);
    const handler = command?.handler;
    if (handler === undefined) throw new Error(`unknown command '${request.text(0)}'`);
    const { arity } = command!;
    if ((arity > 0 && arity !== request.count) || request.count < -arity) {
      throw new Error(`wrong number of arguments for '${request.text(0)}'`);
    }
    const context = this.#context;
    const reply = this.#reply;
    // Before it stands what clients are told while the file is being read.
    const start = reply.at;
    context.args = request;
    context.client = client;
    context.db = client.database;
    context.journal = null;
    handler(context);
    const failed = reply.errors > 0;
    reply.at = start;
    reply.errors = 0;
    // Any other command may fail as it did before; after this one the next would go astray.
    if (failed && command!.spec.name === "select") {
      throw new Error(`there is no database '${request.text(1)}' (see databases)`);
    }
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

/** The first arguments as Redis shows them behind an unknown command. */
function argsShown(request: Request): string {
  let shown = "";
  for (let i = 1; i < request.count && shown.length < ARGS_SHOWN_BYTES; i++) {
    shown += `'${errors.shownArgument(request.text(i), ARGS_SHOWN_BYTES - shown.length)}' `;
  }
  return shown;
}
