import { expect, test } from "bun:test";
import { join } from "node:path";

const SOURCE = join(import.meta.dir, "../../../src");

test("uncaught exceptions and rejections are logged with their stack, once, and the process goes on", async () => {
  const script = `
    import { Log } from "${SOURCE}/base/log.ts";
    import { surviveFaults } from "${SOURCE}/server/faults.ts";
    surviveFaults(new Log());
    const fail = function failingTimer() { throw new Error("bad timer"); };
    let rounds = 0;
    const timer = setInterval(() => {
      if (++rounds > 20) {
        clearInterval(timer);
        console.log("alive");
      } else fail();
    }, 1);
    Promise.reject(new RangeError("bad promise"));
    setImmediate(() => { throw "no error at all"; });
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
  const output =
    (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
  expect(await child.exited).toEqual(0);
  expect(output).toContain("alive");
  expect(output.match(/goes on: Error: bad timer/g)).toHaveLength(1);
  expect(output).toContain("failingTimer");
  expect(output.match(/goes on: RangeError: bad promise/g)).toHaveLength(1);
  expect(output.match(/goes on: no error at all/g)).toHaveLength(1);
});
