/**
 * The replica's side of replication: the connection to the primary. It introduces itself, asks to
 * go on where it stopped, takes the data where that cannot be, and then the stream. When the
 * connection is lost it tries again, with a delay that grows.
 *
 * It knows the protocol alone; what the data and the stream mean is its sink's affair.
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

/** Where the data goes, piece by piece. */
export interface DataSink {
  /** It must be done with the bytes when it returns. */
  take(bytes: Uint8Array): void;
  /** All has come. */
  finish(): Promise<void>;
  abandon(): void;
}

export interface LinkSink {
  /** The stream that is known, and up to where: what to ask for. */
  place(): { readonly id: string; readonly position: number } | null;
  /** The stream goes on; its id may be another one. */
  onContinue(id: string): void;
  /** All data comes anew, as it is at this position of that stream. */
  beginData(id: string, position: number): DataSink;
  /** The data is there, and the stream begins. */
  onOnline(): void;
  /** Takes a piece of the stream; it must be done with the bytes when it returns. */
  onStream(bytes: Uint8Array): void;
  /** The connection is up or down. */
  onLost(): void;
  /** So many bytes have come, whatever they are. */
  onBytes(count: number): void;
}

/** Redis's words for INFO and ROLE. */
export type LinkState = "connect" | "connecting" | "handshake" | "sync" | "connected";

const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 5000;
const LINE_BYTES_MAX = 4096;
const NEWLINE = Uint8Array.of(10);

/** The primary's answer was not what it should be. */
class HandshakeError extends Error {}

export class PrimaryLink {
  readonly #settings: () => LinkSettings;
  readonly #sink: LinkSink;
  readonly #log: Log;
  /** Has yet to ask the other server to be the primary in place of this one: FAILOVER. */
  #handsOver: boolean;
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
  /** Counts attempts to connect; one that was given up may still come through, or fail. */
  #attempt = 0;
  /** Bytes of a line that is not complete. */
  #line = "";
  #onLine: ((line: string) => void) | null = null;
  /** Bytes that have come and may not be looked at yet; null while they may. */
  #held: Uint8Array[] | null = null;
  /** All data has come and is being loaded. */
  #isLoading = false;
  /** The data that is coming. */
  #data: { readonly sink: DataSink; readonly payload: PayloadReader } | null = null;
  /** What has come of the stream while the data was being loaded. */
  #waiting: Uint8Array[] | null = null;
  readonly #outbox = new Outbox();

  /** `settings`: as they are now; host and port stay the same. */
  constructor(settings: () => LinkSettings, sink: LinkSink, log: Log, handsOver = false) {
    this.#settings = settings;
    this.#sink = sink;
    this.#log = log;
    this.#handsOver = handsOver;
    this.downSinceMs = Date.now();
    this.#connect();
  }

  get settings(): LinkSettings {
    return this.#settings();
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
      // Where to go on is known only when what has come is loaded.
      this.#retry = setTimeout(() => this.#connect(), RETRY_MS_MIN);
      return;
    }
    this.state = "connecting";
    this.lastIoMs = Date.now();
    const { host, port } = this.settings;
    const attempt = ++this.#attempt;
    this.#log.notice(`Connecting to MASTER ${this.address}`);
    Bun.connect({
      hostname: host,
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
    }).catch((error: Error) => {
      if (attempt === this.#attempt) this.#lost(`Error connecting to MASTER: ${error.message}`);
    });
  }

  #opened(socket: Socket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    this.state = "handshake";
    this.#handshake().catch((error: Error) => this.#lost(error.message));
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

  /** Goes on at once with another connection, as after a stream that made no sense. */
  reconnect(reason: string): void {
    this.#lost(reason);
  }

  // ── Introducing itself ─────────────────────────────────────────────────────────────────────

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
      throw new HandshakeError(`Error reply to PING from master: '${pong}'`);
    }
    if (password !== "") {
      const credentials = user === "" ? [password] : [user, password];
      const reply = await this.#ask("AUTH", ...credentials);
      if (reply.startsWith("-")) throw new HandshakeError(`Unable to AUTH to MASTER: ${reply}`);
    }
    const tell = async (...words: string[]) => {
      const reply = await this.#ask("REPLCONF", ...words);
      if (reply.startsWith("-")) {
        this.#log.notice(
          `(Non critical) Master does not understand REPLCONF ${words[0]}: ${reply}`,
        );
      }
    };
    await tell("listening-port", String(announcePort));
    if (announceIp !== "") await tell("ip-address", announceIp);
    await tell("capa", "eof", "capa", "psync2");
    const place = this.#sink.place();
    const from = place === null ? ["?", "-1"] : [place.id, String(place.position + 1)];
    if (this.#handsOver && place !== null) from.push("FAILOVER");
    const answer = await this.#ask("PSYNC", ...from);
    const [word, id, offset] = answer.split(" ");
    // Once it has agreed it is a primary like any other, also when the connection is lost later.
    if (!answer.startsWith("-")) this.#handsOver = false;
    if (word === "+CONTINUE") {
      this.#log.notice("Successful partial resynchronization with master.");
      this.#sink.onContinue(id ?? place!.id);
      this.#online();
    } else if (word === "+FULLRESYNC" && /^[0-9a-f]{40}$/.test(id!) && /^[0-9]+$/.test(offset!)) {
      this.#log.notice(`Full resync from master: ${id}:${offset}`);
      this.state = "sync";
      const head = await this.#readLine();
      this.#beginData(id!, Number(offset), head);
    } else throw new HandshakeError(`Unexpected reply to PSYNC from master: ${answer}`);
  }

  #online(): void {
    this.state = "connected";
    this.#retryMs = RETRY_MS_MIN;
    this.#sink.onOnline();
  }

  // ── The data ───────────────────────────────────────────────────────────────────────────────

  #beginData(id: string, position: number, head: string): void {
    const payload = PayloadReader.behind(head);
    if (payload === null) {
      throw new HandshakeError(`Bad protocol from MASTER, the data should begin: '${head}'`);
    }
    const { length } = payload;
    this.dataBytes = length ?? 0;
    this.dataTakenBytes = 0;
    this.#log.notice(
      `MASTER <-> REPLICA sync: receiving ${length === null ? "streamed RDB" : `${length} bytes`} from master`,
    );
    this.#data = { sink: this.#sink.beginData(id, position), payload };
    // Where there is none, it is complete.
    this.#takeData(new Uint8Array(0));
  }

  #takeData(chunk: Uint8Array): void {
    const { payload, sink } = this.#data!;
    this.dataTakenBytes += chunk.length;
    const rest = payload.feed(chunk, (bytes) => sink.take(bytes));
    if (rest !== null) this.#finishData(sink, rest);
  }

  /** `rest`: what came of the stream already. */
  #finishData(data: DataSink, rest: Uint8Array): void {
    const socket = this.#socket;
    const waiting = rest.length > 0 ? [rest.slice()] : [];
    this.#data = null;
    this.#waiting = waiting;
    this.#isLoading = true;
    const finished = data.finish().finally(() => {
      this.#isLoading = false;
      this.lastIoMs = Date.now();
    });
    finished.then(
      () => {
        if (socket !== this.#socket || this.#stopped) return;
        this.#waiting = null;
        this.#online();
        for (const bytes of waiting) this.#sink.onStream(bytes);
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
    if (this.#data !== null) this.#takeData(chunk);
    else if (this.#waiting !== null) this.#waiting.push(chunk.slice());
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
      // What follows the line belongs to what comes next, which has to begin first.
      this.#hold(at < chunk.length ? [chunk.slice(at)] : []);
      return;
    }
  }

  /** Keeps what comes until those who wait for a line have gone on. */
  #hold(chunks: Uint8Array[]): void {
    this.#held = chunks;
    const socket = this.#socket;
    setImmediate(() => {
      if (socket !== this.#socket) return;
      this.#held = null;
      for (const [i, chunk] of chunks.entries()) {
        this.#take(chunk);
        const heldAgain = this.#held as Uint8Array[] | null;
        if (heldAgain === null) continue;
        heldAgain.push(...chunks.slice(i + 1));
        return;
      }
    });
  }
}
