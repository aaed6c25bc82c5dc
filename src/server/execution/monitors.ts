/** Clients in MONITOR mode: each command that runs is shown to them as a line. */
import type { Clock } from "../../base/clock.ts";
import { REDACTED } from "../../commands/context.ts";
import type { Client } from "../../commands/services/client.ts";
import type { ReplyWriter } from "../../protocol/reply-writer.ts";
import type { Request } from "../../protocol/request.ts";
import type { Connection } from "../connections/connection.ts";
import type { Output } from "../connections/output.ts";

/** Lines are the same in every protocol. */
const PROTOCOL = 2;
/** Bytes of an argument that are shown: one value must not cost all clients time, nor a monitor its connection. */
const SHOWN_BYTES_MAX = 1 << 20;

export class Monitors {
  readonly #clients = new Set<Connection>();
  readonly #clock: Clock;
  readonly #output: Output;

  constructor(clock: Clock, output: Output) {
    this.#clock = clock;
    this.#output = output;
  }

  get count(): number {
    return this.#clients.size;
  }

  add(client: Connection): void {
    client.isMonitor = true;
    this.#clients.add(client);
  }

  remove(client: Connection): void {
    client.isMonitor = false;
    this.#clients.delete(client);
  }

  /** Shows a command that `client` ran in database `index`; `secrets` are indexes of its arguments. */
  show(client: Client, index: number, request: Request, secrets: readonly number[]): void {
    const us = this.#clock.wallUs();
    const seconds = Math.floor(us / 1e6);
    const fraction = String(us % 1e6).padStart(6, "0");
    const writer = this.#output.pushWriter(PROTOCOL);
    const from = writer.at;
    writer.beginSimple();
    writer.characters(`${seconds}.${fraction} [${index} ${client.address}]`);
    for (let i = 0; i < request.count; i++) {
      writer.characters(" ");
      if (secrets.length > 0 && secrets.includes(i)) writer.characters(`"${REDACTED}"`);
      else showArgument(writer, request.bytes, request.start[i]!, request.length[i]!);
    }
    writer.endLine();
    for (const monitor of this.#clients) {
      // Unlike messages, lines count as replies.
      if (monitor.replyMode === "off" || monitor.replyMode === "skip") continue;
      this.#output.push(monitor, PROTOCOL, from, writer.at);
    }
  }
}

/** Of an argument that is very long only the beginning is shown. */
function showArgument(writer: ReplyWriter, bytes: Uint8Array, from: number, length: number): void {
  const shown = Math.min(length, SHOWN_BYTES_MAX);
  writer.quoted(bytes, from, shown);
  if (shown < length) writer.characters(`... (${length - shown} more bytes)`);
}
