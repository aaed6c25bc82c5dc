/** The client that the primary's commands come from: what CLIENT LIST shows of the link to it. */
import type { Database } from "../../store/database.ts";
import { clientLine } from "../connections/client-line.ts";
import { Replayer } from "./file-client.ts";

export class PrimaryClient extends Replayer {
  override readonly type = "master";
  override id = 0;
  override address = "";
  override createdMs = 0;
  /** When something was last received. */
  readonly #lastIoMs: () => number;

  constructor(database: Database, lastIoMs: () => number) {
    super(database);
    this.#lastIoMs = lastIoMs;
  }

  override describe(): string {
    return clientLine(
      {
        id: this.id,
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
        backlogPieces: 0,
        backlogBytes: 0,
        bufferBytes: 0,
        command: "NULL",
        protocol: this.protocol,
        libraryName: "",
        libraryVersion: "",
      },
      Date.now(),
    );
  }
}
