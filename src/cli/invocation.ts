/** What a command runs with: the session, the options and the output; modes get the same. */
import type { CliOptions } from "./options.ts";
import type { Output } from "./output.ts";
import type { Session } from "./session.ts";

/** How a user leaves a stream: for good, or to type a command beside it. */
export type Leaving = "quit" | "command";

export interface Run {
  readonly session: Session;
  readonly options: CliOptions;
  readonly output: Output;
  /** Resolves when the user wants to leave a stream; the prompt has it. */
  readonly leaving?: () => { readonly left: Promise<Leaving>; readonly stop: () => void };
}
