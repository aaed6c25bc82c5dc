/**
 * Stands in for a client while the append-only file is replayed. Like the client that Redis makes
 * for this it has no socket: what is written to it is lost.
 */
import type { Log } from "../../base/log.ts";
import type { Command } from "../../commands/spec/command.ts";
import { NO_SCRIPT, WRITE } from "../../commands/spec/command-info.ts";
import type { Request } from "../../protocol/request.ts";
import type { Database } from "../../store/database.ts";
import { type ClientSocket, Connection } from "../connections/connection.ts";
import { type Dispatch, FROM_FILE } from "./dispatch.ts";

const NAME_SHOWN_BYTES = 128;

const NO_SOCKET: ClientSocket = {
  readyState: 0,
  write: (_bytes, _from, length) => length,
  shutdown() {},
  end() {},
};

/** A client that the server makes for itself. */
export class InternalClient extends Connection {
  constructor(database: Database) {
    super({
      id: 0,
      socket: NO_SOCKET,
      address: "",
      localAddress: "",
      isLocal: true,
      isUnix: false,
      database,
      authenticated: true,
      nowMs: 0,
    });
  }
}

export class FileClient extends InternalClient {
  readonly #dispatch: Dispatch;
  readonly #log: Log;
  /** Commands that were skipped, each of which is logged once. */
  readonly #skipped = new Set<string>();

  constructor(database: Database, dispatch: Dispatch, log: Log) {
    super(database);
    this.#dispatch = dispatch;
    this.#log = log;
  }

  /** The command of the request; throws if the file cannot be replayed beyond it. */
  commandFor(request: Request): Command {
    const command = this.#dispatch.find(request);
    if (command?.handler === undefined) throw new Error(`unknown command '${shownName(request)}'`);
    if (!command.acceptsCount(request.count)) {
      throw new Error(`wrong number of arguments for '${shownName(request)}'`);
    }
    return command;
  }

  /** Runs a command of the file; throws like `commandFor`. */
  run(request: Request): void {
    const command = this.commandFor(request);
    const { fullName } = command;
    // In Redis, too, such commands (SUBSCRIBE, MONITOR, AUTH, …) change no data; most reply errors.
    if ((command.bits & (NO_SCRIPT | WRITE)) === NO_SCRIPT) {
      if (this.#skipped.has(fullName)) return;
      this.#skipped.add(fullName);
      this.#log.warning(
        `Skipped '${fullName}' in the append only file: it is not about data but about a connection or the process`,
      );
      return;
    }
    const error = this.#dispatch.executeSilently(command, this, request, FROM_FILE);
    // A command in the file may fail, as it did when it was first run. A failed SELECT may not:
    // later commands would go to the wrong database.
    if (error !== "" && fullName === "select") {
      throw new Error(`there is no database '${request.text(1)}' (see databases)`);
    }
  }
}

/** The name may be damage: of any length and with any bytes. */
function shownName(request: Request): string {
  return request
    .text(0)
    .slice(0, NAME_SHOWN_BYTES)
    .replace(/[^ -~]/g, "?");
}
