/** Commands about the connection and about clients. */
import * as errors from "../protocol/errors.ts";
import { REDIS_VERSION } from "../version.ts";
import type { Context } from "./context.ts";
import { helpCommand } from "./help.ts";
import type { Client } from "./services/client.ts";
import type { CommandSpec } from "./spec/command.ts";
import { subcommands } from "./spec/subcommand.ts";

function ping(c: Context): void {
  const { args, client, reply } = c;
  if (args.count > 2) reply.error(errors.wrongArity("ping"));
  else if (client.subscriptions !== null && client.protocol === 2) {
    // Between messages the reply has to look like one.
    reply.array(2);
    reply.text("pong");
    reply.text(args.count === 2 ? args.text(1) : "");
  } else if (args.count === 2) reply.bulk(args.bytes, args.start[1]!, args.length[1]!);
  else reply.simple("PONG");
}

function echo(c: Context): void {
  c.reply.bulk(c.args.bytes, c.args.start[1]!, c.args.length[1]!);
}

// ── Who the client is ────────────────────────────────────────────────────────────────────────

/** Without a password the default user takes any. */
function isRight(c: Context, user: string, password: string): boolean {
  const wanted = c.server.access.password;
  return user === "default" && (wanted === "" || sameSecret(password, wanted));
}

/** Compares in a time that tells nothing of where the texts differ. */
function sameSecret(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) {
    difference |= (a.charCodeAt(i % Math.max(1, a.length)) || 0) ^ b.charCodeAt(i);
  }
  return difference === 0;
}

function auth(c: Context): void {
  const { args, client, reply, server } = c;
  for (let i = 1; i < args.count; i++) c.secrets.push(i);
  if (args.count > 3) {
    c.syntaxError();
    return;
  }
  if (args.count === 2 && server.access.password === "") {
    reply.error(errors.NO_PASSWORD_SET);
    return;
  }
  const user = args.count === 3 ? args.text(1) : "default";
  if (!isRight(c, user, args.text(args.count - 1))) {
    reply.error(errors.WRONG_PASS);
    return;
  }
  client.authenticated = true;
  reply.ok();
}

/** Whether the argument may be the name of a client or library. */
function isPlain(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

/** The name in the argument, or null with the reply written. */
function readName(c: Context, index: number): string | null {
  const name = c.args.text(index);
  if (isPlain(name)) return name;
  c.reply.error(errors.CLIENT_NAME_CHARACTERS);
  return null;
}

function hello(c: Context): void {
  const { args, client, reply } = c;
  let version = 0;
  if (args.count > 1) {
    version = c.integer(1, errors.BAD_PROTO_VERSION);
    if (Number.isNaN(version)) return;
    if (version !== 2 && version !== 3) {
      reply.error(errors.NO_PROTO);
      return;
    }
  }
  let userIndex = 0;
  let name: string | null = null;
  for (let i = 2; i < args.count; i++) {
    const left = args.count - 1 - i;
    if (args.is(i, "auth") && left >= 2) {
      userIndex = i + 1;
      c.secrets.push(i + 1, i + 2);
      i += 2;
    } else if (args.is(i, "setname") && left >= 1) {
      name = readName(c, ++i);
      if (name === null) return;
    } else {
      reply.error(`ERR Syntax error in HELLO option '${errors.shownArgument(args.text(i))}'`);
      return;
    }
  }
  // Only now, so that a HELLO that is wrong changes nothing.
  if (userIndex > 0) {
    if (!isRight(c, args.text(userIndex), args.text(userIndex + 1))) {
      reply.error(errors.WRONG_PASS);
      return;
    }
    client.authenticated = true;
  }
  if (!client.authenticated) {
    reply.error(errors.NO_AUTH_HELLO);
    return;
  }
  if (name !== null) client.name = name;
  if (version !== 0) {
    client.protocol = version;
    reply.protocol = version;
  }
  reply.map(7);
  reply.text("server");
  reply.text("redis");
  reply.text("version");
  reply.text(REDIS_VERSION);
  reply.text("proto");
  reply.integer(client.protocol);
  reply.text("id");
  reply.integer(client.id);
  reply.text("mode");
  reply.text("standalone");
  reply.text("role");
  reply.text(c.server.replication.isReplica ? "replica" : "master");
  reply.text("modules");
  reply.array(0);
}

function quit(c: Context): void {
  c.reply.ok();
  c.client.closing = true;
}

function reset(c: Context): void {
  const { client } = c;
  c.server.clients.reset(client);
  client.protocol = 2;
  client.database = c.keyspace.databases[0]!;
  client.name = "";
  // A SKIP that is under way still takes this reply.
  if (client.replyMode !== "skip") client.replyMode = "on";
  client.noEvict = false;
  client.noTouch = false;
  client.authenticated = c.server.access.password === "";
  c.reply.protocol = 2;
  c.reply.simple("RESET");
}

// ── CLIENT ───────────────────────────────────────────────────────────────────────────────────

function clientGetname(c: Context): void {
  if (c.client.name === "") c.reply.null();
  else c.reply.text(c.client.name);
}

function clientSetname(c: Context): void {
  const name = readName(c, 2);
  if (name === null) return;
  c.client.name = name;
  c.reply.ok();
}

function clientSetinfo(c: Context): void {
  const { args, client, reply } = c;
  const isName = args.is(2, "lib-name");
  if (!isName && !args.is(2, "lib-ver")) {
    reply.error(`ERR Unrecognized option '${errors.shownArgument(args.text(2))}'`);
    return;
  }
  const value = args.text(3);
  if (!isPlain(value)) {
    const option = args.text(2).toLowerCase();
    reply.error(`ERR ${option} cannot contain spaces, newlines or special characters.`);
    return;
  }
  if (isName) client.libraryName = value;
  else client.libraryVersion = value;
  reply.ok();
}

function clientInfo(c: Context): void {
  c.reply.verbatim("txt", `${c.client.describe(c.args)}\n`);
}

const CLIENT_TYPES = ["normal", "master", "replica", "slave", "pubsub"];

/** Whether the argument names a type of clients; replies where it does not. */
function readType(c: Context, index: number): string | null {
  const type = c.args.text(index).toLowerCase();
  if (CLIENT_TYPES.includes(type)) return type === "slave" ? "replica" : type;
  c.reply.error(`ERR Unknown client type '${errors.shownArgument(c.args.text(index))}'`);
  return null;
}

function allClients(c: Context): Client[] {
  const { all: clients, linkClient } = c.server.clients;
  return linkClient === null ? [...clients.values()] : [...clients.values(), linkClient];
}

function clientList(c: Context): void {
  const { args, reply, server } = c;
  let clients = allClients(c);
  if (args.count === 4 && args.is(2, "type")) {
    const type = readType(c, 3);
    if (type === null) return;
    clients = clients.filter((client) => client.type === type);
  } else if (args.count > 3 && args.is(2, "id")) {
    const { all, linkClient } = server.clients;
    clients = [];
    for (let i = 3; i < args.count; i++) {
      const id = c.integer(i, "ERR Invalid client ID");
      if (Number.isNaN(id)) return;
      const client = linkClient?.id === id ? linkClient : all.get(id);
      if (client !== undefined) clients.push(client);
    }
  } else if (args.count !== 2) {
    c.syntaxError();
    return;
  }
  const lines = clients.map((client) => client.describe(client === c.client ? args : null));
  reply.verbatim("txt", lines.map((line) => `${line}\n`).join(""));
}

function clientKill(c: Context): void {
  const { args, client: caller, reply, server } = c;
  if (args.count === 3) {
    const address = args.text(2);
    for (const client of allClients(c)) {
      if (client.address !== address) continue;
      server.clients.kill(client, caller);
      reply.ok();
      return;
    }
    reply.error(errors.NO_SUCH_CLIENT);
    return;
  }
  const filters: ((client: Client) => boolean)[] = [];
  let skipCaller = true;
  for (let i = 2; i < args.count; i += 2) {
    if (i + 1 >= args.count) {
      c.syntaxError();
      return;
    }
    const value = args.text(i + 1);
    if (args.is(i, "id")) {
      const id = c.integerWithin(
        i + 1,
        1,
        Number.POSITIVE_INFINITY,
        "ERR client-id should be greater than 0",
      );
      if (Number.isNaN(id)) return;
      filters.push((client) => client.id === id);
    } else if (args.is(i, "addr")) filters.push((client) => client.address === value);
    else if (args.is(i, "laddr")) filters.push((client) => client.localAddress === value);
    else if (args.is(i, "type")) {
      const type = readType(c, i + 1);
      if (type === null) return;
      filters.push((client) => client.type === type);
    } else if (args.is(i, "user")) {
      if (value !== "default") {
        reply.error(`ERR No such user '${errors.shownArgument(value)}'`);
        return;
      }
    } else if (args.is(i, "skipme") && /^(yes|no)$/i.test(value)) {
      skipCaller = value.toLowerCase() === "yes";
    } else {
      c.syntaxError();
      return;
    }
  }
  let killed = 0;
  for (const client of allClients(c)) {
    if (skipCaller && client === caller) continue;
    if (!filters.every((filter) => filter(client))) continue;
    server.clients.kill(client, caller);
    killed++;
  }
  reply.integer(killed);
}

function clientReply(c: Context): void {
  const { args, client } = c;
  if (args.is(2, "on")) {
    client.replyMode = "on";
    c.reply.ok();
  } else if (args.is(2, "off")) client.replyMode = "off";
  else if (args.is(2, "skip")) {
    if (client.replyMode !== "off") client.replyMode = "skip-next";
  } else c.syntaxError();
}

/** ON as true, OFF as false; undefined, with the reply written, for anything else. */
function readSwitch(c: Context): boolean | undefined {
  if (c.args.is(2, "on")) return true;
  if (c.args.is(2, "off")) return false;
  c.syntaxError();
  return undefined;
}

function clientNoEvict(c: Context): void {
  const on = readSwitch(c);
  if (on === undefined) return;
  c.client.noEvict = on;
  c.reply.ok();
}

function clientNoTouch(c: Context): void {
  const on = readSwitch(c);
  if (on === undefined) return;
  c.client.noTouch = on;
  c.reply.ok();
}

function clientPause(c: Context): void {
  const { args } = c;
  const writesOnly = args.count === 4 && args.is(3, "write");
  if (args.count > 4) {
    c.wrongSubcommand();
    return;
  }
  if (args.count === 4 && !writesOnly && !args.is(3, "all")) {
    c.reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    return;
  }
  const ms = c.integer(2, "ERR timeout is not an integer or out of range");
  if (Number.isNaN(ms)) return;
  if (ms < 0) {
    c.reply.error("ERR timeout is negative");
    return;
  }
  c.server.clients.pause(c.nowMs + ms, writesOnly);
  c.reply.ok();
}

function clientUnblock(c: Context): void {
  const { args, reply } = c;
  if (args.count > 4) {
    c.wrongSubcommand();
    return;
  }
  const withError = args.count === 4 && args.is(3, "error");
  if (args.count === 4 && !withError && !args.is(3, "timeout")) {
    reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    return;
  }
  const id = c.integer(2);
  if (Number.isNaN(id)) return;
  const client = c.server.clients.all.get(id);
  reply.integer(client !== undefined && c.server.clients.unblock(client, withError) ? 1 : 0);
}

function clientUnpause(c: Context): void {
  c.server.clients.unpause();
  c.reply.ok();
}

const ANY_TIME = "noscript loading stale";

const clientCommand = subcommands({ group: "connection", flags: ANY_TIME });

const ADMIN: Partial<CommandSpec> = { flags: `admin ${ANY_TIME}` };
const PER_CLIENT = "O(N), N being the number of clients";

const CLIENT_COMMANDS: readonly CommandSpec[] = [
  clientCommand("id", "5.0.0", 2, "Returns the connection's id.", (c) =>
    c.reply.integer(c.client.id),
  ),
  clientCommand("info", "6.2.0", 2, "Describes the connection.", clientInfo, {
    tips: "nondeterministic_output",
  }),
  clientCommand("list", "2.4.0", -2, "Describes the open connections.", clientList, {
    ...ADMIN,
    complexity: PER_CLIENT,
    syntax: "[TYPE client-type: NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id/integer ...]",
    tips: "nondeterministic_output",
  }),
  clientCommand("getname", "2.6.9", 2, "Returns the connection's name.", clientGetname),
  clientCommand("setname", "2.6.9", 3, "Names the connection.", clientSetname, {
    syntax: "connection-name",
  }),
  clientCommand(
    "setinfo",
    "7.2.0",
    4,
    "Sets the name or version of the client's library.",
    clientSetinfo,
    {
      syntax: "<attr: LIB-NAME libname | LIB-VER libver>",
      tips: "request_policy:all_nodes response_policy:all_succeeded",
    },
  ),
  clientCommand("kill", "2.4.0", -3, "Closes connections.", clientKill, {
    ...ADMIN,
    complexity: PER_CLIENT,
    syntax:
      "<filter: old-format~ip:port | <new-format: [ID client-id/integer] | [TYPE client-type: NORMAL | MASTER | SLAVE | REPLICA | PUBSUB] | [USER username] | [ADDR addr~ip:port] | [LADDR laddr~ip:port] | [SKIPME skipme: YES | NO]> ...>",
  }),
  clientCommand("reply", "3.2.0", 3, "Sets whether the server replies to commands.", clientReply, {
    syntax: "<action: ON | OFF | SKIP>",
  }),
  clientCommand(
    "no-evict",
    "7.0.0",
    3,
    "Sets whether the connection may be evicted.",
    clientNoEvict,
    { ...ADMIN, syntax: "<enabled: ON | OFF>" },
  ),
  clientCommand(
    "no-touch",
    "7.2.0",
    3,
    "Sets whether the connection's commands update the access time of keys.",
    clientNoTouch,
    { syntax: "<enabled: ON | OFF>" },
  ),
  clientCommand("pause", "2.9.50", -3, "Makes clients wait for some time.", clientPause, {
    ...ADMIN,
    syntax: "timeout/integer [mode: WRITE | ALL]",
  }),
  clientCommand("unblock", "5.0.0", -3, "Ends the wait of a client for a key.", clientUnblock, {
    ...ADMIN,
    complexity: "O(log N), N being the number of clients",
    syntax: "client-id/integer [timeout_error: TIMEOUT | ERROR]",
  }),
  clientCommand("unpause", "6.2.0", 2, "Lets waiting clients go on.", clientUnpause, {
    ...ADMIN,
    complexity: "O(N), N being the number of clients that wait",
  }),
  helpCommand("connection", "5.0.0"),
];

const BEFORE_AUTH = "noscript loading stale fast no_auth allow_busy";

export const CONNECTION_COMMANDS: readonly CommandSpec[] = [
  {
    name: "ping",
    whileSubscribed: true,
    batchTimedArgsMax: 2,
    group: "connection",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Replies with PONG, or with its argument.",
    arity: -1,
    flags: "fast",
    syntax: "[message]",
    tips: "request_policy:all_shards response_policy:all_succeeded",
    handler: ping,
  },
  {
    name: "echo",
    batchTimedArgsMax: 2,
    group: "connection",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Replies with its argument.",
    arity: 2,
    flags: "loading stale fast",
    syntax: "message",
    handler: echo,
  },
  {
    name: "hello",
    group: "connection",
    since: "6.0.0",
    complexity: "O(1)",
    summary: "Negotiates the protocol version; can authenticate and name the connection.",
    arity: -1,
    flags: BEFORE_AUTH,
    syntax: "[arguments: protover/integer [AUTH auth: username password] [SETNAME clientname]]",
    handler: hello,
  },
  {
    name: "auth",
    group: "connection",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Authenticates the connection.",
    arity: -2,
    flags: BEFORE_AUTH,
    syntax: "[username] password",
    handler: auth,
  },
  {
    name: "quit",
    immediate: true,
    whileSubscribed: true,
    group: "connection",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Closes the connection.",
    arity: -1,
    flags: BEFORE_AUTH,
    deprecated: { since: "7.2.0", replacedBy: "just closing the connection" },
    handler: quit,
  },
  {
    name: "reset",
    immediate: true,
    whileSubscribed: true,
    group: "connection",
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Resets the connection to its initial state.",
    arity: 1,
    flags: BEFORE_AUTH,
    handler: reset,
  },
  {
    name: "client",
    group: "connection",
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    summary: "A container for client connection commands.",
    arity: -2,
    flags: "",
    subcommands: CLIENT_COMMANDS,
  },
];
