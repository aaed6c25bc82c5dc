/** What `ps` and `top` show of the process: `proc-title-template`, filled in. */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { basename } from "node:path";
import type { Config } from "../configuration/config.ts";

function titleOf(config: Config, port: number): string {
  const socket = config.text("unixsocket");
  const address = config.value("bind")[0]?.replace(/^-/, "") ?? "*";
  const values: Readonly<Record<string, string>> = {
    title: basename(process.execPath),
    "listen-addr": port > 0 || socket === "" ? `${address}:${port}` : `unixsocket:${socket}`,
    "server-mode": "",
    port: String(port),
    "tls-port": "0",
    unixsocket: socket,
    "config-file": config.file,
  };
  return config
    .text("proc-title-template")
    .replace(/\{([^{}]*)\}/g, (_, name) => values[name] ?? "")
    .trim();
}

/** Where the arguments of the process are in its memory. */
function argumentsSpan(): readonly [from: number, to: number] {
  const fields = readFileSync("/proc/self/stat", "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return [Number(fields[45]), Number(fields[46])];
}

let isWritable = false;

/** Allows the title to be written: to be called when nobody reads the arguments any more. */
export function allowTitle(): void {
  isWritable = process.platform === "linux";
}

/**
 * Writes the title over the process's own arguments, which is where Linux shows them from; as much
 * as there is room for. Nothing happens inside another program, or where it is not possible.
 */
export function showTitle(config: Config, port: number): void {
  if (!isWritable || !config.flag("set-proc-title")) return;
  try {
    const [from, to] = argumentsSpan();
    const bytes = Buffer.alloc(to - from);
    // The last byte stays zero: else Linux takes the environment for a part of the title.
    bytes.write(titleOf(config, port).slice(0, Math.max(0, bytes.length - 1)), "latin1");
    const fd = openSync("/proc/self/mem", "r+");
    try {
      writeSync(fd, bytes, 0, bytes.length, from);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The title is only for people who look at the list.
  }
}
