/** SAVE, BGSAVE and BGREWRITEAOF. */

/** What SHUTDOWN was told about saving. */
export type SaveMode = "save" | "nosave" | "default";

export interface PersistenceService {
  readonly lastSaveMs: number;
  readonly rewriteScheduled: boolean;
  /** `rdb-dialect`. */
  readonly isValkey: boolean;
  /** These return an error text, or "" (for `saveInBackground`: the reply). */
  save(): string;
  saveInBackground(scheduled: boolean): string;
  rewrite(): string;
  reload(): string;
  /** The same as soon as the transaction that is being executed has ended. */
  scheduleSave(): void;
  scheduleRewrite(): void;
}
