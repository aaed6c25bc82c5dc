/** Finds commands by the bytes of their name, in any case, without making a string. */
import type { Request } from "../../protocol/request.ts";
import { Command, type CommandSpec } from "./command.ts";

const SLOTS = 1024;
/** Letters become lower case; all other bytes of names are different from one another still. */
const LOWER_CASE = 0x20202020;

/**
 * The first eight bytes of a name are compared as two words, which for most commands is all.
 * A slot is (first word, second word); the rest of a longer name is compared byte by byte.
 */
export class CommandTable {
  /** By the names that clients use, in lower case. */
  readonly commands = new Map<string, Command>();
  readonly #slots: (Command | null)[] = new Array(SLOTS).fill(null);
  readonly #names: (Uint8Array | null)[] = new Array(SLOTS).fill(null);
  readonly #words = new Int32Array(SLOTS * 2);
  /** The commands under their own names, where `rename-command` has given them others. */
  #originals: CommandTable | null = null;

  constructor(specs: readonly CommandSpec[]) {
    for (const spec of specs) this.#add(spec.name, new Command(spec));
  }

  /**
   * The same commands under the names that `rename-command` gives them, in lower case; clients do
   * not find one that is renamed to "".
   */
  renamed(renamings: readonly (readonly [from: string, to: string])[]): CommandTable {
    if (renamings.length === 0) return this;
    const commands = new Map(this.commands);
    for (const [from, to] of renamings) {
      const command = commands.get(from.toLowerCase());
      commands.delete(from.toLowerCase());
      if (command !== undefined && to !== "") commands.set(to.toLowerCase(), command);
    }
    const table = new CommandTable([]);
    for (const [name, command] of commands) table.#add(name, command);
    table.#originals = this;
    return table;
  }

  #add(name: string, command: Command): void {
    this.commands.set(name, command);
    const bytes = Buffer.from(name, "latin1");
    const first = wordAt(bytes, 0, bytes.length);
    const second = wordAt(bytes, 4, bytes.length - 4);
    let slot = slotOf(first, second, bytes.length);
    while (this.#slots[slot] !== null) slot = (slot + 1) & (SLOTS - 1);
    this.#slots[slot] = command;
    this.#names[slot] = bytes;
    this.#words[slot * 2] = first;
    this.#words[slot * 2 + 1] = second;
  }

  /** The command that argument `index` names, or null. */
  find(args: Request, index: number): Command | null {
    const { bytes } = args;
    const from = args.start[index]!;
    const length = args.length[index]!;
    const first = wordAt(bytes, from, length);
    const second = length > 4 ? wordAt(bytes, from + 4, length - 4) : 0;
    let slot = slotOf(first, second, length);
    for (;;) {
      const command = this.#slots[slot]!;
      if (command === null) return null;
      if (
        this.#words[slot * 2] === first &&
        this.#words[slot * 2 + 1] === second &&
        this.#names[slot]!.length === length &&
        (length <= 8 || sameRest(this.#names[slot]!, bytes, from))
      ) {
        return command;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
  }

  /** The same for a file or another server, which know the command's own name as well. */
  findAny(args: Request, index: number): Command | null {
    return this.find(args, index) ?? this.#originals?.find(args, index) ?? null;
  }

  /** By full name, such as "get" or "config|get", in any case. */
  byName(name: string): Command | undefined {
    const [first, second, ...rest] = name.toLowerCase().split("|");
    const command = this.commands.get(first!);
    if (second === undefined) return command;
    return rest.length === 0 ? command?.subcommands?.get(second) : undefined;
  }
}

/** Up to four bytes from `at`, in lower case. */
function wordAt(bytes: Uint8Array, at: number, length: number): number {
  if (length <= 0) return 0;
  let word = bytes[at]!;
  if (length > 1) word |= bytes[at + 1]! << 8;
  if (length > 2) word |= bytes[at + 2]! << 16;
  if (length > 3) word |= bytes[at + 3]! << 24;
  return word | LOWER_CASE;
}

function slotOf(first: number, second: number, length: number): number {
  const hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second + length, 0x85ebca6b);
  return (hash >>> 16) & (SLOTS - 1);
}

/** Whether the bytes from the ninth on are the same. */
function sameRest(name: Uint8Array, bytes: Uint8Array, from: number): boolean {
  for (let i = 8; i < name.length; i++) {
    if ((name[i]! | 32) !== (bytes[from + i]! | 32)) return false;
  }
  return true;
}
