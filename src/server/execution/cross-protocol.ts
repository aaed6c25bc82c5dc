/**
 * HTTP that reaches the server. A web page can make the browser of somebody who may connect send a
 * request here, whose body is commands. `POST` and `Host:` stand at the beginning of a line of every
 * such request, so a client that sends one of them as a command is closed, and nothing runs of what
 * follows. `networking.c` of Redis does the same (securityWarningCommand).
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Request } from "../../protocol/request.ts";
import type { Connection } from "../connections/connection.ts";

/** An attack tries often, and must not fill the log. */
const LOG_PERIOD_MS = 60_000;

export function isHttp(request: Request): boolean {
  // HTTP requires no space behind `Host:`, so its value may be part of the word. Redis wants the word alone.
  return request.is(0, "post") || request.begins(0, "host:");
}

export class AttackLog {
  readonly #clock: Clock;
  readonly #log: Log;
  #loggedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  note(client: Connection): void {
    const { nowMs } = this.#clock;
    if (Math.abs(nowMs - this.#loggedMs) <= LOG_PERIOD_MS) return;
    this.#loggedMs = nowMs;
    this.#log.warning(
      `Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to StormDB. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your StormDB instance. Connection from ${client.address} aborted.`,
    );
  }
}
