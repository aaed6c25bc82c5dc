/** What `:set` changes. */
import type { Output } from "./output.ts";

type Name = "hints" | "confirm" | "color";

const MEANINGS: Readonly<Record<Name, string>> = {
  hints: "arguments of commands while they are typed",
  confirm: "ask before dangerous commands on another machine",
  color: "colours",
};

export class Preferences {
  readonly #output: Output;
  hints = true;
  confirm: boolean;

  constructor(output: Output, confirm: boolean) {
    this.#output = output;
    this.confirm = confirm;
  }

  #get(name: Name): boolean {
    return name === "color" ? this.#output.colour : this[name];
  }

  /** `hints`, `nohints`, `hints on`, `hints off`; without arguments all are shown. */
  set(args: readonly string[]): string {
    const [word, value, ...rest] = args.map((arg) => arg.toLowerCase());
    if (word === undefined) {
      const lines = Object.entries(MEANINGS).map(([name, meaning]) => {
        const shown = `:set ${this.#get(name as Name) ? "" : "no"}${name}`;
        return `${shown.padEnd(16)} ${meaning}\n`;
      });
      return lines.join("");
    }
    const negated = word.startsWith("no") && !(word in MEANINGS);
    const name = (negated ? word.slice(2) : word).replace(/^colour$/, "color");
    if (!(name in MEANINGS) || rest.length > 0 || !/^(on|off|)$/.test(value ?? "")) {
      return `unknown redis-cli preference '${args.join(" ")}'\n`;
    }
    const on = negated === (value === "off");
    if (name === "color") this.#output.colour = on;
    else this[name as "hints" | "confirm"] = on;
    return "";
  }
}
