/** What tools ask of users, modules and clusters, compared with redis-server byte for byte. */
import { type Call, oracleTest } from "../harness/oracle.ts";

/** 7.2 says of every user that what RESTORE is given is checked. */
const sanitized = (flags: string) => (redis70: string) =>
  redis70
    .replace(/^\*1\r\n\$\d+\r\n(.*)\r\n$/, (_, line: string) => {
      const text = line.replace(flags, `${flags} sanitize-payload`);
      return `*1\r\n$${text.length}\r\n${text}\r\n`;
    })
    .replace(/^(.\d+\r\n\$5\r\nflags\r\n.)(\d)\r\n((?:\$\d\r\n(?:on|nopass)\r\n)*)/, (...match) => {
      const [, head, count, listed] = match;
      return `${head}${Number(count) + 1}\r\n${listed}$16\r\nsanitize-payload\r\n`;
    });

function v72(call: string, flags: string): Call {
  return { call, as: { redis72: sanitized(flags) } };
}

oracleTest("ACL without a password", [
  "ACL WHOAMI",
  "ACL WHOAMI x",
  "ACL USERS",
  "ACL USERS x",
  v72("ACL LIST", "on nopass"),
  v72("ACL GETUSER default", "on nopass"),
  "ACL LIST x",
  "ACL GETUSER",
  "ACL GETUSER nobody",
  "ACL GETUSER Default",
  "ACL",
  "ACL nothing",
  { call: "ACL HELP", as: "any" },
]);

oracleTest("ACL with a password", [
  "CONFIG SET requirepass s3cret",
  v72("ACL LIST", "on"),
  v72("ACL GETUSER default", "on"),
  "ACL WHOAMI",
  'CONFIG SET requirepass ""',
  v72("ACL LIST", "on nopass"),
]);

oracleTest("ACL CAT", [
  "ACL CAT",
  { call: "ACL CAT transaction", as: "sorted" },
  { call: "ACL CAT Transaction", as: "sorted" },
  "ACL CAT nothing",
  'ACL CAT ""',
  "ACL CAT a b",
]);

const length = (reply: string) => String(reply.length);

oracleTest("ACL GENPASS", [
  { call: "ACL GENPASS", as: length },
  ...[1, 4, 5, 8, 9, 255, 4096].map((bits) => ({ call: `ACL GENPASS ${bits}`, as: length })),
  ...["0", "-1", "4097", "x", '""', "1 2", "9223372036854775808"].map((b) => `ACL GENPASS ${b}`),
]);

oracleTest("modules", [
  { call: "MODULE HELP", as: "any" },
  "MODULE LIST",
  "MODULE LIST x",
  "MODULE",
  "MODULE nothing",
]);

oracleTest("there is no cluster", [
  "CLUSTER INFO",
  "CLUSTER KEYSLOT a",
  "CLUSTER LINKS",
  "CLUSTER MYID",
  "CLUSTER NODES",
  "CLUSTER SHARDS",
  "CLUSTER SLOTS",
  "CLUSTER HELP",
  "CLUSTER KEYSLOT",
  "CLUSTER INFO x",
  "CLUSTER",
  "CLUSTER nothing",
  "READONLY",
  "READWRITE",
  "ASKING",
  "READONLY x",
]);
