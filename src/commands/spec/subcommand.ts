/** Entries of a container's subcommands, without repeating what they share. */
import type { CommandSpec, Handler } from "./command.ts";

type Shared = Pick<CommandSpec, "group" | "flags"> & Partial<CommandSpec>;

/** Makes a maker of entries that all start from `shared`; O(1) where nothing else is said. */
export function subcommands(shared: Shared) {
  return (
    name: string,
    since: string,
    arity: number,
    summary: string,
    handler: Handler,
    more: Partial<CommandSpec> = {},
  ): CommandSpec => ({
    complexity: "O(1)",
    ...shared,
    name,
    since,
    arity,
    summary,
    handler,
    ...more,
  });
}
