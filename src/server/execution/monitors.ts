/** Clients in MONITOR mode: each command that runs is shown to them as a line. */
import type { Clock } from "../../base/clock.ts";
import { REDACTED } from "../../commands/context.ts";
import type { Client } from "../../commands/services/client.ts";
import { quote } from "../../protocol/arguments.ts";
import type { Request } from "../../protocol/request.ts";
import type { Connection } from "../connections/connection.ts";
import type { Output } from "../connections/output.ts";

/** Lines are the same in every protocol. */
const PROTOCOL = 2;

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
    const words: string[] = [];
    for (let i = 0; i < request.count; i++) {
      words.push(quote(secrets.includes(i) ? REDACTED : request.text(i)));
    }
    const writer = this.#output.pushWriter(PROTOCOL);
    const from = writer.at;
    writer.simple(`${seconds}.${fraction} [${index} ${client.address}] ${words.join(" ")}`);
    for (const monitor of this.#clients) {
      // Unlike messages, lines count as replies.
      if (monitor.replyMode === "off" || monitor.replyMode === "skip") continue;
      this.#output.push(monitor, PROTOCOL, from, writer.at);
    }
  }
}
