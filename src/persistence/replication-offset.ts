/** The replication offset of a data set, and how files record it. */
import type { RdbReader } from "./snapshot/reader.ts";

/** The data set is what the commands of the stream `replid` make up to `offset`. */
export interface ReplicationOffset {
  /** Names the stream: 40 hexadecimal digits. */
  readonly replid: string;
  /** Bytes of the stream. */
  readonly offset: number;
  /** The database that the stream's next command is for. */
  readonly databaseIndex: number;
}

const REPLID = /^[0-9a-f]{40}$/;

/** A checksum, so that a flipped bit is not taken for another offset. */
function checksum(text: string): string {
  return Bun.hash.crc32(text).toString(16).padStart(8, "0");
}

/**
 * An annotation behind commands in the append-only file: the offset that they end at. Redis skips
 * lines that begin with #.
 */
export function formatOffset({ databaseIndex, offset, replid }: ReplicationOffset): string {
  const text = `#REPL:${replid} ${offset} ${databaseIndex}`;
  return `${text} ${checksum(text)}\r\n`;
}

/** The offset that an annotation names; null if it names none or is damaged. */
export function parseOffset(line: string): ReplicationOffset | null {
  const found = /^(#REPL:([0-9a-f]{40}) ([0-9]+) ([0-9]+))(?: ([0-9a-f]{8}))?\r?$/.exec(line);
  if (found === null) return null;
  const [, text, replid, offset, databaseIndex, sum] = found;
  // Earlier versions wrote none.
  if (sum !== undefined && sum !== checksum(text!)) return null;
  return checked({
    replid: replid!,
    offset: Number(offset),
    databaseIndex: Number(databaseIndex),
  });
}

/** The offset that the fields of an RDB name; null without one. */
export function offsetOf({ aux }: RdbReader): ReplicationOffset | null {
  const replid = aux.get("repl-id") ?? "";
  const offset = aux.get("repl-offset") ?? "";
  if (!/^[0-9]+$/.test(offset)) return null;
  return checked({ replid, offset: Number(offset), databaseIndex: streamDatabaseOf(aux) });
}

/** The database that the stream's next command is for where the data of an RDB ends. */
export function streamDatabaseOf(aux: ReadonlyMap<string, string>): number {
  const index = Number(aux.get("repl-stream-db") ?? 0);
  return Number.isSafeInteger(index) && index >= 0 ? index : 0;
}

function checked(offset: ReplicationOffset): ReplicationOffset | null {
  const isSafe = Number.isSafeInteger(offset.offset) && Number.isSafeInteger(offset.databaseIndex);
  return isSafe && REPLID.test(offset.replid) ? offset : null;
}

/** The same as fields of an RDB. */
export function offsetFields(offset: ReplicationOffset | null): [string, string][] {
  if (offset === null) return [];
  return [
    ["repl-stream-db", String(offset.databaseIndex)],
    ["repl-id", offset.replid],
    ["repl-offset", String(offset.offset)],
  ];
}
