/** What clients see of random numbers tells nothing about those that they must not know. */
import { expect, test } from "bun:test";
import { startStormdb } from "../harness/processes.ts";
import { readInfo } from "./info.ts";

/** The next output of xorshift128 after these four, as base/random.ts computes it. */
function nextOf(outputs: readonly number[]): number {
  const [first, , , last] = outputs;
  let t = first! | 0;
  t ^= t << 11;
  t ^= t >>> 8;
  return (t ^ last! ^ (last! >>> 19)) >>> 0;
}

/** Whether one of the words of these digits follows from the four before it. */
function isPredictable(digits: string): boolean {
  const words = (digits.match(/.{8}/g) ?? []).map((word) => Number.parseInt(word, 16));
  for (let i = 4; i < words.length; i++) {
    if (nextOf(words.slice(i - 4, i)) === words[i]) return true;
  }
  return false;
}

test("run id and replication ids do not follow from each other", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  const { master_replid, run_id } = await readInfo(client, "all");
  const ids = [run_id!, master_replid!];
  for (let i = 0; i < 3; i++) {
    await client.call("REPLICAOF", "127.0.0.1", "1");
    await client.call("REPLICAOF", "NO", "ONE");
    ids.push((await readInfo(client, "replication")).master_replid!);
  }
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{40}$/);
  expect(new Set(ids).size).toEqual(ids.length);
  expect(isPredictable(ids.join(""))).toEqual(false);
});
