/** The snapshot that SYNC brings: its head, its bytes, and where it ends; in both of Redis's forms. */
const EOF_MARK_BYTES = 40;

export interface SnapshotReceiver {
  /** The length, or null where a marker will say the end. */
  begin(length: number | null): void;
  bytes(chunk: Uint8Array): void;
  /** The server refuses. */
  failed(reason: string): void;
  /** All `total` bytes have come; `rest` is behind them. */
  end(total: number, rest: Uint8Array): void;
}

export class SnapshotStream {
  readonly #receiver: SnapshotReceiver;
  #head = "";
  #state: "head" | "counted" | "marked" | "over" = "head";
  #missing = 0;
  #total = 0;
  #mark: Buffer = Buffer.alloc(0);
  /** Bytes that may be the begin of the marker. */
  #held: Buffer = Buffer.alloc(0);

  constructor(receiver: SnapshotReceiver) {
    this.#receiver = receiver;
  }

  get isMarked(): boolean {
    return this.#mark.length > 0;
  }

  feed(chunk: Uint8Array): void {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    while (this.#state === "head") {
      const end = bytes.indexOf(10);
      if (end < 0) {
        this.#head += bytes.toString("latin1");
        return;
      }
      const line = (this.#head + bytes.toString("latin1", 0, end)).trimEnd();
      bytes = bytes.subarray(end + 1);
      this.#head = "";
      this.#read(line);
    }
    if (this.#state === "counted") this.#count(bytes);
    else if (this.#state === "marked") this.#search(bytes);
  }

  #read(line: string): void {
    // Empty lines keep the connection alive while the snapshot is being made.
    if (line === "") return;
    if (line.startsWith("-")) {
      this.#state = "over";
      this.#receiver.failed(line.slice(1));
    } else if (line.startsWith("$EOF:")) {
      this.#state = "marked";
      this.#mark = Buffer.from(line.slice(5, 5 + EOF_MARK_BYTES), "latin1");
      this.#receiver.begin(null);
    } else if (line.startsWith("$")) {
      this.#state = "counted";
      this.#missing = Number(line.slice(1));
      this.#receiver.begin(this.#missing);
    }
  }

  #count(bytes: Buffer): void {
    const taken = bytes.subarray(0, this.#missing);
    this.#pass(taken);
    this.#missing -= taken.length;
    if (this.#missing === 0) this.#end(bytes.subarray(taken.length));
  }

  #search(bytes: Buffer): void {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const at = all.indexOf(this.#mark);
    if (at >= 0) {
      this.#pass(all.subarray(0, at));
      this.#end(all.subarray(at + this.#mark.length));
      return;
    }
    const keep = Math.min(all.length, this.#mark.length - 1);
    this.#pass(all.subarray(0, all.length - keep));
    this.#held = Buffer.from(all.subarray(all.length - keep));
  }

  #pass(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#total += bytes.length;
    this.#receiver.bytes(bytes);
  }

  #end(rest: Buffer): void {
    this.#state = "over";
    this.#receiver.end(this.#total, rest);
  }
}
