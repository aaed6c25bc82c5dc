/** MULTI and EXEC: commands are queued, and run one after the other. */
import type { TransactionService } from "../../commands/services/transactions.ts";
import type { Command } from "../../commands/spec/command.ts";
import * as errors from "../../protocol/errors.ts";
import type { ReplyWriter } from "../../protocol/reply-writer.ts";
import { Request } from "../../protocol/request.ts";
import { RequestQueue } from "../../protocol/request-queue.ts";
import type { QueuedCommands } from "../connections/client-state.ts";
import type { Connection } from "../connections/connection.ts";
import type { KeyEvents } from "../keys/key-events.ts";
import type { Propagation } from "./propagation.ts";

/** The queue of a transaction that has ended is used again, unless it has become large. */
const SPARE_BYTES_MAX = 1 << 16;
const SPARES_MAX = 64;

class Transaction implements QueuedCommands {
  readonly requests = new RequestQueue();
  readonly commands: Command[] = [];
  /** The flags of all commands together. */
  bits = 0;
  /** A command was refused: EXEC will not run the others. */
  aborted = false;

  /** Once a command was refused, none will run and so none is kept. */
  queue(command: Command, request: Request): void {
    if (this.aborted) return;
    this.commands.push(command);
    this.requests.push(request);
    this.bits |= command.bits;
  }

  clear(): void {
    this.requests.clear();
    this.commands.length = 0;
    this.bits = 0;
    this.aborted = false;
  }
}

export interface TransactionOptions {
  readonly reply: ReplyWriter;
  readonly events: KeyEvents;
  readonly propagation: Propagation;
  readonly run: (client: Connection, command: Command, request: Request) => void;
}

export class Transactions implements TransactionService<Connection> {
  readonly #options: TransactionOptions;
  readonly #request = new Request();
  readonly #spares: QueuedCommands[] = [];
  /** A transaction is being executed. */
  executing = false;

  constructor(options: TransactionOptions) {
    this.#options = options;
  }

  begin(client: Connection): void {
    client.transaction = this.#spares.pop() ?? new Transaction();
  }

  #end(transaction: QueuedCommands): void {
    const { requests } = transaction;
    if (requests.usedBytes > SPARE_BYTES_MAX || this.#spares.length === SPARES_MAX) {
      requests.free();
      return;
    }
    transaction.clear();
    this.#spares.push(transaction);
  }

  discard(client: Connection): void {
    if (client.transaction !== null) this.#end(client.transaction);
    client.transaction = null;
    this.#options.events.unwatch(client);
  }

  execute(client: Connection): void {
    const { events, propagation, reply, run } = this.#options;
    const transaction = client.transaction!;
    const { aborted, commands, requests } = transaction;
    if (aborted || events.isBroken(client)) {
      this.discard(client);
      if (aborted) reply.error(errors.EXEC_ABORT);
      else reply.nullArray();
      return;
    }
    client.transaction = null;
    events.unwatch(client);
    reply.array(commands.length);
    this.executing = true;
    propagation.beginBlock();
    for (let i = 0; i < commands.length; i++) {
      requests.read(i, this.#request);
      run(client, commands[i]!, this.#request);
    }
    propagation.endBlock();
    this.executing = false;
    this.#end(transaction);
  }
}
