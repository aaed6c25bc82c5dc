/**
 * Counts replies in chunks of bytes, however they are cut, and makes no objects of them; only the
 * texts of errors are kept. RESP2 and RESP3.
 */
const LINE_FEED = 10;
const BANG = 33;
const DOLLAR = 36;
const PERCENT = 37;
const STAR = 42;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const EQUALS = 61;
const GREATER = 62;
const BAR = 124;
const TILDE = 126;
const HASH = 35;
const OPEN = 40;
const PLUS = 43;
const COMMA = 44;
const COLON = 58;
const UNDERSCORE = 95;
/** More of an error's text is not kept. */
const ERROR_BYTES_MAX = 4096;
/** Of bytes and of items; as hiredis allows items. */
const COUNT_MAX = 2 ** 32 - 1;

export class ReplyScanner {
  /** Errors among the replies so far, and the text of the latest. */
  errors = 0;
  errorText = "";
  /** Type byte of the line under way; 0 before it. */
  #type = 0;
  /** The number in the line under way. */
  #number = 0;
  #isNegative = false;
  /** Bytes of a bulk, with its line end, still to be skipped. */
  #skip = 0;
  /** Items still to come until the reply is whole; an aggregate adds its own. */
  #missing = 1;
  /** The reply under way is a push, which nobody asked for. */
  #isPush = false;
  #text = "";

  /** Goes over the next bytes; returns how many replies ended in them. Throws on other bytes. */
  scan(chunk: Uint8Array): number {
    const { length } = chunk;
    let replies = 0;
    let at = 0;
    while (at < length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, length - at);
        this.#skip -= skipped;
        at += skipped;
        if (this.#skip === 0 && this.#ended()) replies++;
        continue;
      }
      if (this.#type === 0) {
        this.#type = chunk[at++]!;
        this.#number = 0;
        this.#isNegative = false;
      }
      const type = this.#type;
      if (hasLength(type)) {
        // A length: read its digits.
        let number = this.#number;
        let byte = 0;
        while (at < length) {
          byte = chunk[at++]!;
          if (byte >= ZERO && byte <= NINE) number = number * 10 + byte - ZERO;
          else if (byte === MINUS) this.#isNegative = true;
          else if (byte === LINE_FEED) break;
        }
        this.#number = number;
        if (byte !== LINE_FEED) return replies;
      } else if (type === MINUS) {
        const end = chunk.indexOf(LINE_FEED, at);
        const stop = end < 0 ? length : end;
        if (this.#text.length < ERROR_BYTES_MAX)
          this.#text += Buffer.from(chunk.buffer, chunk.byteOffset + at, stop - at).toString(
            "latin1",
          );
        at = stop + 1;
        if (end < 0) return replies;
      } else {
        while (at < length && chunk[at] !== LINE_FEED) at++;
        if (at++ === length) return replies;
      }
      this.#type = 0;
      if (this.#lineEnded(type) && this.#ended()) replies++;
    }
    return replies;
  }

  /** Whether an item ended with this line. */
  #lineEnded(type: number): boolean {
    const count = this.#isNegative ? -1 : this.#number;
    if (count > COUNT_MAX) throw new Error("Protocol error: the server sent a length out of range");
    switch (type) {
      case PLUS:
      case COLON:
      case UNDERSCORE:
      case COMMA:
      case HASH:
      case OPEN:
        return true;
      case MINUS:
        this.errors++;
        // It goes to a terminal, which obeys control characters.
        this.errorText = this.#text.trimEnd().replace(/[^ -~]/g, "?");
        this.#text = "";
        return true;
      case BANG:
        this.errors++;
        this.errorText = "an error as bulk";
        this.#skip = count + 2;
        return false;
      case DOLLAR:
      case EQUALS:
        if (count < 0) return true;
        this.#skip = count + 2;
        return false;
      case GREATER:
        if (this.#missing === 1) this.#isPush = true;
        break;
      case PERCENT:
        this.#missing += count;
        break;
      case BAR:
        // An attribute goes before an item and is none.
        this.#missing += 2 * count;
        return false;
      case STAR:
      case TILDE:
        break;
      default:
        throw new Error("Protocol error: the server sent bytes that are no reply");
    }
    if (count > 0) this.#missing += count;
    return true;
  }

  /** An item ended: whether a reply did with it. */
  #ended(): boolean {
    if (--this.#missing > 0) return false;
    this.#missing = 1;
    const isReply = !this.#isPush;
    this.#isPush = false;
    return isReply;
  }
}

function hasLength(type: number): boolean {
  return (
    type === DOLLAR ||
    type === STAR ||
    type === PERCENT ||
    type === TILDE ||
    type === GREATER ||
    type === EQUALS ||
    type === BANG ||
    type === BAR
  );
}
