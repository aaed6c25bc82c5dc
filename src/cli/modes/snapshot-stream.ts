/** The snapshot that SYNC brings: its head, its bytes, and where it ends; in both of Redis's forms. */
import { latin1Text } from "../../base/bytes.ts";
import { PayloadReader } from "../../protocol/payload.ts";

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
  #payload: PayloadReader | null = null;
  #isOver = false;

  constructor(receiver: SnapshotReceiver) {
    this.#receiver = receiver;
  }

  get isMarked(): boolean {
    return this.#payload?.length === null;
  }

  feed(chunk: Uint8Array): void {
    let bytes = chunk;
    while (this.#payload === null && !this.#isOver) {
      const end = bytes.indexOf(10);
      this.#head += latin1Text(bytes, 0, end < 0 ? bytes.length : end);
      if (end < 0) return;
      bytes = bytes.subarray(end + 1);
      this.#read(this.#head.trimEnd());
      this.#head = "";
    }
    if (this.#isOver) return;
    const payload = this.#payload!;
    const rest = payload.feed(bytes, (data) => this.#receiver.bytes(data));
    if (rest === null) return;
    this.#isOver = true;
    this.#receiver.end(payload.passedBytes, rest);
  }

  /** Empty lines keep the connection alive while the snapshot is being made. */
  #read(line: string): void {
    if (line.startsWith("-")) {
      this.#isOver = true;
      this.#receiver.failed(line.slice(1));
      return;
    }
    this.#payload = PayloadReader.behind(line);
    if (this.#payload !== null) this.#receiver.begin(this.#payload.length);
  }
}
