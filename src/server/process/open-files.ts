/** How many clients the system's limit on open files allows. */
import { readFileSync } from "node:fs";

/** Descriptors for everything that is not a client. */
const OTHER_FILES = 32;

/** The soft limit on open files, which the runtime raises to the hard one; Infinity where it is not known. */
export function openFilesMax(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "latin1");
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    // Only Linux tells it in this way.
    return Number.POSITIVE_INFINITY;
  }
}

export function clientsMax(): number {
  return Math.max(1, openFilesMax() - OTHER_FILES);
}
