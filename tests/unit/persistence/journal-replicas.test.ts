/** What is for replicas alone does not reach the disk, and the rest is the same for both. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { Journal } from "../../../src/persistence/journal.ts";
import { forSeeds } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

/** The commands in the bytes, each as one text. */
function commandsOf(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString("latin1");
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    const head = /^\*([0-9]+)\r\n/.exec(text.slice(at, at + 16))!;
    at += head[0].length;
    const words: string[] = [];
    for (let i = 0; i < Number(head[1]); i++) {
      const length = /^\$([0-9]+)\r\n/.exec(text.slice(at, at + 16))!;
      at += length[0].length;
      words.push(text.slice(at, at + Number(length[1])));
      at += Number(length[1]) + 2;
    }
    found.push(words.join(" "));
  }
  return found;
}

function put(journal: Journal, database: number, isForReplicas: boolean, value: string): void {
  const writer = isForReplicas ? journal.beginForReplicas(database, 2) : journal.begin(database, 2);
  writer.text(isForReplicas ? "PUBLISH" : "INCR");
  writer.text(value);
}

test("a block with a message in it", () => {
  const journal = new Journal();
  journal.beginBlock();
  put(journal, 0, true, "m1");
  put(journal, 0, false, "a");
  put(journal, 2, true, "m2");
  put(journal, 2, false, "b");
  journal.endBlock();
  put(journal, 2, true, "m3");
  expect(commandsOf(journal.forReplicas())).toEqual([
    "SELECT 0",
    "MULTI",
    "PUBLISH m1",
    "INCR a",
    "SELECT 2",
    "PUBLISH m2",
    "INCR b",
    "EXEC",
    "PUBLISH m3",
  ]);
  expect(commandsOf(journal.forDisk())).toEqual([
    "SELECT 0",
    "MULTI",
    "INCR a",
    "SELECT 2",
    "INCR b",
    "EXEC",
  ]);
});

test("random commands in blocks and between them", async () => {
  await forSeeds(200, (random) => {
    const journal = new Journal();
    for (let flush = 0; flush < 4; flush++) {
      let inBlock = false;
      const expected: string[] = [];
      for (let i = 0; i < 25; i++) {
        const roll = random.below(10);
        if (roll === 0 && !inBlock) {
          journal.beginBlock();
          inBlock = true;
        } else if (roll === 1 && inBlock) {
          journal.endBlock();
          inBlock = false;
        } else put(journal, random.below(3), random.below(3) === 0, `v${i}`);
      }
      if (inBlock) journal.endBlock();
      const all = commandsOf(journal.forReplicas());
      expected.push(...all.filter((command) => !command.startsWith("PUBLISH")));
      expect(commandsOf(journal.forDisk())).toEqual(expected);
      // Blocks open and close in turn.
      const marks = all.filter((command) => command === "MULTI" || command === "EXEC");
      expect(marks).toEqual(marks.map((_, i) => (i % 2 === 0 ? "MULTI" : "EXEC")));
      journal.reset();
      expect(journal.usedBytes).toEqual(0);
    }
  });
});
