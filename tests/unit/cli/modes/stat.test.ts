import { expect, test } from "bun:test";
import { infoOf, statRow } from "../../../../src/cli/modes/stat.ts";

test("a row of figures", () => {
  const info = infoOf(
    "# Server\r\nused_memory:1048576\r\nconnected_clients:3\r\nblocked_clients:1\r\n" +
      "total_commands_processed:20\r\ntotal_connections_received:4\r\naof_rewrite_in_progress:1\r\n" +
      "db0:keys=5,expires=0\r\ndb3:keys=2,expires=1\r\n",
  );
  expect(statRow(info, null)).toEqual(
    "7          1.00M    3       1       20 (+0)             4           AOF\n",
  );
  expect(statRow(info, 15)).toContain("20 (+5)");
});
