/** What the server has measured: INFO, MEMORY, SLOWLOG and LATENCY. */
import type { Figure } from "../../base/figure.ts";

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

export interface MemoryService {
  stats(): readonly Figure[];
  /** These return text for people. */
  doctor(): string;
  allocatorReport(): string;
  /** Gives back what can be given back: garbage at once, free pages in slices. */
  purge(): void;
}

export interface FiguresService {
  readonly memory: MemoryService;
  readonly slowlog: { readonly entries: readonly SlowlogEntry[]; reset(): void };
  readonly latency: {
    readonly events: ReadonlyMap<string, readonly LatencySample[]>;
    reset(names: readonly string[]): number;
  };
  /** The text of INFO. */
  info(sections: readonly string[]): string;
  resetStats(): void;
}
