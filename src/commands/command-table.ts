/** Finds commands by the bytes of their name, in any case, without making a string. */
import type { Request } from "../protocol/request.ts";
import { Command, type CommandSpec } from "./command.ts";

const SLOTS = 1024;

export class CommandTable {
  readonly commands = new Map<string, Command>();
  readonly #slots: (Command | null)[] = new Array(SLOTS).fill(null);

  constructor(specs: readonly CommandSpec[]) {
    for (const spec of specs) {
      const command = new Command(spec);
      this.commands.set(spec.name, command);
      const { nameBytes } = command;
      let slot = slotOf(nameBytes, 0, nameBytes.length);
      while (this.#slots[slot] !== null) slot = (slot + 1) & (SLOTS - 1);
      this.#slots[slot] = command;
    }
  }

  /** The command that argument `index` names, or null. */
  find(args: Request, index: number): Command | null {
    const { bytes } = args;
    const from = args.start[index]!;
    const length = args.length[index]!;
    let slot = slotOf(bytes, from, length);
    for (;;) {
      const command = this.#slots[slot]!;
      if (command === null) return null;
      if (sameName(command.nameBytes, bytes, from, length)) return command;
      slot = (slot + 1) & (SLOTS - 1);
    }
  }

  /** By full name, such as "get" or "config|get", in any case. */
  byName(name: string): Command | undefined {
    const [first, second, ...rest] = name.toLowerCase().split("|");
    const command = this.commands.get(first!);
    if (second === undefined) return command;
    return rest.length === 0 ? command?.subcommands?.get(second) : undefined;
  }
}

function slotOf(bytes: Uint8Array, from: number, length: number): number {
  let hash = length;
  const end = from + Math.min(length, 32);
  for (let i = from; i < end; i++) hash = (hash * 31 + (bytes[i]! | 32)) | 0;
  return (hash ^ (hash >>> 10)) & (SLOTS - 1);
}

function sameName(name: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) {
    let c = bytes[from + i]!;
    if (c >= 65 && c <= 90) c |= 32;
    if (c !== name[i]) return false;
  }
  return true;
}
