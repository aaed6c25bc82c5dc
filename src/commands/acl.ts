/**
 * What clients and tools ask of the access control lists. There is one user, `default`, who may do
 * everything; its password is `requirepass`.
 */

import type { Context } from "./context.ts";
import { helpCommand } from "./help.ts";
import type { CommandSpec } from "./spec/command.ts";
import { subcommands } from "./spec/subcommand.ts";

const USER = "default";
/** In Redis's order; there are commands in some of them only. */
const CATEGORIES: readonly string[] = [
  ...["keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap"],
  ...["hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous"],
  ...["connection", "transaction", "scripting"],
];
const PASSWORD_BITS = 256;
const PASSWORD_BITS_MAX = 4096;

/** The SHA-256 sums of the user's passwords, in hexadecimal. */
function passwords(c: Context): string[] {
  const { password } = c.server.access;
  if (password === "") return [];
  return [new Bun.CryptoHasher("sha256").update(Buffer.from(password, "latin1")).digest("hex")];
}

function flags(c: Context): string[] {
  return ["on", ...(c.server.access.password === "" ? ["nopass"] : []), "sanitize-payload"];
}

function list(c: Context): void {
  const sums = passwords(c).map((sum) => `#${sum}`);
  c.reply.array(1);
  c.reply.text(["user", USER, ...flags(c), ...sums, "~*", "&*", "+@all"].join(" "));
}

function getuser(c: Context): void {
  const { reply } = c;
  if (c.args.text(2) !== USER) {
    reply.null();
    return;
  }
  reply.map(6);
  reply.text("flags");
  const own = flags(c);
  reply.set(own.length);
  for (const flag of own) reply.text(flag);
  reply.text("passwords");
  const sums = passwords(c);
  reply.array(sums.length);
  for (const sum of sums) reply.text(sum);
  for (const [name, value] of [
    ["commands", "+@all"],
    ["keys", "~*"],
    ["channels", "&*"],
  ] as const) {
    reply.text(name);
    reply.text(value);
  }
  reply.text("selectors");
  reply.array(0);
}

function cat(c: Context): void {
  const { args, reply } = c;
  if (args.count > 3) {
    c.wrongSubcommand();
    return;
  }
  let names = CATEGORIES;
  if (args.count === 3) {
    const category = args.text(2).toLowerCase();
    if (!CATEGORIES.includes(category)) {
      reply.error(`ERR Unknown category '${args.text(2)}'`);
      return;
    }
    names = [...c.server.commands.commands.values()]
      .flatMap((command) => [...(command.subcommands?.values() ?? [command])])
      .filter((command) => command.categories().includes(category))
      .map((command) => command.fullName);
  }
  reply.array(names.length);
  for (const name of names) reply.text(name);
}

/** As many hexadecimal digits as hold that many bits. */
function genpass(c: Context): void {
  const { args, reply } = c;
  if (args.count > 3) {
    c.wrongSubcommand();
    return;
  }
  const bits = args.count === 3 ? c.integer(2) : PASSWORD_BITS;
  if (Number.isNaN(bits)) return;
  if (bits <= 0 || bits > PASSWORD_BITS_MAX) {
    reply.error(
      "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
    );
    return;
  }
  const digits = Math.ceil(bits / 4);
  const random = crypto.getRandomValues(new Uint8Array(Math.ceil(digits / 2)));
  reply.text(Buffer.from(random).toString("hex").slice(0, digits));
}

const open = subcommands({ group: "server", flags: "noscript loading stale" });
const restricted = subcommands({ group: "server", flags: "admin noscript loading stale" });
const PER_USER = { complexity: "O(N), N being the number of users" };

export const ACL_COMMANDS: readonly CommandSpec[] = [
  {
    name: "acl",
    group: "server",
    since: "6.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for access control list commands.",
    arity: -2,
    flags: "",
    subcommands: [
      open("whoami", "6.0.0", 2, "Returns the connection's user.", (c) => c.reply.text(USER)),
      restricted(
        "users",
        "6.0.0",
        2,
        "Returns the names of all users.",
        (c) => {
          c.reply.array(1);
          c.reply.text(USER);
        },
        PER_USER,
      ),
      restricted("list", "6.0.0", 2, "Returns the rules of all users.", list, PER_USER),
      restricted("getuser", "6.0.0", 3, "Returns the rules of a user.", getuser, {
        complexity: "O(N), N being the number of the user's rules",
        syntax: "username",
      }),
      open("cat", "6.0.0", -2, "Returns all categories, or the commands of one.", cat, {
        complexity: "O(1), for there are no more and no fewer of them",
        syntax: "[categoryname]",
      }),
      open("genpass", "6.0.0", -2, "Makes a password at random.", genpass, {
        syntax: "[bits/integer]",
      }),
      helpCommand("server", "6.0.0"),
    ],
  },
];
