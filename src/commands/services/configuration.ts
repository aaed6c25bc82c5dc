/** Directives: CONFIG GET, SET and REWRITE. */
export interface ConfigService {
  /** Names and values of the directives that match any of the glob patterns. */
  get(patterns: readonly string[]): Map<string, string>;
  /** Sets all or none; returns an error text or "". `isLocal`: the client is on this machine. */
  set(pairs: readonly (readonly [string, string])[], isLocal: boolean): string;
  /** Whether no log may show the directive's value. */
  isSecret(name: string): boolean;
  /** Writes the configuration file; returns an error text or "". */
  rewrite(): string;
  number(name: "proto-max-bulk-len" | "latency-monitor-threshold" | "hll-sparse-max-bytes"): number;
}
