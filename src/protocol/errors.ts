/** Every error text a client can get, once. Without the leading "-" and the final CR LF. */

export const SYNTAX = "ERR syntax error";
export const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
export const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
export const NOT_A_FLOAT = "ERR value is not a valid float";
export const NOT_POSITIVE = "ERR value is out of range, must be positive";
export const COUNT_RANGE =
  "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
export const REPLY_TOO_LONG = "ERR the reply would be too long: ask for fewer elements";
export const OVERFLOW = "ERR increment or decrement would overflow";
export const DECREMENT_OVERFLOW = "ERR decrement would overflow";
export const NAN_OR_INFINITY = "ERR increment would produce NaN or Infinity";
export const VALUE_NAN_OR_INFINITY = "ERR value is NaN or Infinity";
export const HASH_VALUE_NOT_AN_INTEGER = "ERR hash value is not an integer";
export const HASH_VALUE_NOT_A_FLOAT = "ERR hash value is not a float";
export const NO_SUCH_KEY = "ERR no such key";
export const INDEX_OUT_OF_RANGE = "ERR index out of range";
export const OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
export const STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
export const INVALID_CURSOR = "ERR invalid cursor";
export const SAME_OBJECT = "ERR source and destination objects are the same";
export const DB_OUT_OF_RANGE = "ERR DB index is out of range";
export const DB_NOT_AN_INT =
  "ERR value is out of range, value must between -2147483648 and 2147483647";
export const INVALID_FIRST_DB_INDEX = "ERR invalid first DB index";
export const INVALID_SECOND_DB_INDEX = "ERR invalid second DB index";
export const OOM = "OOM command not allowed when used memory > 'maxmemory'.";
export const LOADING = "LOADING Redis is loading the dataset in memory";
export const NO_AUTH = "NOAUTH Authentication required.";
export const NO_AUTH_HELLO =
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
export const WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
export const NO_PASSWORD_SET =
  "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
export const NO_PROTO = "NOPROTO unsupported protocol version";
export const BAD_PROTO_VERSION = "ERR Protocol version is not an integer or out of range";
export const CLIENT_NAME_CHARACTERS =
  "ERR Client names cannot contain spaces, newlines or special characters.";
export const NO_SUCH_CLIENT = "ERR No such client";
export const MAX_CLIENTS = "ERR max number of clients reached";
export const PROTECTED_MODE =
  "DENIED StormDB is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. To accept connections from other hosts, set a password (requirepass), or bind only to trusted addresses and set protected-mode to no.";
export const DEBUG_NOT_ALLOWED =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.';
export const NO_CONFIG_FILE = "ERR The server is running without a config file";
export const INVALID_COMMAND = "ERR Invalid command specified";
export const INVALID_KEY_COUNT = "ERR Invalid number of arguments specified for command";
export const NO_KEY_ARGUMENTS = "ERR The command has no key arguments";
export const NX_AND_OTHERS = "ERR NX and XX, GT or LT options at the same time are not compatible";
export const GT_AND_LT = "ERR GT and LT options at the same time are not compatible";

export const EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
export const EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
export const DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
export const NESTED_MULTI = "ERR MULTI calls can not be nested";
export const WATCH_INSIDE_MULTI = "ERR WATCH inside MULTI is not allowed";
export const NOT_IN_TRANSACTION = "ERR Command not allowed inside a transaction";
export const MONITOR_ONLY = "ERR Replica can't interact with the keyspace";
export const SHUTDOWN_FAILED = "ERR Errors trying to SHUTDOWN. Check logs.";
export const UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
export const TIMEOUT_NOT_A_FLOAT = "ERR timeout is not a float or out of range";
export const TIMEOUT_OUT_OF_RANGE = "ERR timeout is out of range";
export const TIMEOUT_NEGATIVE = "ERR timeout is negative";

export const READ_ONLY_REPLICA = "READONLY You can't write against a read only replica.";
export const NOT_ENOUGH_REPLICAS = "NOREPLICAS Not enough good replicas to write.";
export const PRIMARY_DOWN =
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
export const NO_PRIMARY_LINK = "NOMASTERLINK Can't SYNC while not connected with my master";
export const NO_CLUSTER = "ERR This instance has cluster support disabled";
export const FAILOVER_IN_PROGRESS = "ERR FAILOVER already in progress.";
export const WAIT_ON_REPLICA =
  "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.";
export const UNBLOCKED_BY_ROLE =
  "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";

/** Protocol errors: the connection is closed after them. */
export const TOO_BIG_INLINE = "ERR Protocol error: too big inline request";
export const UNBALANCED_QUOTES = "ERR Protocol error: unbalanced quotes in request";
export const INVALID_MULTIBULK_LENGTH = "ERR Protocol error: invalid multibulk length";
export const INVALID_BULK_LENGTH = "ERR Protocol error: invalid bulk length";
export const TOO_BIG_COUNT = "ERR Protocol error: too big mbulk count string";
export const TOO_BIG_BULK_COUNT = "ERR Protocol error: too big bulk count string";
export const UNAUTHENTICATED_COUNT = "ERR Protocol error: unauthenticated multibulk length";
export const UNAUTHENTICATED_BULK = "ERR Protocol error: unauthenticated bulk length";

export const SHARD_SUBSCRIBE_INSIDE_EXEC =
  "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";

export function expectedDollar(got: string): string {
  return `ERR Protocol error: expected '$', got '${got}'`;
}

export function wrongArity(fullName: string): string {
  return `ERR wrong number of arguments for '${fullName}' command`;
}

/** In place of EXEC, for the reason that the text of an error gives. */
export function execAbort(error: string): string {
  return `EXECABORT Transaction discarded because of: ${error.replace(/^ERR /, "")}`;
}

/** The client has only RESP2 and listens to channels. */
export function subscribersOnly(fullName: string): string {
  return `ERR Can't execute '${fullName}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
}

/** What Redis shows of an argument in an error: up to a zero byte, and up to `most` bytes. */
export function shownArgument(text: string, most = Number.POSITIVE_INFINITY): string {
  const zero = text.indexOf("\0");
  return text.slice(0, zero < 0 ? most : Math.min(zero, most));
}

/** `args`: the command's arguments behind its name, as Redis quotes them. */
export function unknownCommand(name: string, args: string): string {
  return `ERR unknown command '${name}', with args beginning with: ${args}`;
}

export function unknownSubcommand(name: string, container: string): string {
  return `ERR unknown subcommand '${shownArgument(name, 128)}'. Try ${container.toUpperCase()} HELP.`;
}

/** For containers that check the arguments of their subcommands themselves. */
export function wrongSubcommand(name: string, container: string): string {
  return `ERR unknown subcommand or wrong number of arguments for '${shownArgument(name, 128)}'. Try ${container.toUpperCase()} HELP.`;
}

export function unsupportedOption(option: string): string {
  return `ERR Unsupported option ${shownArgument(option)}`;
}

export function invalidExpire(command: string): string {
  return `ERR invalid expire time in '${command}' command`;
}
