/** All of a large data set goes to a replica under writes, with SOAK=1: 2,000 MB, or SOAK_MEGABYTES. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Random } from "../../src/base/random.ts";
import { following, Node, PAIRS, SEED, untilSame, writerTo } from "../harness/replication.ts";
import { skips } from "../harness/skips.ts";
import { pipeline } from "../persistence/load.ts";

const MEGABYTES = Number(process.env.SOAK_MEGABYTES ?? 2000);
const VALUE_BYTES = 1000;
const BATCH = 1000;

function valueFrom(noise: string, random: Random): string {
  const at = random.below(noise.length - VALUE_BYTES);
  return noise.slice(at, at + VALUE_BYTES);
}

/** The most memory that the process has had, in MB. */
function peakMegabytes(node: Node): number {
  const status = readFileSync(`/proc/${node.server.pid}/status`, "utf8");
  return Math.round(Number(/VmHWM:\s+([0-9]+)/.exec(status)![1]) / 1024);
}

describe.skipIf(skips(process.env.SOAK === undefined ? "SOAK=1 runs it" : ""))(
  `${MEGABYTES} MB`,
  () => {
    test.each(PAIRS)(
      "%s followed by %s",
      async (ofPrimary, ofReplica) => {
        const random = new Random(SEED);
        // Random, but made in one go.
        const noise = random.hex(1_000_000);
        const limits = ["--client-output-buffer-limit", "replica 0 0 0"];
        await using primary = await Node.start(ofPrimary, ...limits);
        for (let i = 0; i < (MEGABYTES * 1e6) / VALUE_BYTES; i += BATCH) {
          const values = Array.from({ length: BATCH }, (_, j) => [
            "SET",
            `key:${i + j}`,
            valueFrom(noise, random),
          ]);
          await pipeline(primary.client, values);
        }
        const before = peakMegabytes(primary);
        const writer = await writerTo(primary, random, {
          keys: 200,
          shortMs: 0,
          far: true,
          flushEvery: 0,
        });
        const began = performance.now();
        await using replica = await Node.start(ofReplica, ...following(primary));
        // Longer than tests usually wait.
        while ((await replica.info()).master_link_status !== "up") await Bun.sleep(100);
        const seconds = ((performance.now() - began) / 1000).toFixed(1);
        await writer.stop();
        await untilSame(primary, replica);
        console.log(
          `${ofPrimary} to ${ofReplica}: ${seconds} s; peak MB: primary ${before} before, ${peakMegabytes(primary)} after, replica ${peakMegabytes(replica)}`,
        );
        expect(await primary.call("DBSIZE")).toEqual(await replica.call("DBSIZE"));
      },
      900_000,
    );
  },
);
