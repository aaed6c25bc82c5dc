import { describe, expect, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { type Format, formatReply } from "../../../src/cli/format.ts";
import { ReplyParser } from "../../../src/protocol/reply-parser.ts";

function formatted(bytes: string, format: Format): string {
  const parser = new ReplyParser();
  parser.feed(latin1(bytes));
  return formatReply(parser.next()!, format);
}

interface Case {
  readonly name: string;
  readonly reply: string;
  readonly pretty: string;
  readonly raw: string;
  readonly csv: string;
  readonly json: string;
}

/** What redis-cli 7.0.15 prints for these replies with --no-raw, --raw, --csv and --json. */
const CASES: readonly Case[] = [
  {
    name: "simple string",
    reply: "+FINE\r\n",
    pretty: "FINE\n",
    raw: "FINE\n",
    csv: '"FINE"\n',
    json: '"FINE"\n',
  },
  {
    name: "error",
    reply: "-ERR a 'b'\r\n",
    pretty: "(error) ERR a 'b'\n",
    raw: "ERR a 'b'\n\n",
    csv: "ERROR,\"ERR a 'b'\"\n",
    json: "error:\"ERR a 'b'\"\n",
  },
  {
    name: "integer",
    reply: ":-7\r\n",
    pretty: "(integer) -7\n",
    raw: "-7\n",
    csv: "-7\n",
    json: "-7\n",
  },
  {
    name: "bulk",
    reply: '$4\r\na"\n\xff\r\n',
    pretty: '"a\\"\\n\\xff"\n',
    raw: 'a"\n\xff\n',
    csv: '"a\\"\\n\\xff"\n',
    json: '"a\\"\\n\xff"\n',
  },
  {
    name: "empty bulk",
    reply: "$0\r\n\r\n",
    pretty: '""\n',
    raw: "\n",
    csv: '""\n',
    json: '""\n',
  },
  {
    name: "null",
    reply: "$-1\r\n",
    pretty: "(nil)\n",
    raw: "\n",
    csv: "NULL\n",
    json: "null\n",
  },
  {
    name: "true",
    reply: "#t\r\n",
    pretty: "(true)\n",
    raw: "(true)\n",
    csv: "true\n",
    json: "true\n",
  },
  {
    name: "double",
    reply: ",3.141\r\n",
    pretty: "(double) 3.141\n",
    raw: "3.141\n",
    csv: "3.141\n",
    json: "3.141\n",
  },
  {
    name: "verbatim text",
    reply: "=9\r\ntxt:a\nb c\r\n",
    pretty: "a\nb c\n",
    raw: "a\nb c\n",
    csv: '"a\\nb c"\n',
    json: '"a\\nb c"\n',
  },
  {
    name: "empty array",
    reply: "*0\r\n",
    pretty: "(empty array)\n",
    raw: "\n",
    csv: "\n",
    json: "[]\n",
  },
  {
    name: "arrays in arrays",
    reply: "*3\r\n:1\r\n*2\r\n:2\r\n*2\r\n:3\r\n$1\r\na\r\n*0\r\n",
    pretty:
      '1) (integer) 1\n2) 1) (integer) 2\n   2) 1) (integer) 3\n      2) "a"\n3) (empty array)\n',
    raw: "1\n2\n3\na\n\n",
    csv: '1,2,3,"a",\n',
    json: '[1,[2,[3,"a"]],[]]\n',
  },
  {
    name: "more than nine elements",
    reply: `*10\r\n${"$1\r\na\r\n".repeat(9)}*2\r\n:1\r\n:2\r\n`,
    pretty: ` 1) "a"\n 2) "a"\n 3) "a"\n 4) "a"\n 5) "a"\n 6) "a"\n 7) "a"\n 8) "a"\n 9) "a"\n10) 1) (integer) 1\n    2) (integer) 2\n`,
    raw: `${"a\n".repeat(9)}1\n2\n`,
    csv: `${'"a",'.repeat(9)}1,2\n`,
    json: `[${'"a",'.repeat(9)}[1,2]]\n`,
  },
  {
    name: "map",
    reply: "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*0\r\n",
    pretty: '1# "a" => (integer) 1\n2# "b" => (empty array)\n',
    raw: "a 1\nb \n",
    csv: '"a",1,"b",\n',
    json: '{"a":1,"b":[]}\n',
  },
  {
    name: "a value of one line stays behind its key",
    reply: "%1\r\n$1\r\na\r\n%1\r\n$1\r\nb\r\n*1\r\n:1\r\n",
    pretty: '1# "a" => 1# "b" => 1) (integer) 1\n',
    raw: "a b 1\n",
    csv: '"a","b",1\n',
    json: '{"a":{"b":[1]}}\n',
  },
  {
    name: "a value of several lines goes below its key, however deep the lines are",
    reply: "%1\r\n$1\r\na\r\n%1\r\n$1\r\nb\r\n%1\r\n$1\r\nc\r\n*2\r\n:1\r\n:2\r\n",
    pretty:
      '1# "a" => \n   1# "b" => \n      1# "c" => \n         1) (integer) 1\n         2) (integer) 2\n',
    raw: "a b c 1\n2\n",
    csv: '"a","b","c",1,2\n',
    json: '{"a":{"b":{"c":[1,2]}}}\n',
  },
  {
    name: "a map in an array",
    reply: "*2\r\n%1\r\n$1\r\na\r\n*1\r\n*2\r\n:1\r\n:2\r\n:3\r\n",
    pretty: '1) 1# "a" => \n      1) 1) (integer) 1\n         2) (integer) 2\n2) (integer) 3\n',
    raw: "a 1\n2\n3\n",
    csv: '"a",1,2,3\n',
    json: '[{"a":[[1,2]]},3]\n',
  },
  {
    name: "set",
    reply: "~2\r\n$1\r\na\r\n:1\r\n",
    pretty: '1~ "a"\n2~ (integer) 1\n',
    raw: "a\n1\n",
    csv: '"a",1\n',
    json: '["a",1]\n',
  },
];

for (const format of ["pretty", "raw", "csv", "json"] as const) {
  describe(format, () => {
    for (const item of CASES) {
      test(item.name, () => expect(formatted(item.reply, format)).toEqual(item[format]));
    }
  });
}

test("empty aggregates are named", () => {
  expect(formatted("%0\r\n", "pretty")).toEqual("(empty hash)\n");
  expect(formatted("~0\r\n", "pretty")).toEqual("(empty set)\n");
  expect(formatted(">0\r\n", "pretty")).toEqual("(empty push)\n");
});
