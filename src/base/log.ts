/** The server's log, in Redis's format: pid, role, time, level mark, message. */
import { appendFileSync } from "node:fs";

export const LOG_LEVELS = ["debug", "verbose", "notice", "warning", "nothing"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const MARKS = [".", "-", "*", "#"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

export class Log {
  level: LogLevel = "notice";
  /** Empty for standard output. */
  file = "";
  /** Nothing is written at all. */
  silent = false;

  debug(message: string): void {
    this.#write(0, message);
  }

  verbose(message: string): void {
    this.#write(1, message);
  }

  notice(message: string): void {
    this.#write(2, message);
  }

  warning(message: string): void {
    this.#write(3, message);
  }

  #write(level: number, message: string): void {
    if (this.silent || level < LOG_LEVELS.indexOf(this.level)) return;
    const now = new Date();
    const two = (n: number) => String(n).padStart(2, "0");
    const date = `${two(now.getDate())} ${MONTHS[now.getMonth()]} ${now.getFullYear()}`;
    const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
    const ms = String(now.getMilliseconds()).padStart(3, "0");
    const line = `${process.pid}:M ${date} ${time}.${ms} ${MARKS[level]} ${message}\n`;
    try {
      if (this.file === "") process.stdout.write(line);
      else appendFileSync(this.file, line);
    } catch {
      // A log that cannot be written must not take the server down.
    }
  }
}
