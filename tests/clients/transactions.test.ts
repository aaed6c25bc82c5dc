/** Transactions and queues, with every library in the same way. */
import { describe, expect, test } from "bun:test";
import { type Handle, LIBRARIES } from "./libraries.ts";
import { againstBoth } from "./servers.ts";

async function openMany(count: number, open: () => Promise<Handle>) {
  const handles = await Promise.all(Array.from({ length: count }, open));
  return Object.assign(handles, {
    [Symbol.asyncDispose]: async () => {
      for (const handle of handles) await handle[Symbol.asyncDispose]();
    },
  });
}

againstBoth("transactions and queues", (start) => {
  describe.each(LIBRARIES.map((library) => [library.name, library] as const))(
    "%s",
    (_, library) => {
      test("a transaction runs unless what is watched has changed", async () => {
        await using server = await start();
        await using one = await library.open(server);
        await using other = await library.open(server);
        expect(await one.setAll({ a: "1", "ü✓": "wörld" })).toEqual(true);
        expect([await one.get("a"), await one.get("ü✓")]).toEqual(["1", "wörld"]);
        await one.watch("a");
        await other.set("a", "2");
        expect(await one.setAll({ a: "3", b: "3" })).toEqual(false);
        expect([await one.get("a"), await one.get("b")]).toEqual(["2", null]);
        // The watch is over.
        await other.set("a", "4");
        expect(await one.setAll({ a: "5" })).toEqual(true);
        await one.watch("a");
        await other.set("b", "other");
        expect(await one.setAll({ a: "6" })).toEqual(true);
        expect(await one.get("a")).toEqual("6");
      });

      test("8 clients that count with WATCH and try again lose nothing", async () => {
        await using server = await start();
        await using handles = await openMany(8, () => library.open(server));
        let refused = 0;
        await Promise.all(
          handles.map(async (handle, own) => {
            for (let done = 0; done < 25; ) {
              await handle.watch("count");
              const next = String(Number((await handle.get("count")) ?? 0) + 1);
              if (await handle.setAll({ count: next, copy: next, [`last:${own}`]: next })) done++;
              else refused++;
            }
          }),
        );
        const [first] = handles;
        expect([await first!.get("count"), await first!.get("copy")]).toEqual(["200", "200"]);
        // Else there was no contention, and nothing was tested.
        expect(refused).toBeGreaterThan(0);
      });

      test("20 workers on one queue: each job is handed out exactly once", async () => {
        await using server = await start();
        await using workers = await openMany(20, () => library.open(server));
        await using producers = await openMany(3, () => library.open(server));
        const done: string[] = [];
        const working = workers.map(async (worker) => {
          for (;;) {
            const [list, job] = (await worker.pop(["urgent", "jobs"], 0))!;
            if (job === "stop") return;
            done.push(`${list} ${job}`);
          }
        });
        const expected: string[] = [];
        await Promise.all(
          producers.map(async (producer, own) => {
            for (let i = 0; i < 150; i++) {
              const list = i % 5 === 0 ? "urgent" : "jobs";
              expected.push(`${list} ${own}:${i}`);
              const pushed = producer.push(list, `${own}:${i}`);
              // Now and then several at once.
              if (i % 3 === 0) await pushed;
            }
          }),
        );
        for (const _ of workers) await producers[0]!.push("jobs", "stop");
        await Promise.all(working);
        expect(done.sort()).toEqual(expected.sort());
        expect(await workers[0]!.pop(["urgent", "jobs"], 0.01)).toBeNull();
      });
    },
  );
});
