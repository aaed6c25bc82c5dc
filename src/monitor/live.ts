/** What the monitor knows of the server: all that screens and texts are made of. */
import type { History } from "./history.ts";
import type { Rates, Reading } from "./reading.ts";
import type { KeySample } from "./sampler.ts";

export type Link =
  | { readonly kind: "connecting" }
  | { readonly kind: "up" }
  | { readonly kind: "down"; readonly reason: string; readonly retryAtMs: number };

export interface SlowCommand {
  readonly id: number;
  readonly unixSeconds: number;
  readonly usec: number;
  readonly args: readonly string[];
  readonly address: string;
  readonly name: string;
}

/** The fields of a line of CLIENT LIST. */
export type ClientLine = Readonly<Record<string, string>>;

export interface Live {
  /** Host and port, or the path of the socket. */
  readonly target: string;
  link: Link;
  reading: Reading | null;
  /** Null after the first reading of a server's life. */
  rates: Rates | null;
  history: History;
  slowlog: readonly SlowCommand[];
  clients: readonly ClientLine[];
  sample: KeySample;
}
