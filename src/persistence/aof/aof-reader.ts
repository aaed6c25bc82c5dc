/**
 * Reads a part of the append-only file: an RDB at its beginning if there is one, then commands. It
 * is read in pieces with pauses between them, so that clients are answered meanwhile.
 *
 * A write that was interrupted leaves a command or a transaction at the end that is not complete:
 * a torn tail, which may be cut off. Everything else that is not as it was written is damage.
 */
import { latin1Text } from "../../base/bytes.ts";
import { PendingBytes } from "../../base/pending-bytes.ts";
import { Request } from "../../protocol/request.ts";
import { FAILED, MORE, READY, RequestParser } from "../../protocol/request-parser.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { DamageError } from "../damage-error.ts";
import { offsetOf, parseOffset, type ReplicationOffset } from "../replication-offset.ts";
import { RdbReader } from "../snapshot/reader.ts";
import { TransactionReader } from "../transaction-reader.ts";

const PIECE_BYTES = 1 << 20;
/** Spans of arguments are 32-bit numbers. */
const COMMAND_BYTES_MAX = 2 ** 31 - 1;
/** Redis reads no longer lines. */
const ANNOTATION_BYTES_MAX = 1024;
const ANNOTATION = /^#[ -~]*\r?$/;
const HASH_SIGN = 35;
const STAR = 42;
const CR = 13;
const LF = 10;

export class AofError extends DamageError {}

export interface AofSink {
  /**
   * Throws if there is no such command or its number of arguments is wrong. Called for every
   * command as soon as it is read, within a transaction too.
   */
  check(request: Request): void;
  /** Runs a command that was checked. */
  execute(request: Request): void;
  /** Called with the number of bytes that were read. */
  progress(bytes: number): void;
}

export interface AofOutcome {
  /** Up to where the file is whole: less than `totalBytes` if its tail is torn. */
  readonly validBytes: number;
  readonly totalBytes: number;
  readonly commands: number;
  /** What has read the RDB at its beginning; null without one. */
  readonly preamble: RdbReader | null;
  /** The replication offset of the data set, if the file ends with it. */
  readonly replicationOffset: ReplicationOffset | null;
}

/** Reads the commands that follow each other in a file. */
class CommandReader {
  readonly #sink: AofSink;
  readonly #pending = new PendingBytes();
  readonly #parser = new RequestParser();
  readonly #request = new Request();
  readonly #transactions: TransactionReader;
  /** File offset behind the last command or transaction that is complete. */
  validBytes: number;
  commands = 0;
  replicationOffset: ReplicationOffset | null;

  /** `offset`: where in the file the commands begin; `at`: the replication offset there. */
  constructor(sink: AofSink, offset: number, at: ReplicationOffset | null) {
    this.#sink = sink;
    this.#pending.offset = offset;
    this.validBytes = offset;
    this.replicationOffset = at;
    this.#transactions = new TransactionReader({
      run: (request) => sink.execute(request),
      beginBlock() {},
      endBlock() {},
      unexpected: (what) => {
        throw new Error(what);
      },
    });
    this.#parser.bulkBytesMax = COMMAND_BYTES_MAX;
    this.#parser.begin(0);
  }

  #fail(message: string, at: number): never {
    throw new AofError(message, this.#pending.offset + at);
  }

  /** Takes the next bytes of the file. Throws AofError. */
  feed(chunk: Uint8Array): void {
    const pending = this.#pending;
    const parser = this.#parser;
    if (pending.end + chunk.length > COMMAND_BYTES_MAX) {
      this.#fail("a command of more than 2 GiB", parser.requestStart);
    }
    pending.append(chunk);
    while (parser.midRequest || parser.at < pending.end) {
      const isRead =
        !parser.midRequest && pending.bytes[parser.at] === HASH_SIGN
          ? this.#annotation()
          : this.#command();
      if (!isRead) break;
      if (!this.#transactions.isOpen) this.validBytes = pending.offset + parser.at;
    }
    const from = parser.midRequest ? parser.requestStart : parser.at;
    pending.keepFrom(from);
    parser.rebase(-from, this.#request);
  }

  /** A line such as a time stamp, which is no command; false if it is not complete. */
  #annotation(): boolean {
    const { bytes, end } = this.#pending;
    const parser = this.#parser;
    const from = parser.at;
    const lineEnd = bytes.subarray(0, end).indexOf(LF, from);
    const length = (lineEnd < 0 ? end : lineEnd) - from;
    const text = latin1Text(bytes, from, from + Math.min(length, ANNOTATION_BYTES_MAX));
    if (length > ANNOTATION_BYTES_MAX || !ANNOTATION.test(text)) {
      this.#fail("a line that begins with # but is no annotation", from);
    }
    if (lineEnd < 0) return false;
    this.replicationOffset = parseOffset(text) ?? this.replicationOffset;
    parser.begin(lineEnd + 1);
    return true;
  }

  /** A command; false if it is not complete. */
  #command(): boolean {
    const { bytes, end } = this.#pending;
    const parser = this.#parser;
    const request = this.#request;
    if (!parser.midRequest && bytes[parser.at] !== STAR) {
      this.#fail("a command should begin here", parser.at);
    }
    const state = parser.next(bytes, end, request);
    if (state === MORE) return false;
    if (state === FAILED) this.#fail(parser.error.replace(/^ERR /, ""), parser.at);
    const from = parser.requestStart;
    if (state !== READY) this.#fail("an empty command", from);
    const wrongEnd = wrongLineEnd(request, from);
    if (wrongEnd >= 0) this.#fail("a line does not end with CR LF", wrongEnd);
    try {
      this.#sink.check(request);
      this.#transactions.take(request);
    } catch (error) {
      this.#fail((error as Error).message, from);
    }
    this.commands++;
    this.replicationOffset = null;
    return true;
  }

  /**
   * To be called at the end of the file. A command that is not complete is a torn tail only if no
   * whole command lies within it: if one does, a length before it is damaged, and cutting the tail
   * off would lose what follows. Throws AofError.
   */
  finish(): void {
    const { bytes, end } = this.#pending;
    if (!this.#parser.midRequest) return;
    let budget = SEARCHED_ARGUMENTS_MAX;
    const parser = new RequestParser();
    const request = new Request();
    const tail = bytes.subarray(0, end);
    for (let at = tail.indexOf(STAR, 1); at > 0; at = tail.indexOf(STAR, at + 1)) {
      if (tail[at - 1] !== LF || tail[at - 2] !== CR) continue;
      parser.begin(at);
      parser.bulkBytesMax = COMMAND_BYTES_MAX;
      const isWhole = parser.next(tail, end, request) === READY && wrongLineEnd(request, at) < 0;
      budget -= request.count;
      if (budget < 0 || (isWhole && this.#isKnown(request))) {
        this.#fail(
          `a length is wrong, for whole commands follow within this one, at byte ${this.#pending.offset + at}`,
          0,
        );
      }
    }
  }

  #isKnown(request: Request): boolean {
    try {
      this.#sink.check(request);
      return true;
    } catch {
      return false;
    }
  }
}

/** A bound for the search in a tail whose bytes were chosen to make it slow. */
const SEARCHED_ARGUMENTS_MAX = 1 << 22;

/** Where a line of the request that began at `from` does not end with CR LF; -1 if all do. */
function wrongLineEnd({ bytes, count, length, start }: Request, from: number): number {
  const isWrong = (at: number) => bytes[at] !== CR || bytes[at + 1] !== LF;
  const firstEnd = bytes.indexOf(CR, from);
  if (isWrong(firstEnd)) return firstEnd;
  for (let i = 0; i < count; i++) {
    const at = start[i]!;
    if (isWrong(at - 2)) return at - 2;
    const end = at + length[i]!;
    if (isWrong(end)) return end;
  }
  return -1;
}

/** Whether the file's first bytes are those of an RDB, of Redis or of Valkey. */
function isRdb(chunk: Uint8Array): boolean {
  return /^(REDIS|VALKEY)/.test(latin1Text(chunk, 0, Math.min(6, chunk.length)));
}

/**
 * Reads the file into `space` (an RDB at its beginning) and `sink` (commands). A torn tail is no
 * error: `validBytes` is then below `totalBytes`. Throws AofError and RdbError.
 */
export async function readAof(path: string, space: Keyspace, sink: AofSink): Promise<AofOutcome> {
  const file = Bun.file(path);
  const totalBytes = file.size;
  let rdb: RdbReader | null = null;
  let preamble: RdbReader | null = null;
  let commands: CommandReader | null = null;
  for (let at = 0; at < totalBytes; at += PIECE_BYTES) {
    const chunk = await file.slice(at, Math.min(totalBytes, at + PIECE_BYTES)).bytes();
    if (at === 0 && isRdb(chunk)) {
      rdb = new RdbReader({ space, keepExpired: true, checking: true });
      preamble = rdb;
    }
    sink.progress(chunk.length);
    if (rdb === null) {
      commands ??= new CommandReader(sink, 0, null);
      commands.feed(chunk);
      continue;
    }
    rdb.feed(chunk);
    if (!rdb.done) continue;
    commands = behind(rdb, sink);
    rdb = null;
  }
  if (rdb !== null) {
    // A base that ends in the middle is damage: it got its name when it was whole.
    rdb.finish();
    commands = behind(rdb, sink);
  }
  commands?.finish();
  return {
    validBytes: commands?.validBytes ?? 0,
    totalBytes,
    commands: commands?.commands ?? 0,
    preamble,
    replicationOffset: commands?.replicationOffset ?? null,
  };
}

/** Reads the commands behind an RDB. */
function behind(rdb: RdbReader, sink: AofSink): CommandReader {
  const commands = new CommandReader(sink, rdb.offset, offsetOf(rdb));
  commands.feed(rdb.leftover.slice());
  return commands;
}
