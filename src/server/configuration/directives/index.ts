/**
 * All directives: names, kinds, defaults, limits and texts, once. Names, defaults and texts of
 * refusals are Redis's.
 */

import { CLIENTS } from "./clients.ts";
import { DATA } from "./data.ts";
import type { Directive, Quantity } from "./directive.ts";
import { LIMITED } from "./limited.ts";
import { NETWORK } from "./network.ts";
import { OBSERVABILITY } from "./observability.ts";
import { APPEND_ONLY_FILE, SNAPSHOTS } from "./persistence.ts";
import { PROCESS } from "./process.ts";
import { REPLICATION } from "./replication.ts";
import { STATEMENTS } from "./statements.ts";
import { WITHOUT_EFFECT } from "./without-effect.ts";

const ALL = {
  ...NETWORK,
  ...PROCESS,
  ...CLIENTS,
  ...DATA,
  ...OBSERVABILITY,
  ...SNAPSHOTS,
  ...APPEND_ONLY_FILE,
  ...REPLICATION,
  ...STATEMENTS,
  ...LIMITED,
  ...WITHOUT_EFFECT,
};

export type DirectiveName = keyof typeof ALL;
export type ValueOf<N extends DirectiveName> =
  (typeof ALL)[N] extends Directive<infer V> ? V : never;
export type Values = { readonly [N in DirectiveName]: ValueOf<N> };

/** Names of the directives whose values are of one type: `NamesOf<boolean>`. */
export type NamesOf<V> = {
  [N in DirectiveName]: [ValueOf<N>] extends [V] ? N : never;
}[DirectiveName];
export type NumberName = NamesOf<Quantity>;

export const DIRECTIVES: Readonly<Record<DirectiveName, Directive>> = ALL;
export const DIRECTIVE_NAMES = Object.keys(ALL) as readonly DirectiveName[];

/** Titles of the groups, for documents. */
export const DIRECTIVE_GROUPS: Readonly<Record<string, Readonly<Record<string, Directive>>>> = {
  Network: NETWORK,
  Process: PROCESS,
  Clients: CLIENTS,
  Data: DATA,
  "Slow log and latency": OBSERVABILITY,
  Snapshots: SNAPSHOTS,
  "Append-only file": APPEND_ONLY_FILE,
  Replication: REPLICATION,
  "Lines that are not values": STATEMENTS,
  "Only with their defaults": LIMITED,
  "Accepted without effect": WITHOUT_EFFECT,
};

const BY_NAME = new Map<string, DirectiveName>(
  DIRECTIVE_NAMES.flatMap((name) => [name, ...DIRECTIVES[name].aliases].map((n) => [n, name])),
);

/** The directive of that name or alias, in any case. */
export function findDirective(name: string): DirectiveName | undefined {
  return BY_NAME.get(name.toLowerCase());
}
