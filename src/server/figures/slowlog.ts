/** The slowest commands: SLOWLOG. */
import { latin1Text } from "../../base/bytes.ts";
import { REDACTED } from "../../commands/context.ts";
import type { Client } from "../../commands/services/client.ts";
import type { SlowlogEntry } from "../../commands/services/figures.ts";
import type { Request } from "../../protocol/request.ts";

const ARGS_MAX = 32;
const ARG_BYTES_MAX = 128;

export class Slowlog {
  /** `slowlog-log-slower-than` in µs; Infinity where nothing is logged. */
  thresholdUsec = 10000;
  /** The latest first. */
  readonly entries: SlowlogEntry[] = [];
  #lengthMax = 128;
  #nextId = 0;

  setLengthMax(lengthMax: number): void {
    this.#lengthMax = lengthMax;
    this.entries.length = Math.min(this.entries.length, lengthMax);
  }

  /** `secrets`: indexes of arguments that are not shown. */
  add(
    request: Request,
    usec: number,
    client: Client,
    nowMs: number,
    secrets: readonly number[],
  ): void {
    const args: string[] = [];
    const shown = request.count > ARGS_MAX ? ARGS_MAX - 1 : request.count;
    for (let i = 0; i < shown; i++) {
      args.push(secrets.includes(i) ? REDACTED : shownArgument(request, i));
    }
    if (shown < request.count) args.push(`... (${request.count - shown} more arguments)`);
    this.entries.unshift({
      id: this.#nextId++,
      unixSeconds: Math.floor(nowMs / 1000),
      usec: Math.floor(usec),
      args,
      address: client.address,
      name: client.name,
    });
    if (this.entries.length > this.#lengthMax) this.entries.length = this.#lengthMax;
  }

  reset(): void {
    this.entries.length = 0;
  }
}

/** Its first bytes alone become text: a part of a long text would keep all of it alive. */
function shownArgument({ bytes, length, start }: Request, index: number): string {
  const from = start[index]!;
  const more = length[index]! - ARG_BYTES_MAX;
  const text = latin1Text(bytes, from, from + Math.min(length[index]!, ARG_BYTES_MAX));
  return more > 0 ? `${text}... (${more} more bytes)` : text;
}
