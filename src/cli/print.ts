/** Writing to standard output and standard error. */
import { writeSync } from "node:fs";
import { printable } from "./printable.ts";

export function warn(text: string): void {
  write(2, Buffer.from(`${process.stderr.isTTY ? printable(text) : text}\n`));
}

/** Prints text of one character a byte. */
export function print(text: string): void {
  write(1, Buffer.from(text, "latin1"));
}

/** Written at once, so that nothing is lost when the process ends; a full pipe is waited for. */
export function write(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const { code } = error as { code?: string };
      // Nobody reads any more.
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
}
