/** The commands that change the keyspace, as they are to be repeated: each in its database. */
import { latin1 } from "../base/bytes.ts";
import { CommandWriter } from "../protocol/command-writer.ts";

const MULTI = latin1("*1\r\n$5\r\nMULTI\r\n");

export class Journal {
  readonly commands = new CommandWriter();
  /** `aof-timestamp-enabled`. */
  stamping = false;
  #database = -1;
  #stampedSecond = 0;
  /** Commands from `beginBlock` to `endBlock` are to be repeated together or not at all. */
  #inBlock = false;
  /** Where the first command of the block is; -1 before it. */
  #blockStart = -1;
  #hasMulti = false;

  /** A command of `count` arguments begins, for database `index`. */
  begin(index: number, count: number): CommandWriter {
    const { commands } = this;
    if (this.stamping && this.#blockStart < 0) this.#stamp();
    if (index !== this.#database) {
      this.#database = index;
      commands.begin(2);
      commands.text("SELECT");
      commands.integer(index);
    }
    if (this.#inBlock) {
      if (this.#blockStart < 0) this.#blockStart = commands.at;
      else if (!this.#hasMulti) {
        // A single command needs no MULTI around it.
        commands.insert(this.#blockStart, MULTI);
        this.#hasMulti = true;
      }
    }
    commands.begin(count);
    return commands;
  }

  beginBlock(): void {
    this.#inBlock = true;
  }

  endBlock(): void {
    if (this.#hasMulti) {
      this.commands.begin(1);
      this.commands.text("EXEC");
    }
    this.#inBlock = false;
    this.#blockStart = -1;
    this.#hasMulti = false;
  }

  /** The next command names its database again: a new file begins. */
  forgetDatabase(): void {
    this.#database = -1;
  }

  #stamp(): void {
    const second = Math.floor(Date.now() / 1000);
    if (second === this.#stampedSecond) return;
    this.#stampedSecond = second;
    this.commands.line(`#TS:${second}`);
  }
}
