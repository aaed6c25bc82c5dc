/** What the server has measured: INFO, SLOWLOG and LATENCY. */
export interface SlowlogEntry {
  readonly id: number;
  readonly unixSeconds: number;
  readonly usec: number;
  readonly args: readonly string[];
  readonly address: string;
  readonly name: string;
}

export interface LatencySample {
  readonly unixSeconds: number;
  readonly ms: number;
}

export interface FiguresService {
  readonly slowlog: { readonly entries: readonly SlowlogEntry[]; reset(): void };
  readonly latency: {
    readonly events: ReadonlyMap<string, readonly LatencySample[]>;
    reset(names: readonly string[]): number;
  };
  /** The text of INFO. */
  info(sections: readonly string[]): string;
  resetStats(): void;
}
