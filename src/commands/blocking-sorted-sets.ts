/** Sorted set commands that remove members at one end, of the first of several keys, and may wait for it. */
import { ZSET } from "../store/entry.ts";
import { readTimeout } from "./blocking-timeout.ts";
import type { Context } from "./context.ts";
import { type PopOptions, readPopOptions } from "./pop-options.ts";
import { popFrom } from "./sorted-sets.ts";
import type { CommandSpec } from "./spec/command.ts";

function blockingPop(c: Context, atMax: boolean): void {
  const { args } = c;
  const last = args.count - 2;
  const timeoutMs = readTimeout(c, last + 1);
  if (Number.isNaN(timeoutMs)) return;
  for (let i = 1; i <= last; i++) {
    const ref = c.lookupWrite(i);
    if (ref === 0) continue;
    if (!c.isSortedSet(ref)) return;
    c.reply.array(3);
    c.reply.bulk(args.bytes, args.start[i]!, args.length[i]!);
    popFrom(c, ref, i, atMax, 1, false);
    const out = c.propagateInstead(2);
    out?.text(atMax ? "ZPOPMAX" : "ZPOPMIN");
    out?.copy(args, i);
    return;
  }
  if (!c.block(ZSET, 1, last, timeoutMs)) c.reply.nullArray();
}

/**
 * Pops from the first of the keys that is there, and replies with its name, the members and their scores;
 * false, without a reply, where none is.
 */
function popFromAny(c: Context, { first, last, atStart, count }: PopOptions): boolean {
  const { args } = c;
  for (let i = first; i <= last; i++) {
    const ref = c.lookupWrite(i);
    if (ref === 0) continue;
    if (!c.isSortedSet(ref)) return true;
    const taken = Math.min(count, c.keyspace.sortedSets.open(ref).length);
    c.reply.array(2);
    c.reply.bulk(args.bytes, args.start[i]!, args.length[i]!);
    c.reply.array(taken);
    popFrom(c, ref, i, !atStart, taken, true);
    const out = c.propagateInstead(3);
    out?.text(atStart ? "ZPOPMIN" : "ZPOPMAX");
    out?.copy(args, i);
    out?.integer(taken);
    return true;
  }
  return false;
}

function zmpop(c: Context): void {
  const options = readPopOptions(c, 1, "min", "max");
  if (options !== null && !popFromAny(c, options)) c.reply.nullArray();
}

function bzmpop(c: Context): void {
  const options = readPopOptions(c, 2, "min", "max");
  if (options === null) return;
  const timeoutMs = readTimeout(c, 1);
  if (Number.isNaN(timeoutMs) || popFromAny(c, options)) return;
  if (!c.block(ZSET, options.first, options.last, timeoutMs)) c.reply.nullArray();
}

const POP_KEYS: CommandSpec["keys"] = [{ at: 1, last: -2, flags: "RW access delete" }];
const POP_COMPLEXITY = "O(log(N)), N being the number of members";
const MPOP_COMPLEXITY =
  "O(K)+O(M*log(N)), K being the number of keys, N of members and M of those returned";

export const BLOCKING_SORTED_SET_COMMANDS: readonly CommandSpec[] = [
  {
    name: "zmpop",
    group: "sorted-set",
    since: "7.0.0",
    complexity: MPOP_COMPLEXITY,
    summary: "Removes and returns members of the first sorted set that exists.",
    arity: -4,
    flags: "write movablekeys",
    keys: [{ at: 1, keynum: true, flags: "RW access delete" }],
    syntax: "numkeys key ... <where: MIN | MAX> [COUNT count]",
    handler: zmpop,
  },
  {
    name: "bzpopmin",
    group: "sorted-set",
    since: "5.0.0",
    complexity: POP_COMPLEXITY,
    summary:
      "Removes and returns the member with the lowest score; blocks until a sorted set has one.",
    arity: -3,
    flags: "write noscript blocking fast",
    keys: POP_KEYS,
    syntax: "key ... timeout/double",
    handler: (c) => blockingPop(c, false),
  },
  {
    name: "bzpopmax",
    group: "sorted-set",
    since: "5.0.0",
    complexity: POP_COMPLEXITY,
    summary:
      "Removes and returns the member with the highest score; blocks until a sorted set has one.",
    arity: -3,
    flags: "write noscript blocking fast",
    keys: POP_KEYS,
    syntax: "key ... timeout/double",
    handler: (c) => blockingPop(c, true),
  },
  {
    name: "bzmpop",
    group: "sorted-set",
    since: "7.0.0",
    complexity: MPOP_COMPLEXITY,
    summary:
      "Removes and returns members of the first sorted set that exists; blocks until one does.",
    arity: -5,
    flags: "write blocking movablekeys",
    keys: [{ at: 2, keynum: true, flags: "RW access delete" }],
    syntax: "timeout/double numkeys key ... <where: MIN | MAX> [COUNT count]",
    handler: bzmpop,
  },
];
