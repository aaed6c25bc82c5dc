/**
 * Checks an RDB as it is received, without loading it: that it begins like one, that nothing lies
 * behind its end, and that its checksum is right. The data that it replaces can then be kept until
 * it is known to be whole.
 */
import { latin1Text } from "../base/bytes.ts";
import { Crc64 } from "./rdb/crc64.ts";
import { OPCODE } from "./rdb/format.ts";

const MAGIC_BYTES = 9;
const CHECKSUM_BYTES = 8;
/** Versions before this one have no checksum. */
const CHECKSUM_VERSION = 5;

export class ReceivedRdb {
  readonly #crc = new Crc64();
  /** The first bytes. */
  readonly #head = new Uint8Array(MAGIC_BYTES);
  /** The last bytes, which may be the checksum and are no part of its sum. */
  #tail: Uint8Array = new Uint8Array(0);
  /** The last byte before them. */
  #beforeTail = -1;
  #bytes = 0;

  /** Takes the next bytes. */
  take(bytes: Uint8Array): void {
    if (this.#bytes < MAGIC_BYTES) {
      this.#head.set(bytes.subarray(0, MAGIC_BYTES - this.#bytes), this.#bytes);
    }
    this.#bytes += bytes.length;
    const surplus = this.#tail.length + bytes.length - CHECKSUM_BYTES;
    const fromTail = Math.min(Math.max(0, surplus), this.#tail.length);
    const fromBytes = Math.max(0, surplus - fromTail);
    this.#add(this.#tail, fromTail);
    this.#add(bytes, fromBytes);
    this.#tail = Buffer.concat([this.#tail.subarray(fromTail), bytes.subarray(fromBytes)]);
  }

  #add(bytes: Uint8Array, to: number): void {
    if (to === 0) return;
    this.#crc.update(bytes, 0, to);
    this.#beforeTail = bytes[to - 1]!;
  }

  /** What is wrong with all that was taken, or "". */
  get problem(): string {
    const magic = /^(?:REDIS([0-9]{4})|VALKEY[0-9]{3})$/.exec(latin1Text(this.#head));
    if (magic === null) return "it is no RDB: it does not start with REDIS";
    const tail = this.#tail;
    if (Number(magic[1] ?? CHECKSUM_VERSION) < CHECKSUM_VERSION) {
      return tail.at(-1) === OPCODE.end ? "" : "it ends in the middle";
    }
    if (this.#beforeTail !== OPCODE.end) return "it ends in the middle";
    // A checksum of zeros says that there is none.
    const isChecked = tail.some((byte) => byte !== 0);
    return !isChecked || this.#crc.matches(tail, 0) ? "" : "its checksum is wrong";
  }
}
