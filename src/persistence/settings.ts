/** What the configuration says of persistence. */

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
  readonly stopsWritesOnError: boolean;
  readonly stamping: boolean;
  /** Keys whose time has come are loaded all the same: the primary says when they go. */
  readonly keepsExpired: boolean;
  /** Seconds and changes. */
  readonly savePoints: readonly (readonly [number, number])[];
}
