/** The directives that persistence uses. */

/** `appendfsync`. */
export type FsyncPolicy = "always" | "everysec" | "no";

export interface PersistenceSettings {
  readonly folder: string;
  readonly dbFileName: string;
  readonly appendOnly: boolean;
  readonly appendFolder: string;
  readonly appendFileName: string;
  readonly fsync: FsyncPolicy;
  readonly syncsWhileRewriting: boolean;
  readonly loadsTruncated: boolean;
  readonly rdbPreamble: boolean;
  readonly rewritePercentage: number;
  readonly rewriteMinBytes: number;
  readonly compressing: boolean;
  readonly checking: boolean;
  /** `rdb-dialect`. */
  readonly isValkey: boolean;
  readonly stopsWritesOnError: boolean;
  readonly stamping: boolean;
  /** Expired keys are loaded too: a replica deletes them when its primary sends the DEL. */
  readonly keepsExpired: boolean;
  /** `save`: seconds and changes. */
  readonly savePoints: readonly (readonly [number, number])[];
}
