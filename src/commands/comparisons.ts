/**
 * Commands that depend on what a string is, or is not: with it or with its digest, which is the 64-bit
 * XXH3 of its bytes in 16 hexadecimal digits.
 */
import { equalBytes } from "../base/bytes.ts";
import * as errors from "../protocol/errors.ts";
import { STRING } from "../store/entry.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT } from "./events.ts";
import { compareOption, IFDEQ, IFDNE, IFEQ, IFNE } from "./set-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

const NO_DIGEST = "ERR must be exactly 16 hexadecimal characters";
const NO_STRING = "ERR Key should be of string type if conditions are specified";
const NO_CONDITION = "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE";
const DIGEST_DIGITS = 16;

/** The syntax of the conditions. */
export const COMPARISONS =
  "IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest";

function digestOf(bytes: Uint8Array, from: number, length: number): string {
  const digest = Bun.hash.xxHash3(bytes.subarray(from, from + length));
  return digest.toString(16).padStart(DIGEST_DIGITS, "0");
}

/** Whether argument `index` has the length of a digest, if the condition needs one; replies where not. */
export function hasDigest(c: Context, condition: number, index: number): boolean {
  const needsDigest = condition === IFDEQ || condition === IFDNE;
  if (!needsDigest || c.args.length[index] === DIGEST_DIGITS) return true;
  c.reply.error(NO_DIGEST);
  return false;
}

/** Whether the condition holds for a string, whose entry is `ref`, or for none, and argument `index`. */
export function compares(c: Context, ref: number, condition: number, index: number): boolean {
  const isNegated = condition === IFNE || condition === IFDNE;
  if (ref === 0) return isNegated;
  const { args } = c;
  const { bytes, from, length } = c.keyspace.strings.open(ref);
  const isEqual =
    condition === IFEQ || condition === IFNE
      ? length === args.length[index] &&
        equalBytes(bytes, from, args.bytes, args.start[index]!, length)
      : args.text(index).toLowerCase() === digestOf(bytes, from, length);
  return isEqual !== isNegated;
}

function digest(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isString(ref)) return;
  if (ref === 0) {
    c.reply.null();
    return;
  }
  const { bytes, from, length } = c.keyspace.strings.open(ref);
  c.reply.text(digestOf(bytes, from, length));
}

function delex(c: Context): void {
  if (c.args.count !== 2 && c.args.count !== 4) {
    c.reply.error(errors.wrongArity("delex"));
    return;
  }
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  if (c.args.count === 4) {
    if (c.db.typeOf(ref) !== STRING) {
      c.reply.error(NO_STRING);
      return;
    }
    const condition = compareOption(c, 2);
    if (condition === 0) {
      c.reply.error(NO_CONDITION);
      return;
    }
    if (!hasDigest(c, condition, 3)) return;
    if (!compares(c, ref, condition, 3)) {
      c.reply.integer(0);
      return;
    }
  }
  remove(c, ref);
}

/** Valkey's. */
function delifeq(c: Context): void {
  const ref = c.lookupWrite(1);
  if (!c.isString(ref)) return;
  if (ref !== 0 && compares(c, ref, IFEQ, 2)) remove(c, ref);
  else c.reply.integer(0);
}

function remove(c: Context, ref: number): void {
  c.db.remove(ref);
  c.changed(GENERIC_EVENT, "del", 1);
  c.propagateDelete(1);
  c.dirty++;
  c.reply.integer(1);
}

export const COMPARISON_COMMANDS: readonly CommandSpec[] = [
  {
    name: "digest",
    group: "string",
    since: "8.4.0",
    complexity: "O(N), N being the length of the string",
    summary: "Returns the XXH3 digest of the string at a key.",
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: "key",
    handler: digest,
  },
  {
    name: "delex",
    batchTimedArgsMax: 2,
    group: "string",
    since: "8.4.0",
    complexity:
      "O(1) for IFEQ and IFNE, O(N) for IFDEQ and IFDNE, N being the length of the string",
    summary: "Deletes a key if its value is, or is not, a string or one with a digest.",
    arity: -2,
    flags: "write fast",
    keys: oneKey("RW delete variable_flags"),
    syntax: `key [condition: ${COMPARISONS}]`,
    handler: delex,
  },
  {
    name: "delifeq",
    batchTimedArgsMax: 3,
    group: "string",
    since: "9.0.0",
    complexity: "O(1)",
    summary: "Deletes a key if its value is a string. Valkey's.",
    arity: 3,
    flags: "write fast",
    keys: oneKey("RW delete"),
    syntax: "key value",
    handler: delifeq,
  },
];
