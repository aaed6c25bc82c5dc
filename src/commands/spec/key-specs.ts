/** The usual places of keys among the arguments. */
import type { KeySpec } from "./command.ts";

/** One key, in argument `at`. */
export function keyAt(at: number, flags: string, notes?: string): KeySpec {
  return notes === undefined ? { at, flags } : { at, flags, notes };
}

export function oneKey(flags: string, notes?: string): readonly KeySpec[] {
  return [keyAt(1, flags, notes)];
}

/** Every argument from the first on, or every `step`th. */
export function allKeys(flags: string, step = 1): readonly KeySpec[] {
  return [{ at: 1, last: -1, step, flags }];
}
