/** Reads whole RDB files. */
import { Clock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { Keyspace } from "../store/keyspace.ts";
import { fileBytes, OpenFile } from "./files.ts";
import { RdbReader, type RdbReaderOptions } from "./snapshot/reader.ts";

const PIECE_BYTES = 1 << 20;

/** Reads the file in pieces, between which other work goes on. Throws RdbError. */
export async function readRdb(
  path: string,
  options: RdbReaderOptions,
  progress: (bytes: number) => void,
): Promise<RdbReader> {
  const file = Bun.file(path);
  const reader = new RdbReader(options);
  for (let at = 0; at < file.size && !reader.done; at += PIECE_BYTES) {
    const chunk = await file.slice(at, Math.min(file.size, at + PIECE_BYTES)).bytes();
    reader.feed(chunk);
    progress(chunk.length);
  }
  reader.finish();
  return reader;
}

/** Reads the file without doing anything else meanwhile. Throws RdbError. */
export function readRdbNow(path: string, space: Keyspace, keepExpired: boolean): void {
  const reader = new RdbReader({ space, keepExpired, checking: true });
  const file = OpenFile.read(path);
  try {
    for (let at = 0; !reader.done; ) {
      const chunk = new Uint8Array(PIECE_BYTES);
      const count = file.read(chunk, at);
      if (count === 0) break;
      reader.feed(chunk.subarray(0, count));
      at += count;
    }
  } finally {
    file.close();
  }
  reader.finish();
}

/** Files up to this size are looked at to see whether they hold any key. */
const SMALL_BYTES = 4096;

/** Whether the file is an RDB, or the base of commands, that holds no key. */
export function holdsNoKeys(path: string): boolean {
  const bytes = fileBytes(path);
  if (bytes === 0 || bytes > SMALL_BYTES) return bytes === 0;
  const random = new Random(0);
  const space = new Keyspace({ databases: 1, segments: 1, clock: new Clock(), random });
  try {
    readRdbNow(path, space, true);
    return space.keyCount() === 0;
  } catch {
    return false;
  }
}
