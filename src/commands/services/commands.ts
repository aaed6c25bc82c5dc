/** The command table, for commands about commands. */
import type { Request } from "../../protocol/request.ts";
import type { CommandView } from "../spec/command-info.ts";

export interface CommandsService {
  /** By name, without subcommands. */
  readonly commands: ReadonlyMap<string, CommandView>;
  /** The command that argument `index` names, or null. */
  find(args: Request, index: number): CommandView | null;
  /** By full name, such as "get" or "config|get", in any case. */
  byName(name: string): CommandView | undefined;
}
