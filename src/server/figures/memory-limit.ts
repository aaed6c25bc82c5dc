/** How much memory the control group of this process may use: what a container is limited to. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Larger figures say that there is no limit: version 1 has the largest multiple of a page. */
const UNLIMITED_BYTES = 2 ** 60;

/**
 * The limit in bytes; 0 without one, or where control groups cannot be seen. Of the groups that a
 * process is in, the tightest counts. `root` is where /proc and /sys are, for tests.
 */
export function cgroupLimitBytes(root = "/"): number {
  let groups: string;
  try {
    groups = readFileSync(join(root, "proc/self/cgroup"), "latin1");
  } catch {
    return 0;
  }
  const limits: number[] = [];
  for (const line of groups.split("\n")) {
    // "4:memory:/path" in version 1, "0::/path" in version 2.
    const [number, controllers = "", path = ""] = line.split(":");
    if (controllers.split(",").includes("memory")) {
      limits.push(...limitsAlong(root, "sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
    } else if (number === "0" && controllers === "") {
      limits.push(...limitsAlong(root, "sys/fs/cgroup", path, "memory.max"));
    }
  }
  const least = Math.min(...limits);
  return least < UNLIMITED_BYTES ? least : 0;
}

/** The limits of the group and of all above it; in a container its own group stands at the top. */
function limitsAlong(root: string, mount: string, path: string, file: string): number[] {
  const names = path.split("/").filter((name) => name !== "");
  return names.concat("").flatMap((_, i) => {
    try {
      const text = readFileSync(join(root, mount, ...names.slice(0, i), file), "latin1").trim();
      return /^[0-9]+$/.test(text) ? [Number(text)] : [];
    } catch {
      // Not visible from here.
      return [];
    }
  });
}
