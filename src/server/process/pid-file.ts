/** The file that holds the process id while the server runs: `pidfile`. */
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import type { Log } from "../../base/log.ts";

/** Where a server in the background puts it if nobody says. */
export const DAEMON_PID_FILE = "/var/run/stormdb.pid";

/** Without it the server runs all the same. */
export function writePidFile(path: string, log: Log): void {
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    log.warning(`Can't write the pidfile '${path}': ${(error as Error).message}`);
  }
}

/** Removes it, unless another server has put its own there. */
export function removePidFile(path: string): void {
  try {
    if (readFileSync(path, "latin1") === `${process.pid}\n`) unlinkSync(path);
  } catch {
    // It could not be written, or is gone.
  }
}
