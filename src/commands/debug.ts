/** DEBUG: for tests and for looking inside. */
import { latin1 } from "../base/bytes.ts";
import { writeInteger } from "../base/number-text.ts";
import { RdbWriter } from "../persistence/rdb/writer.ts";
import { saveValue } from "../persistence/snapshot/entry-writer.ts";
import * as errors from "../protocol/errors.ts";
import { digestOfAll, digestOfValue } from "../store/digest.ts";
import { CLOCK_SHIFT, LIST, NO_EXPIRY } from "../store/entry.ts";
import type { Context } from "./context.ts";
import { replyHelp } from "./help.ts";
import type { CommandSpec } from "./spec/command.ts";

interface DebugCommand {
  readonly usage: string;
  readonly summary: string;
  /** Arguments, DEBUG and subcommand included. */
  readonly min: number;
  readonly max: number;
  readonly run: (c: Context) => void;
}

function sleep(c: Context): void {
  const seconds = Number(c.args.text(2));
  Bun.sleepSync(Math.max(0, Number.isFinite(seconds) ? seconds * 1000 : 0));
  c.reply.ok();
}

function setActiveExpire(c: Context): void {
  const on = c.integer(2);
  if (Number.isNaN(on)) return;
  c.server.expiry.isActive = on !== 0;
  c.reply.ok();
}

/** Makes `count` keys `prefix:0`, …; a value of `size` bytes starts as `value:0`, padded with zero bytes. */
function populate(c: Context): void {
  const { args, db } = c;
  const count = c.integerWithin(2, 0, Number.MAX_SAFE_INTEGER, errors.NOT_POSITIVE);
  if (Number.isNaN(count)) return;
  const size = args.count > 4 ? c.integerWithin(4, 0, 536870912, errors.NOT_POSITIVE) : 0;
  if (Number.isNaN(size)) return;
  // Both buffers are reused: garbage for millions of keys would show in the server's memory.
  const prefix = latin1(`${args.count > 3 ? args.text(3) : "key"}:`);
  const key = new Uint8Array(prefix.length + 20);
  key.set(prefix);
  const label = latin1("value:");
  const value = new Uint8Array(Math.max(size, 32));
  value.set(label);
  for (let i = 0; i < count; i++) {
    const keyBytes = writeInteger(key, prefix.length, i);
    if (db.peek(key, 0, keyBytes) !== 0) continue;
    const textBytes = writeInteger(value, label.length, i);
    const valueBytes = size === 0 ? textBytes : size;
    c.keyspace.strings.set(db, 0, key, 0, keyBytes, value, 0, valueBytes, NO_EXPIRY);
    c.dirty++;
  }
  c.reply.ok();
}

function object(c: Context): void {
  const { args, db, reply } = c;
  const ref = db.peek(args.bytes, args.start[2]!, args.length[2]!);
  if (ref === 0) {
    reply.error(errors.NO_SUCH_KEY);
    return;
  }
  let nodes = "";
  if (db.typeOf(ref) === LIST) nodes = ` ql_nodes:${c.keyspace.lists.open(ref).nodes}`;
  // As DUMP writes it, but for the byte that names its type.
  const out = new RdbWriter();
  saveValue(c.keyspace, db, ref, out);
  const clock = db.metaOf(ref) >>> CLOCK_SHIFT;
  const idle = (c.keyspace.accessClock - clock) & 0xffffff;
  reply.simple(
    `Value at:0x${(ref >>> 0).toString(16)} refcount:1 encoding:${c.keyspace.typeAt(ref).encoding(ref)} serializedlength:${out.at - 1} lru:${clock} lru_seconds_idle:${idle}${nodes}`,
  );
}

function digestValue(c: Context): void {
  const { args, db } = c;
  c.reply.array(args.count - 2);
  for (let i = 2; i < args.count; i++) {
    const ref = db.peek(args.bytes, args.start[i]!, args.length[i]!);
    c.reply.simple(digestOfValue(c.keyspace, db, ref));
  }
}

function check(c: Context): void {
  c.keyspace.check();
  c.reply.ok();
}

/** A reply of each kind there is, with Redis's own sample values. */
function protocol(c: Context): void {
  const { args, reply } = c;
  switch (errors.shownArgument(args.text(2)).toLowerCase()) {
    case "string":
      reply.text("Hello World");
      return;
    case "integer":
      reply.integer(12345);
      return;
    case "double":
      reply.double(Number("3.141"));
      return;
    case "null":
      reply.null();
      return;
    case "array":
      reply.array(3);
      for (let i = 0; i < 3; i++) reply.integer(i);
      return;
    case "set":
      reply.set(3);
      for (let i = 0; i < 3; i++) reply.integer(i);
      return;
    case "map":
      reply.map(3);
      for (let i = 0; i < 3; i++) {
        reply.integer(i);
        reply.boolean(i === 1);
      }
      return;
    case "push":
      if (reply.protocol < 3) {
        reply.error("ERR RESP2 is not supported by this command");
        return;
      }
      reply.push(2);
      reply.text("server-cpu-usage");
      reply.integer(42);
      // A push is no reply.
      reply.text("Some real reply following the push reply");
      return;
    case "attrib":
      if (reply.protocol === 3) {
        reply.attribute(1);
        reply.text("key-popularity");
        reply.array(2);
        reply.text("key:123");
        reply.integer(90);
      }
      reply.text("Some real reply following the attribute");
      return;
    case "bignum":
      reply.bigNumber("1234567999999999999999999999999999999");
      return;
    case "true":
      reply.boolean(true);
      return;
    case "false":
      reply.boolean(false);
      return;
    case "verbatim":
      reply.verbatim("txt", "This is a verbatim\nstring");
      return;
    default:
      reply.error(
        "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
      );
  }
}

const DEBUG_COMMANDS: Readonly<Record<string, DebugCommand>> = {
  sleep: {
    usage: "SLEEP <seconds>",
    summary: "Stops the server for the given time.",
    min: 3,
    max: 3,
    run: sleep,
  },
  populate: {
    usage: "POPULATE <count> [<prefix>] [<size>]",
    summary: "Creates string keys named <prefix>:<number>.",
    min: 3,
    max: 5,
    run: populate,
  },
  "set-active-expire": {
    usage: "SET-ACTIVE-EXPIRE <0|1>",
    summary: "Switches active expiry on or off.",
    min: 3,
    max: 3,
    run: setActiveExpire,
  },
  object: {
    usage: "OBJECT <key>",
    summary: "Describes the internal representation of a value.",
    min: 3,
    max: 3,
    run: object,
  },
  digest: {
    usage: "DIGEST",
    summary: "Returns a digest of the whole data set.",
    min: 2,
    max: 2,
    run: (c) => c.reply.simple(digestOfAll(c.keyspace)),
  },
  "digest-value": {
    usage: "DIGEST-VALUE <key> [<key> ...]",
    summary: "Returns digests of values.",
    min: 2,
    max: Number.POSITIVE_INFINITY,
    run: digestValue,
  },
  protocol: {
    usage: "PROTOCOL <type>",
    summary: "Replies with an example of a protocol type.",
    min: 3,
    max: 3,
    run: protocol,
  },
  reload: {
    usage: "RELOAD",
    summary: "Saves the data set to the RDB file and loads it again.",
    min: 2,
    max: 2,
    run: (c) => {
      for (const database of c.keyspace.databases) c.events.emptying(database);
      const error = c.server.persistence.reload();
      if (error === "") c.reply.ok();
      else c.reply.error(error);
    },
  },
  check: {
    usage: "CHECK",
    summary: "Checks the invariants of the whole keyspace.",
    min: 2,
    max: 2,
    run: check,
  },
};

function debug(c: Context): void {
  const { args, reply } = c;
  if (!c.server.access.mayDebug(c.client)) {
    reply.error(errors.DEBUG_NOT_ALLOWED);
    return;
  }
  const name = args.text(1).toLowerCase();
  if (name === "help") {
    replyHelp(
      c,
      "debug",
      Object.values(DEBUG_COMMANDS).map(({ usage, summary }) => [usage, summary]),
    );
    return;
  }
  const command = Object.hasOwn(DEBUG_COMMANDS, name) ? DEBUG_COMMANDS[name] : undefined;
  if (command === undefined || args.count < command.min || args.count > command.max) {
    c.wrongSubcommand();
    return;
  }
  command.run(c);
}

export const DEBUG_COMMAND_SPECS: readonly CommandSpec[] = [
  {
    name: "debug",
    group: "server",
    since: "1.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for debugging commands.",
    arity: -2,
    flags: "admin noscript loading stale",
    docFlags: "syscmd",
    handler: debug,
  },
];
