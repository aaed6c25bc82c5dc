/**
 * Reads an append-only file: an RDB in front where there is one, then commands. Read in pieces
 * with pauses between them, so that clients are answered meanwhile.
 */
import { closeSync, fdatasyncSync, ftruncateSync, openSync, readSync } from "node:fs";
import { latin1Text } from "../../base/bytes.ts";
import { Request } from "../../protocol/request.ts";
import { FAILED, MORE, READY, RequestParser } from "../../protocol/request-parser.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { DamageError } from "../damage-error.ts";
import { RdbReader, type RdbReaderOptions } from "../snapshot/reader.ts";
import { parsePlace, placeOf, type StreamPlace } from "../stream-place.ts";

const PIECE_BYTES = 1 << 20;
const HASH_SIGN = 35;
const STAR = 42;

export class AofError extends DamageError {}

export interface AofSink {
  /** Runs a command; throws where there is no such command. */
  execute(request: Request): void;
  /** Told of the bytes read. */
  progress(bytes: number): void;
}

export interface AofOutcome {
  /** Up to where the file is whole. */
  readonly validBytes: number;
  readonly totalBytes: number;
  readonly commands: number;
  /** What has read the RDB file that it begins with; null without one. */
  readonly preamble: RdbReader | null;
  /** Where in a replication stream the data is, if the last that the file says is that. */
  readonly place: StreamPlace | null;
}

/** Runs a request by itself, or keeps it until the EXEC of its MULTI. */
class Transactions {
  readonly #sink: AofSink;
  #queued: Request[] | null = null;
  /** Where the MULTI that is open began. */
  startedAt = 0;

  constructor(sink: AofSink) {
    this.#sink = sink;
  }

  get open(): boolean {
    return this.#queued !== null;
  }

  take(request: Request, offset: number): void {
    if (request.count === 1 && request.is(0, "multi")) {
      this.#queued = [];
      this.startedAt = offset;
    } else if (request.count === 1 && request.is(0, "exec")) {
      for (const queued of this.#queued ?? []) this.#sink.execute(queued);
      this.#queued = null;
    } else if (this.#queued !== null) {
      this.#queued.push(copyOf(request));
    } else {
      this.#sink.execute(request);
    }
  }
}

function copyOf(request: Request): Request {
  const copy = new Request();
  const from = request.start[0]!;
  copy.bytes = request.bytes.slice(from, from + request.spanBytes);
  for (let i = 0; i < request.count; i++) copy.push(request.start[i]! - from, request.length[i]!);
  return copy;
}

/**
 * Reads the file into `space` (RDB in front) and `sink` (commands). A tail that is cut short is
 * no error: `validBytes` then is below `totalBytes`. Throws AofError and RdbError.
 */
export async function readAof(path: string, space: Keyspace, sink: AofSink): Promise<AofOutcome> {
  const file = Bun.file(path);
  const totalBytes = file.size;
  const parser = new RequestParser();
  parser.bulkBytesMax = Number.MAX_SAFE_INTEGER;
  const request = new Request();
  const transactions = new Transactions(sink);
  let rdb: RdbReader | null = null;
  let preamble: RdbReader | null = null;
  let pending: Uint8Array = new Uint8Array(0);
  let end = 0;
  /** File offset of `pending[0]`. */
  let base = 0;
  let validBytes = 0;
  let commands = 0;
  let place: StreamPlace | null = null;
  parser.begin(0);

  const runCommands = () => {
    for (;;) {
      if (!parser.midRequest) {
        if (parser.at >= end) return;
        const mark = pending[parser.at];
        if (mark === HASH_SIGN) {
          // A time stamp or another remark: a line by itself.
          const lineEnd = pending.indexOf(10, parser.at);
          if (lineEnd < 0 || lineEnd >= end) return;
          place = parsePlace(latin1Text(pending, parser.at, lineEnd)) ?? place;
          parser.begin(lineEnd + 1);
          if (!transactions.open) validBytes = base + parser.at;
          continue;
        }
        if (mark !== STAR) throw new AofError("a command should begin here", base + parser.at);
      }
      const state = parser.next(pending, end, request);
      if (state === MORE) return;
      if (state === FAILED) throw new AofError(parser.error.replace(/^ERR /, ""), base + parser.at);
      if (state !== READY) throw new AofError("an empty command", base + parser.requestStart);
      try {
        transactions.take(request, base + parser.requestStart);
      } catch (error) {
        throw new AofError((error as Error).message, base + parser.requestStart);
      }
      commands++;
      place = null;
      if (!transactions.open) validBytes = base + parser.at;
    }
  };

  const take = (chunk: Uint8Array) => {
    const kept = parser.midRequest ? parser.requestStart : Math.min(parser.at, end);
    const rest = end - kept;
    if (kept > 0 || end + chunk.length > pending.length) {
      const room = Math.max(rest + chunk.length, rest * 2);
      const wider = room > pending.length ? new Uint8Array(room) : pending;
      wider.set(pending.subarray(kept, end));
      pending = wider;
      base += kept;
      parser.rebase(-kept, request);
    }
    pending.set(chunk, rest);
    end = rest + chunk.length;
    runCommands();
  };

  for (let at = 0; at < totalBytes; at += PIECE_BYTES) {
    let chunk = await file.slice(at, Math.min(totalBytes, at + PIECE_BYTES)).bytes();
    if (at === 0 && String.fromCharCode(...chunk.subarray(0, 5)) === "REDIS") {
      rdb = new RdbReader({ space, keepExpired: true, checking: true });
      preamble = rdb;
    }
    if (rdb !== null) {
      rdb.feed(chunk);
      sink.progress(chunk.length);
      if (!rdb.done) continue;
      base = rdb.offset;
      validBytes = base;
      place = placeOf(rdb);
      chunk = rdb.leftover.slice();
      rdb = null;
    } else sink.progress(chunk.length);
    take(chunk);
  }
  if (rdb !== null) {
    // A base that ends in the middle is damage, not a torn tail: it was renamed when it was whole.
    rdb.finish();
    place = placeOf(rdb);
    base = rdb.offset;
    validBytes = base;
    take(rdb.leftover.slice());
  }
  return {
    validBytes: transactions.open ? transactions.startedAt : validBytes,
    totalBytes,
    commands,
    preamble,
    place,
  };
}

/** Cuts the file to `bytes` bytes and makes that last. */
export function truncateFile(path: string, bytes: number): void {
  const fd = openSync(path, "r+");
  try {
    ftruncateSync(fd, bytes);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Reads an RDB file into the keyspace. Throws RdbError. */
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

/** The same at once, stopping everything else. Throws RdbError. */
export function readRdbNow(path: string, space: Keyspace, keepExpired: boolean): void {
  const reader = new RdbReader({ space, keepExpired, checking: true });
  const fd = openSync(path, "r");
  try {
    while (!reader.done) {
      const chunk = new Uint8Array(PIECE_BYTES);
      const count = readSync(fd, chunk, 0, PIECE_BYTES, null);
      if (count === 0) break;
      reader.feed(chunk.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
  reader.finish();
}
