/** The client that commands come from which are read from a file. */
import type { Client, ReplyMode } from "../../commands/context.ts";
import type { Database } from "../../store/database.ts";

export class Replayer implements Client {
  readonly id: number = 0;
  readonly address: string = "";
  readonly localAddress = "";
  readonly isLocal = true;
  readonly createdMs: number = 0;
  readonly lastActiveMs = 0;
  name = "";
  libraryName = "";
  libraryVersion = "";
  protocol = 2;
  authenticated = true;
  database: Database;
  noEvict = false;
  noTouch = false;
  replyMode: ReplyMode = "on";
  closing = false;
  hasWritten = false;
  lastWritePosition = 0;
  readonly subscriptions = null;
  readonly inTransaction = false;
  readonly isWaiting = false;
  readonly type: string = "normal";

  constructor(database: Database) {
    this.database = database;
  }

  describe(): string {
    return "";
  }
}
