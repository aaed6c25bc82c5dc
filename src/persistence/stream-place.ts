/** Where in a replication stream data is, and how files say so. */
import type { RdbReader } from "./snapshot/reader.ts";

export interface StreamPlace {
  readonly id: string;
  /** Bytes of the stream that the data has. */
  readonly position: number;
  /** The database that the stream's next command is for. */
  readonly databaseIndex: number;
}

/** A remark behind commands: where in a replication stream they end. Redis skips such lines. */
export function formatPlace({ id, position, databaseIndex }: StreamPlace): string {
  return `#REPL:${id} ${position} ${databaseIndex}\r\n`;
}

export function parsePlace(remark: string): StreamPlace | null {
  const found = /^#REPL:([0-9a-f]{40}) ([0-9]+) ([0-9]+)\r?$/.exec(remark);
  if (found === null) return null;
  return { id: found[1]!, position: Number(found[2]), databaseIndex: Number(found[3]) };
}

/** The place that an RDB names in its fields. */
export function placeOf({ aux }: RdbReader): StreamPlace | null {
  const id = aux.get("repl-id");
  const offset = aux.get("repl-offset");
  if (id === undefined || offset === undefined || !/^[0-9]+$/.test(offset)) return null;
  const databaseIndex = Number(aux.get("repl-stream-db") ?? 0);
  return { id, position: Number(offset), databaseIndex: Math.max(0, databaseIndex || 0) };
}

/** The same as fields of an RDB. */
export function placeFields(place: StreamPlace | null): [string, string][] {
  if (place === null) return [];
  return [
    ["repl-stream-db", String(place.databaseIndex)],
    ["repl-id", place.id],
    ["repl-offset", String(place.position)],
  ];
}
