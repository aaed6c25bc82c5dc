/**
 * The memory of the process as the operating system counts it. On Linux it is read from a file that
 * stays open, so that a process which has no file descriptor left can still tell.
 */
import { heapSize } from "bun:jsc";
import { openSync, readSync } from "node:fs";
import { latin1Text } from "../../base/bytes.ts";
import { SEGMENT_BYTES } from "../../memory/heap.ts";

const STATUS_BYTES = 4096;
const status = new Uint8Array(STATUS_BYTES);
let statusFd = -1;
try {
  statusFd = openSync("/proc/self/status", "r");
} catch {
  // Not on this system.
}

let lastRssBytes = 0;

/** Bytes that are resident. */
export function residentBytes(): number {
  try {
    lastRssBytes = statusFd >= 0 ? readStatus() : process.memoryUsage.rss();
  } catch {
    // The last ones stand for them.
  }
  return lastRssBytes;
}

function readStatus(): number {
  const count = readSync(statusFd, status, 0, STATUS_BYTES, 0);
  const found = /^VmRSS:\s*(\d+) kB/m.exec(latin1Text(status, 0, count));
  return found === null ? process.memoryUsage.rss() : Number(found[1]) * 1024;
}

/**
 * Bytes of the JavaScript heap. The engine counts the segments of the data and their page tables
 * as parts of it, from the first collection on that sees them; both are left out.
 */
export function jsHeapBytes(pageTableBytes: number): number {
  const bytes = heapSize();
  if (bytes < SEGMENT_BYTES) return bytes;
  return Math.max(0, (bytes % SEGMENT_BYTES) - pageTableBytes);
}
