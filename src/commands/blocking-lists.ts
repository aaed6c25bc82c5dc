/** List commands that wait for an element. */

import { LIST } from "../store/entry.ts";
import { readTimeout } from "./blocking-timeout.ts";
import type { Context } from "./context.ts";
import { MOVE_KEYS, move, popFirst, popFromAny, readEnd } from "./lists.ts";
import { readPopOptions } from "./pop-options.ts";
import type { CommandSpec } from "./spec/command.ts";

function blockingPop(c: Context, atHead: boolean): void {
  const { args } = c;
  const last = args.count - 2;
  const timeoutMs = readTimeout(c, last + 1);
  if (Number.isNaN(timeoutMs)) return;
  for (let i = 1; i <= last; i++) {
    const ref = c.lookupWrite(i);
    if (ref === 0) continue;
    if (!c.isList(ref)) return;
    c.reply.array(2);
    c.reply.bulk(args.bytes, args.start[i]!, args.length[i]!);
    popFirst(c, ref, i, atHead);
    const out = c.propagateInstead(2);
    out?.text(atHead ? "LPOP" : "RPOP");
    out?.copy(args, i);
    return;
  }
  if (!c.block(LIST, 1, last, timeoutMs)) c.reply.nullArray();
}

function blockingMove(c: Context, timeoutIndex: number, fromHead: boolean, toHead: boolean): void {
  const timeoutMs = readTimeout(c, timeoutIndex);
  if (Number.isNaN(timeoutMs)) return;
  if (c.lookupWrite(1) === 0) {
    if (!c.block(LIST, 1, 1, timeoutMs)) c.reply.null();
    return;
  }
  if (!move(c, fromHead, toHead)) return;
  const out = c.propagateInstead(5);
  if (out === null) return;
  out.text("LMOVE");
  out.copy(c.args, 1);
  out.copy(c.args, 2);
  out.text(fromHead ? "left" : "right");
  out.text(toHead ? "left" : "right");
}

function blmove(c: Context): void {
  const fromHead = readEnd(c, 3);
  if (fromHead === undefined) return;
  const toHead = readEnd(c, 4);
  if (toHead !== undefined) blockingMove(c, 5, fromHead, toHead);
}

function blmpop(c: Context): void {
  const options = readPopOptions(c, 2, "left", "right");
  if (options === null) return;
  const timeoutMs = readTimeout(c, 1);
  if (Number.isNaN(timeoutMs) || popFromAny(c, options)) return;
  if (!c.block(LIST, options.first, options.last, timeoutMs)) c.reply.nullArray();
}

const POP_KEYS: CommandSpec["keys"] = [{ at: 1, last: -2, flags: "RW access delete" }];
const PER_KEY = "O(N), N being the number of keys";

export const BLOCKING_LIST_COMMANDS: readonly CommandSpec[] = [
  {
    name: "blpop",
    group: "list",
    since: "2.0.0",
    complexity: PER_KEY,
    summary: "Removes and returns the first element of a list; blocks until there is one.",
    arity: -3,
    flags: "write noscript blocking",
    keys: POP_KEYS,
    syntax: "key ... timeout/double",
    handler: (c) => blockingPop(c, true),
  },
  {
    name: "brpop",
    group: "list",
    since: "2.0.0",
    complexity: PER_KEY,
    summary: "Removes and returns the last element of a list; blocks until there is one.",
    arity: -3,
    flags: "write noscript blocking",
    keys: POP_KEYS,
    syntax: "key ... timeout/double",
    handler: (c) => blockingPop(c, false),
  },
  {
    name: "blmove",
    group: "list",
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Moves an element from one list to another; blocks until there is one.",
    arity: 6,
    flags: "write denyoom noscript blocking",
    keys: MOVE_KEYS,
    syntax: "source destination <wherefrom: LEFT | RIGHT> <whereto: LEFT | RIGHT> timeout/double",
    handler: blmove,
  },
  {
    name: "brpoplpush",
    group: "list",
    since: "2.2.0",
    complexity: "O(1)",
    summary:
      "Moves the last element of a list to the head of another, and waits for it if need be.",
    arity: 4,
    flags: "write denyoom noscript blocking",
    keys: MOVE_KEYS,
    syntax: "source destination timeout/double",
    deprecated: { since: "6.2.0", replacedBy: "`BLMOVE` with the `RIGHT` and `LEFT` arguments" },
    handler: (c) => blockingMove(c, 3, false, true),
  },
  {
    name: "blmpop",
    group: "list",
    since: "7.0.0",
    complexity: "O(N+M), N being the number of keys and M of elements returned",
    summary: "Removes and returns elements of the first list that has any; blocks until one has.",
    arity: -5,
    flags: "write blocking movablekeys",
    keys: [{ at: 2, keynum: true, flags: "RW access delete" }],
    syntax: "timeout/double numkeys key ... <where: LEFT | RIGHT> [COUNT count]",
    handler: blmpop,
  },
];
