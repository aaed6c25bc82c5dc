/** Holds which files of the server may keep a Map or a Set. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SOURCE = join(import.meta.dir, "../../src");

/**
 * Who may keep a Map or a Set on the server's side, and why that is no way to stop the server: the
 * engine hashes strings without a key, so that whoever chooses the names can make them collide. Names
 * that others choose belong into a NameTable (base/name-table.ts).
 */
const MAPS: Readonly<Record<string, string>> = {
  "commands/events.ts": "letters of notify-keyspace-events",
  "commands/hash-scans.ts": "numbers",
  "commands/sorted-sets.ts": "numbers",
  "commands/spec/command-table.ts": "names of commands",
  "commands/spec/command.ts": "flags and subcommands of the table of commands",
  "memory/heap.ts": "numbers",
  "memory/quicklist-walk.ts": "numbers",
  "memory/table-walk.ts": "numbers",
  "persistence/aof/aof-parts.ts": "files of the operator",
  "persistence/aof/manifest.ts": "files of the operator",
  "persistence/snapshot/reader.ts":
    "types of values, which are numbers; at most 100 auxiliary fields",
  "persistence/values/hash.ts": "ids of a file's templates, which are numbers",
  "pubsub/pubsub.ts": "objects",
  "replication/replica-feeds.ts": "numbers",
  "server/clients.ts": "numbers",
  "server/configuration/config.ts": "names of directives",
  "server/configuration/directives/index.ts": "names of directives",
  "server/configuration/directives/statements.ts": "names of commands, words of the table",
  "server/configuration/rewrite.ts": "names of directives",
  "server/connections/listeners.ts": "addresses of the operator",
  "server/connections/client-keys.ts": "objects",
  "server/connections/hang-up.ts": "objects",
  "server/connections/output.ts": "classes of clients",
  "server/directive-effects.ts": "classes of clients",
  "server/execution/ack-waits.ts": "objects",
  "server/execution/blocking.ts": "objects",
  "server/execution/dispatch.ts": "codes of errors, at most 128",
  "server/execution/file-client.ts": "names of commands",
  "server/execution/monitors.ts": "objects",
  "server/faults.ts": "kinds of faults, at most 100",
  "server/figures/latency-monitor.ts": "names of the server's own events",
  "server/info/info.ts": "names of sections",
  "store/field-expiry.ts": "numbers",
  "store/keyspace.ts": "numbers",
  "store/types/open-sorted-set.ts": "numbers",
  "store/types/text-walk.ts": "numbers",
  "store/value-guards.ts": "numbers",
};

test("maps and sets on the server's side have a reason", () => {
  const folders = [
    "commands",
    "memory",
    "persistence",
    "protocol",
    "pubsub",
    "replication",
    "server",
    "store",
  ];
  const files = folders.flatMap((folder) =>
    readdirSync(join(SOURCE, folder), { recursive: true, encoding: "utf8" }).map(
      (file) => `${folder}/${file}`,
    ),
  );
  const found = files.filter(
    (file) =>
      file.endsWith(".ts") && /\bnew (Map|Set)\b/.test(readFileSync(join(SOURCE, file), "utf8")),
  );
  expect(found.length).toBeGreaterThan(10);
  expect(found.filter((file) => !(file in MAPS)).sort()).toEqual([]);
});
