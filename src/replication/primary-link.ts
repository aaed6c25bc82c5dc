/**
 * A replica's connection to its primary. It introduces itself with REPLCONF, asks for a partial
 * resync with PSYNC, takes all data if that is refused (full sync), and then the replication
 * stream. When the connection is lost it connects again, with a delay that grows.
 *
 * It knows the protocol only; what data and stream mean is the sink's concern. Nothing that a
 * primary sends is trusted: what does not fit the protocol closes the connection.
 */
import type { Socket } from "bun";
import { freeBytes, latin1Text } from "../base/bytes.ts";
import type { Log } from "../base/log.ts";
import { encodeCommand } from "../protocol/command-encoder.ts";
import { Outbox } from "../protocol/outbox.ts";
import { PayloadReader } from "../protocol/payload.ts";

export interface LinkSettings {
  readonly host: string;
  readonly port: number;
  /** Empty for none. */
  readonly user: string;
  readonly password: string;
  /** What the primary is told of where this server listens. */
  readonly announceIp: string;
  readonly announcePort: number;
  readonly timeoutMs: number;
}

/** Where the data of a full sync goes, piece by piece. */
export interface DataSink {
  /** Must be done with the bytes when it returns. Throws if they make no sense or cannot be kept. */
  take(bytes: Uint8Array): void;
  /** All data has come. Rejects if it cannot be loaded. */
  finish(): Promise<void>;
  /** No more will come. */
  abandon(): void;
}

export interface LinkSink {
  /** The replication offset to ask for; null if only a full sync will do. */
  offset(): { readonly replid: string; readonly offset: number } | null;
  /** Partial resync: the stream goes on, maybe under another replid. */
  onContinue(replid: string): void;
  /** Full sync: the data that comes is that at this replication offset. */
  beginData(replid: string, offset: number): DataSink;
  /** The data is there, and the stream begins. */
  onOnline(): void;
  /** Takes a piece of the stream; must be done with the bytes when it returns. */
  onStream(bytes: Uint8Array): void;
  /** FAILOVER: the other server has taken over; from now on it is a primary like any other. */
  onHandedOver(): void;
  /** The connection is lost, or could not be made. */
  onLost(): void;
  /** Called with the number of bytes that were received. */
  onBytes(count: number): void;
}

/** Redis's words for INFO and ROLE. */
export type LinkState = "connect" | "connecting" | "handshake" | "sync" | "connected";

const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 5000;
const LINE_BYTES_MAX = 4096;
const NEWLINE = Uint8Array.of(10);
const REPLID = /^[0-9a-f]{40}$/;
/** Offsets above this are refused: sums with them would not be exact. */
const OFFSET_MAX = 2 ** 52;
/** What a server answers to PSYNC … FAILOVER that is a primary already. */
const SENT_TO_PRIMARY = "PSYNC FAILOVER can't be sent to a master";

/** The primary's answer was not what it should be. */
class HandshakeError extends Error {}

function isOffset(digits: string): boolean {
  return /^[0-9]+$/.test(digits) && Number(digits) <= OFFSET_MAX;
}

/** A line of the primary, for the log: it must not write lines or terminal codes of its own. */
function shown(line: string): string {
  const text = line.slice(0, 200).replace(/[^ -~]/g, "?");
  return `'${text}${line.length > 200 ? "..." : ""}'`;
}

export class PrimaryLink {
  readonly #settings: () => LinkSettings;
  readonly #sink: LinkSink;
  readonly #log: Log;
  /**
   * FAILOVER: whether to ask the other server to become the primary. Once it was asked and
   * has not answered, nobody knows whether it has taken over.
   */
  #handover: "none" | "wanted" | "asked";
  state: LinkState = "connect";
  /** When something was last received, in ms since the epoch. */
  lastIoMs = 0;
  /** Since when the link has been down. */
  downSinceMs: number;
  /** Of the data that is coming: bytes in all (0 if not known) and so far. */
  dataBytes = 0;
  dataTakenBytes = 0;
  #socket: Socket | null = null;
  #retry: Timer | null = null;
  #retryMs = RETRY_MS_MIN;
  #stopped = false;
  /** Counts attempts to connect: an earlier one may still succeed or fail later. */
  #attempt = 0;
  /** Bytes of a line that is not complete. */
  #line = "";
  #onLine: ((line: string) => void) | null = null;
  /** Bytes that have come while a line is being acted upon; null while none is. */
  #held: Uint8Array[] | null = null;
  /** All data has come and is being loaded. */
  #isLoading = false;
  /** The data that is coming. */
  #data: { readonly sink: DataSink; readonly payload: PayloadReader } | null = null;
  /** What came of the stream behind the data; the socket is paused until that is loaded. */
  #waiting: Uint8Array[] | null = null;
  readonly #outbox = new Outbox();

  /** `settings`: as they are now; host and port stay the same. */
  constructor(settings: () => LinkSettings, sink: LinkSink, log: Log, handsOver = false) {
    this.#settings = settings;
    this.#sink = sink;
    this.#log = log;
    this.#handover = handsOver ? "wanted" : "none";
    this.downSinceMs = Date.now();
    this.#connect();
  }

  get settings(): LinkSettings {
    return this.#settings();
  }

  /** The other server was asked to take over and has not answered: it may be a primary by now. */
  get isHandoverOpen(): boolean {
    return this.#handover === "asked";
  }

  get isUp(): boolean {
    return this.state === "connected";
  }

  get address(): string {
    return `${this.settings.host}:${this.settings.port}`;
  }

  /** Ends it for good. */
  stop(): void {
    this.#stopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#dropSocket();
  }

  // ── The connection ─────────────────────────────────────────────────────────────────────────

  #connect(): void {
    this.#retry = null;
    if (this.#stopped) return;
    if (this.#isLoading) {
      // Which offset to ask for is known only when the data that has come is loaded.
      this.#retry = setTimeout(() => this.#connect(), RETRY_MS_MIN);
      return;
    }
    this.state = "connecting";
    this.lastIoMs = Date.now();
    const { host, port } = this.settings;
    const attempt = ++this.#attempt;
    this.#log.notice(`Connecting to MASTER ${this.address}`);
    this.#open(host, port, attempt).catch((error: Error) => {
      if (attempt === this.#attempt) this.#lost(`Error connecting to MASTER: ${error.message}`);
    });
  }

  async #open(hostname: string, port: number, attempt: number): Promise<void> {
    await Bun.connect({
      hostname,
      port,
      socket: {
        binaryType: "uint8array",
        open: (socket) => {
          if (attempt === this.#attempt) this.#opened(socket);
          else socket.terminate();
        },
        data: (socket, chunk) => {
          if (socket === this.#socket) this.#receive(chunk);
        },
        drain: () => this.#flush(),
        close: (socket) => {
          if (socket === this.#socket) this.#lost("Connection with master lost.");
        },
        error: (socket, error) => {
          if (socket === this.#socket) this.#lost(error.message);
        },
      },
    });
  }

  #opened(socket: Socket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    this.state = "handshake";
    const attempt = this.#attempt;
    this.#handshake().catch((error: Error) => {
      if (attempt === this.#attempt) this.#lost(error.message);
    });
  }

  #lost(reason: string): void {
    if (this.#stopped || this.#retry !== null) return;
    this.#log.warning(`${reason} (${this.address})`);
    if (this.state === "connected") this.downSinceMs = Date.now();
    this.#dropSocket();
    this.state = "connect";
    this.#retry = setTimeout(() => this.#connect(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
    this.#sink.onLost();
  }

  #dropSocket(): void {
    this.#attempt++;
    // Its close is reported at once, and is no loss any more.
    const socket = this.#socket;
    this.#socket = null;
    socket?.terminate();
    this.#line = "";
    this.#onLine = null;
    this.#held = null;
    this.#outbox.clear();
    this.#data?.sink.abandon();
    this.#data = null;
    this.#waiting = null;
  }

  /** The primary has been silent for too long. */
  checkTimeout(nowMs: number): void {
    if (this.#isLoading) {
      // It does not look at what comes, but tells the primary that it is still there.
      if (this.#socket !== null) this.#outbox.push(NEWLINE);
      this.#flush();
      return;
    }
    if (this.#socket === null && this.state !== "connecting") return;
    if (nowMs - this.lastIoMs <= this.settings.timeoutMs) return;
    this.#lost("MASTER timeout: no data nor PING received...");
  }

  send(words: readonly string[]): void {
    this.#outbox.push(encodeCommand(words));
    this.#flush();
  }

  #flush(): void {
    if (this.#socket !== null) this.#outbox.sendTo(this.#socket);
  }

  /** Closes the connection, because the stream made no sense, and makes another one. */
  reconnect(reason: string): void {
    this.#lost(reason);
  }

  // ── Introducing itself ─────────────────────────────────────────────────────────────────────

  /** Never resolves if the connection is lost before. */
  #readLine(): Promise<string> {
    return new Promise((done) => {
      this.#onLine = done;
    });
  }

  async #ask(...words: string[]): Promise<string> {
    this.send(words);
    return this.#readLine();
  }

  async #handshake(): Promise<void> {
    const { announceIp, announcePort, password, user } = this.settings;
    const pong = await this.#ask("PING");
    if (!/^(\+PONG|-NOAUTH|-NOPERM|-ERR operation not permitted)/.test(pong)) {
      throw new HandshakeError(`Error reply to PING from master: ${shown(pong)}`);
    }
    if (password !== "") {
      const credentials = user === "" ? [password] : [user, password];
      const reply = await this.#ask("AUTH", ...credentials);
      if (reply.startsWith("-")) {
        throw new HandshakeError(`Unable to AUTH to MASTER: ${shown(reply)}`);
      }
    }
    const tell = async (...words: string[]) => {
      const reply = await this.#ask("REPLCONF", ...words);
      if (reply.startsWith("-")) {
        this.#log.notice(
          `(Non critical) Master does not understand REPLCONF ${words[0]}: ${shown(reply)}`,
        );
      }
    };
    await tell("listening-port", String(announcePort));
    if (announceIp !== "") await tell("ip-address", announceIp);
    await tell("capa", "eof", "capa", "psync2");
    const known = this.#sink.offset();
    const answer = await this.#psync(known);
    const [word, replid = "", offset = ""] = answer.split(" ");
    if (word === "+CONTINUE" && known !== null && (replid === "" || REPLID.test(replid))) {
      this.#log.notice("Successful partial resynchronization with master.");
      this.#sink.onContinue(replid || known.replid);
      this.#online();
    } else if (word === "+FULLRESYNC" && REPLID.test(replid) && isOffset(offset)) {
      this.#log.notice(`Full resync from master: ${replid}:${offset}`);
      this.state = "sync";
      this.#beginData(replid, Number(offset), await this.#readLine());
    } else throw new HandshakeError(`Unexpected reply to PSYNC from master: ${shown(answer)}`);
  }

  /** Asks for the stream behind the offset that is known; returns the answer. */
  async #psync(known: ReturnType<LinkSink["offset"]>): Promise<string> {
    const from = known === null ? ["?", "-1"] : [known.replid, String(known.offset + 1)];
    if (this.#handover === "none" || known === null) return this.#ask("PSYNC", ...from);
    const isRepeated = this.#handover === "asked";
    this.#handover = "asked";
    const answer = await this.#ask("PSYNC", ...from, "FAILOVER");
    this.#handover = "none";
    // It has taken over, if the answer to the first request was lost.
    const isPrimaryNow = isRepeated && answer.startsWith("-") && answer.includes(SENT_TO_PRIMARY);
    if (answer.startsWith("-") && !isPrimaryNow) return answer;
    this.#sink.onHandedOver();
    return isPrimaryNow ? this.#ask("PSYNC", ...from) : answer;
  }

  #online(): void {
    this.state = "connected";
    this.#retryMs = RETRY_MS_MIN;
    this.#sink.onOnline();
  }

  // ── The data ───────────────────────────────────────────────────────────────────────────────

  #beginData(replid: string, offset: number, head: string): void {
    const payload = PayloadReader.behind(head);
    if (payload === null || (payload.length !== null && !Number.isSafeInteger(payload.length))) {
      throw new HandshakeError(`Bad protocol from MASTER, the data should begin: ${shown(head)}`);
    }
    const { length } = payload;
    this.dataBytes = length ?? 0;
    this.dataTakenBytes = 0;
    this.#log.notice(
      `MASTER <-> REPLICA sync: receiving ${length === null ? "streamed RDB" : `${length} bytes`} from master`,
    );
    this.#data = { sink: this.#sink.beginData(replid, offset), payload };
    // A payload of length 0 is complete.
    this.#takeData(new Uint8Array(0));
  }

  #takeData(chunk: Uint8Array): void {
    const { payload, sink } = this.#data!;
    this.dataTakenBytes += chunk.length;
    const rest = payload.feed(chunk, (bytes) => sink.take(bytes));
    if (rest !== null) this.#finishData(sink, rest);
  }

  /** All data has come; `rest` is what came of the stream behind it. */
  #finishData(data: DataSink, rest: Uint8Array): void {
    const socket = this.#socket;
    const waiting = rest.length > 0 ? [rest.slice()] : [];
    this.#data = null;
    this.#waiting = waiting;
    this.#isLoading = true;
    // Loading may take long: the primary keeps the stream meanwhile, and its limits hold.
    socket?.pause();
    const finished = data.finish().finally(() => {
      this.#isLoading = false;
      this.lastIoMs = Date.now();
    });
    finished.then(
      () => {
        if (socket !== this.#socket || this.#stopped) return;
        this.#waiting = null;
        socket?.resume();
        this.#online();
        for (const bytes of waiting) if (socket === this.#socket) this.#sink.onStream(bytes);
      },
      (error: Error) => this.#lost(`Failed loading the data of the MASTER: ${error.message}`),
    );
  }

  // ── Receiving ──────────────────────────────────────────────────────────────────────────────

  #receive(chunk: Uint8Array): void {
    this.lastIoMs = Date.now();
    this.#sink.onBytes(chunk.length);
    if (this.#held !== null) this.#held.push(chunk);
    else this.#take(chunk);
  }

  #take(chunk: Uint8Array): void {
    if (this.#data !== null) {
      try {
        this.#takeData(chunk);
      } catch (error) {
        this.#lost(`Failed taking the data of the MASTER: ${(error as Error).message}`);
      }
    } else if (this.#waiting !== null) this.#waiting.push(chunk.slice());
    else if (this.state === "connected") this.#sink.onStream(chunk);
    else {
      this.#receiveLines(chunk);
      return;
    }
    freeBytes(chunk);
  }

  #receiveLines(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const end = chunk.indexOf(10, at);
      this.#line += latin1Text(chunk, at, end < 0 ? chunk.length : end);
      if (this.#line.length > LINE_BYTES_MAX) {
        this.#lost("Bad protocol from MASTER: too long a line");
        return;
      }
      if (end < 0) return;
      at = end + 1;
      const line = this.#line.replace(/\r$/, "");
      this.#line = "";
      // Empty lines say only that the primary is still there.
      if (line === "") continue;
      const onLine = this.#onLine;
      this.#onLine = null;
      onLine?.(line);
      // The handshake decides what the bytes behind the line are.
      this.#hold(at < chunk.length ? [chunk.slice(at)] : []);
      return;
    }
  }

  /** Keeps what comes until the handshake has acted upon the line before it. */
  #hold(chunks: Uint8Array[]): void {
    this.#held = chunks;
    const socket = this.#socket;
    setImmediate(() => {
      if (socket !== this.#socket) return;
      this.#held = null;
      for (const [i, chunk] of chunks.entries()) {
        this.#take(chunk);
        if (socket !== this.#socket) return;
        const heldAgain = this.#held as Uint8Array[] | null;
        if (heldAgain === null) continue;
        for (const rest of chunks.slice(i + 1)) heldAgain.push(rest);
        return;
      }
    });
  }
}
