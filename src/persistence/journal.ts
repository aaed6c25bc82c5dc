/** The commands that change the keyspace, as they are to be repeated: each in its database. */
import { CommandWriter } from "../protocol/command-writer.ts";

export class Journal {
  readonly commands = new CommandWriter();
  /** `aof-timestamp-enabled`. */
  stamping = false;
  #database = -1;
  #stampedSecond = 0;

  /** A command of `count` arguments begins, for database `index`. */
  begin(index: number, count: number): CommandWriter {
    const { commands } = this;
    if (this.stamping) this.#stamp();
    if (index !== this.#database) {
      this.#database = index;
      commands.begin(2);
      commands.text("SELECT");
      commands.integer(index);
    }
    commands.begin(count);
    return commands;
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
