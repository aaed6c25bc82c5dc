/** Limits of control groups, read from folders that look like /proc and /sys. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cgroupLimitBytes } from "../../../../src/server/figures/memory-limit.ts";

function limitOf(files: Readonly<Record<string, string>>): number {
  const root = mkdtempSync(join(tmpdir(), "stormdb-cgroup-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const limit = cgroupLimitBytes(root);
  rmSync(root, { recursive: true });
  return limit;
}

test("version 2, in a container: its group stands at the top", () => {
  const files = { "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n" };
  expect(limitOf(files)).toEqual(536870912);
});

test("version 2, on the host: the tightest of the groups above counts", () => {
  const files = {
    "proc/self/cgroup": "0::/user.slice/app.scope\n",
    "sys/fs/cgroup/user.slice/memory.max": "1000\n",
    "sys/fs/cgroup/user.slice/app.scope/memory.max": "2000\n",
  };
  expect(limitOf(files)).toEqual(1000);
  expect(limitOf({ ...files, "sys/fs/cgroup/user.slice/memory.max": "max\n" })).toEqual(2000);
});

test("version 1", () => {
  const files = {
    "proc/self/cgroup": "9:cpu,cpuacct:/a\n4:memory:/docker/x\n0::/\n",
    "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "268435456\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
  };
  expect(limitOf(files)).toEqual(268435456);
});

test("none, or nothing to be seen", () => {
  expect(limitOf({})).toEqual(0);
  expect(limitOf({ "proc/self/cgroup": "0::/\n" })).toEqual(0);
  const unlimited = { "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n" };
  expect(limitOf(unlimited)).toEqual(0);
});
