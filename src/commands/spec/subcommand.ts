/** Entries of a container's subcommands, without repeating what they share. */
import type { CommandSpec, Handler } from "./command.ts";

type Shared = Pick<CommandSpec, "group" | "flags"> & Partial<CommandSpec>;

/** Returns a function that builds subcommand entries with these shared fields; complexity defaults to O(1). */
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
