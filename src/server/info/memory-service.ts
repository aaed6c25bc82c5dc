/** What commands may ask about memory, and the one thing they may do. */
import { fullGC } from "bun:jsc";
import type { Figure } from "../../base/figure.ts";
import type { MemoryService } from "../../commands/services/figures.ts";
import type { MemorySource } from "./memory-account.ts";
import { allocatorReport, memoryDoctor } from "./memory-report.ts";
import { memoryStats } from "./memory-stats.ts";

export interface MemoryServiceSource extends MemorySource {
  readonly background: { purge(): void };
}

export class ServerMemory implements MemoryService {
  readonly #source: MemoryServiceSource;

  constructor(source: MemoryServiceSource) {
    this.#source = source;
  }

  stats(): Figure[] {
    return memoryStats(this.#source);
  }

  doctor(): string {
    return memoryDoctor(this.#source);
  }

  allocatorReport(): string {
    return allocatorReport(this.#source);
  }

  purge(): void {
    fullGC();
    this.#source.background.purge();
  }
}
