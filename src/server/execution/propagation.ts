/**
 * Propagation: commands that change the data set are collected in one journal for the length of a
 * tick; before the tick's replies leave, the same bytes go to the append-only file and into the
 * replication stream. Persistence and replication are its two outlets and know nothing of each
 * other.
 */
import { Journal, type PropagationService } from "../../persistence/journal.ts";
import type { ReplicationOffset } from "../../persistence/replication-offset.ts";
import type { Database } from "../../store/database.ts";

/** The append-only file. */
export interface AppendLogOutlet {
  readonly loading: boolean;
  readonly aofEnabled: boolean;
  /** Changes since the last save. */
  changes: number;
  /** Takes the commands of a tick, and syncs as its policy says; called without commands too. */
  append(commands: Uint8Array): void;
}

/** The replication stream that this server writes. */
export interface ReplicaOutlet {
  readonly wantsCommands: boolean;
  /** The replication offset of the data set; null where it is not known. */
  readonly offset: ReplicationOffset | null;
  feed(commands: Uint8Array): void;
}

const NO_COMMANDS = new Uint8Array(0);

export class Propagation implements PropagationService {
  readonly #journal = new Journal();
  #appendLog!: AppendLogOutlet;
  #replicas!: ReplicaOutlet;

  /** Called once: the outlets are made after propagation, because they use it. */
  connect(appendLog: AppendLogOutlet, replicas: ReplicaOutlet): void {
    this.#appendLog = appendLog;
    this.#replicas = replicas;
  }

  /** Where commands are written; null while no outlet wants them. */
  get journal(): Journal | null {
    const isWanted = this.#appendLog.aofEnabled || this.#replicas.wantsCommands;
    return isWanted && !this.#appendLog.loading ? this.#journal : null;
  }

  get usedBytes(): number {
    return this.#journal.usedBytes;
  }

  get offset(): ReplicationOffset | null {
    return this.#replicas.offset;
  }

  flush(): void {
    const journal = this.#journal;
    // Neither outlet may get a part of a transaction.
    if (journal.inBlock) return;
    if (journal.usedBytes === 0) {
      this.#appendLog.append(NO_COMMANDS);
      return;
    }
    // First, so that the append log can note the offset behind these commands.
    this.#replicas.feed(journal.forReplicas());
    this.#appendLog.append(this.#appendLog.aofEnabled ? journal.forDisk() : NO_COMMANDS);
    journal.reset();
  }

  mark(): void {
    this.flush();
    this.#journal.forgetDatabase();
  }

  beginBlock(): void {
    this.#journal.beginBlock();
  }

  endBlock(): void {
    this.#journal.endBlock();
  }

  /** Propagates the deletion of a key that was not deleted by a command: it has expired. */
  deleteKey(database: Database, ref: number): void {
    this.#appendLog.changes++;
    const out = this.journal?.begin(database.index, 2);
    if (out === undefined) return;
    out.text("DEL");
    out.argument(database.bytesOf(ref), database.keyAt(ref), database.keyLength(ref));
  }

  /** A field of the hash at `ref` has expired. */
  deleteField(
    database: Database,
    ref: number,
    field: Uint8Array,
    from: number,
    length: number,
  ): void {
    this.#appendLog.changes++;
    const out = this.journal?.begin(database.index, 3);
    if (out === undefined) return;
    out.text("HDEL");
    out.argument(database.bytesOf(ref), database.keyAt(ref), database.keyLength(ref));
    out.argument(field, from, length);
  }
}
