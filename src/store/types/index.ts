/** The types of values: one object each. A type that is missing here does not compile. */
import type { Space } from "../space.ts";
import type { TypeName, ValueType } from "../value-type.ts";
import { Hashes } from "./hashes.ts";
import { Lists } from "./lists.ts";
import { Sets } from "./sets.ts";
import { SortedSets } from "./sorted-sets.ts";
import { Strings } from "./strings.ts";

export interface Types extends Record<TypeName, ValueType> {
  readonly string: Strings;
  readonly list: Lists;
  readonly set: Sets;
  readonly zset: SortedSets;
  readonly hash: Hashes;
}

export function createTypes(space: Space): Types {
  return {
    string: new Strings(space),
    list: new Lists(space),
    set: new Sets(space),
    zset: new SortedSets(space),
    hash: new Hashes(space),
  };
}
