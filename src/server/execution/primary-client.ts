/** Stands for the primary: runs the commands of the replication stream, and is a line in CLIENT LIST. */
import type { Log } from "../../base/log.ts";
import { NO_SCRIPT, WRITE } from "../../commands/spec/command-info.ts";
import type { Request } from "../../protocol/request.ts";
import type { Database } from "../../store/database.ts";
import { clientLine } from "../connections/client-line.ts";
import { type Dispatch, FROM_PRIMARY } from "./dispatch.ts";
import { InternalClient } from "./file-client.ts";

export class PrimaryClient extends InternalClient {
  /** Each link to a primary is a new client. */
  override id = 0;
  override address = "";
  override createdMs = 0;
  readonly #dispatch: () => Dispatch;
  readonly #log: Log;
  /** When something was last received. */
  readonly #lastIoMs: () => number;

  constructor(database: Database, dispatch: () => Dispatch, log: Log, lastIoMs: () => number) {
    super(database);
    this.#dispatch = dispatch;
    this.#log = log;
    this.#lastIoMs = lastIoMs;
  }

  /** Runs a command of the stream. What cannot be run is logged: the data sets differ from then on. */
  run(request: Request): void {
    const dispatch = this.#dispatch();
    const command = dispatch.find(request);
    if (command?.handler === undefined) {
      this.#log.warning(
        `The master sent a command that is unknown here: '${request.text(0)}'. The data is not the same any more.`,
      );
      return;
    }
    const isAboutConnection = (command.bits & (NO_SCRIPT | WRITE)) === NO_SCRIPT;
    if (isAboutConnection || !command.acceptsCount(request.count)) {
      this.#log.warning(`The master sent a '${command.fullName}' that cannot be repeated.`);
      return;
    }
    const error = dispatch.executeSilently(command, this, request, FROM_PRIMARY);
    if (error !== "") {
      this.#log.warning(`This replica fails to repeat '${command.fullName}': ${error}`);
    }
    dispatch.serveWaiting();
  }

  override get type(): string {
    return "master";
  }

  override describe(): string {
    return clientLine(
      {
        id: this.id,
        fd: -1,
        address: this.address,
        localAddress: "",
        name: "",
        createdMs: this.createdMs,
        lastActiveMs: this.#lastIoMs(),
        flags: "M",
        databaseIndex: this.database.index,
        channels: 0,
        patterns: 0,
        shardChannels: 0,
        queuedCommands: -1,
        queuedBytes: 0,
        inputBytes: 0,
        inputFreeBytes: 0,
        argumentBytes: 0,
        replyBytes: 0,
        unsentPieces: 0,
        outputBytes: 0,
        totalBytes: 0,
        command: "NULL",
        protocol: this.protocol,
        libraryName: "",
        libraryVersion: "",
      },
      Date.now(),
    );
  }
}
