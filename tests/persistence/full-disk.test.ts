/** The disk is full, or fails: writes are refused, nothing is lost, and all goes on afterwards. */
import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataFolder, type RunningServer, startStormdbOn, until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { skips } from "../harness/skips.ts";
import { digestOf, infoField, kill, untilIdle } from "./load.ts";

const SIZE_BYTES = 1 << 20;
const AOF = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];
const MISCONF = "-MISCONF Errors writing to the AOF file: ";

const mounted: DataFolder[] = [];

/** A small file system of its own; null where the system does not let us. */
function smallDisk(): DataFolder | null {
  const folder = new DataFolder();
  const { exitCode } = Bun.spawnSync(
    ["mount", "-t", "tmpfs", "-o", `size=${SIZE_BYTES}`, "tmpfs", folder.path],
    { stderr: "ignore" },
  );
  if (exitCode === 0) {
    mounted.push(folder);
    return folder;
  }
  folder[Symbol.dispose]();
  return null;
}

function unmount(folder: DataFolder): void {
  Bun.spawnSync(["umount", "-l", folder.path]);
  folder[Symbol.dispose]();
}

const probe = process.getuid?.() === 0 && Bun.which("mount") !== null ? smallDisk() : null;
const canMount = probe !== null;
if (probe !== null) unmount(mounted.pop()!);

afterAll(() => {
  for (const folder of mounted) unmount(folder);
});

/** Fills the rest of the disk but for `leaveBytes`. */
function fillUp(folder: DataFolder): () => void {
  const path = join(folder.path, "ballast");
  const chunk = new Uint8Array(SIZE_BYTES);
  for (let bytes = SIZE_BYTES; bytes >= 4096; bytes /= 2) {
    try {
      writeFileSync(path, chunk.subarray(0, bytes), { flag: "a" });
    } catch {
      // As much as there was room for has been written.
    }
  }
  return () => rmSync(path);
}

async function writeUntilRefused(client: RawClient): Promise<number> {
  for (let i = 0; ; i++) {
    const reply = await client.call("RPUSH", "list", `${i}`.padEnd(500, "x"));
    if (!reply.startsWith(":")) {
      expect(reply).toStartWith(MISCONF);
      return i;
    }
  }
}

async function restartedDigest(folder: DataFolder, storm: RunningServer): Promise<string> {
  await kill(storm);
  await using again = await startStormdbOn(folder, ...AOF);
  return await digestOf(await again.connect());
}

describe.skipIf(skips(canMount ? "" : "file systems cannot be mounted here"))("a full disk", () => {
  test("everysec: writes are refused until there is room, and none is lost", async () => {
    const folder = smallDisk()!;
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    const free = fillUp(folder);
    await writeUntilRefused(client);
    expect(await client.call("LLEN", "list")).toStartWith(":");
    // Sentinel finds out by PING, and fails over.
    expect(await client.call("PING")).toStartWith(MISCONF);
    expect(await infoField(client, "aof_last_write_status")).toEqual("err");
    free();
    await until("writes are taken again", async () => {
      return (await client.call("SET", "a", "1")) === "+OK\r\n";
    });
    expect(await infoField(client, "aof_last_write_status")).toEqual("ok");
    expect(await client.call("PING")).toEqual("+PONG\r\n");
    expect(storm.output()).toContain("AOF write error looks solved");
    const digest = await digestOf(client);
    expect(await restartedDigest(folder, storm)).toEqual(digest);
  });

  test("always: the server ends with code 1 rather than acknowledge", async () => {
    const folder = smallDisk()!;
    let acknowledged = 0;
    {
      await using storm = await startStormdbOn(folder, ...AOF, "--appendfsync", "always");
      const client = await storm.connect();
      fillUp(folder);
      try {
        while ((await client.call("RPUSH", "list", "x".repeat(500))).startsWith(":"))
          acknowledged++;
      } catch {
        // It has ended.
      }
      expect(await storm.exited).toEqual(1);
      expect(storm.output()).toContain("Can't recover from an AOF write error");
    }
    rmSync(join(folder.path, "ballast"));
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    expect(await client.call("LLEN", "list")).toEqual(`:${acknowledged}\r\n`);
  });

  test("a rewrite and a save that fail leave everything as it was, and can be repeated", async () => {
    const folder = smallDisk()!;
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    for (let i = 0; i < 100; i++)
      await client.call("SET", `k${i}`, Bun.hash(String(i)).toString(16).repeat(100));
    const free = fillUp(folder);
    await client.call("BGREWRITEAOF");
    await untilIdle(client);
    expect(await infoField(client, "aof_last_bgrewrite_status")).toEqual("err");
    expect(await client.call("SAVE")).toStartWith("-ERR");
    await client.call("BGSAVE");
    await untilIdle(client);
    expect(await infoField(client, "rdb_last_bgsave_status")).toEqual("err");
    free();
    await until("writes are taken", async () => (await client.call("INCR", "n")).startsWith(":"));
    await client.call("BGREWRITEAOF");
    await untilIdle(client);
    expect(await infoField(client, "aof_last_bgrewrite_status")).toEqual("ok");
    expect(await client.call("SAVE")).toEqual("+OK\r\n");
    await client.call("INCR", "n");
    const digest = await digestOf(client);
    expect(await restartedDigest(folder, storm)).toEqual(digest);
  });

  test("an end that cannot save is put off, and commands go on being written down", async () => {
    const folder = smallDisk()!;
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    await client.call("SET", "a", "x".repeat(100000));
    const free = fillUp(folder);
    expect(await client.call("SHUTDOWN", "SAVE")).toStartWith("-ERR Errors trying to SHUTDOWN");
    free();
    await until("writes are taken", async () => (await client.call("INCR", "n")).startsWith(":"));
    const digest = await digestOf(client);
    expect(await restartedDigest(folder, storm)).toEqual(digest);
  });

  test("with save points a failed save refuses writes until one succeeds", async () => {
    const folder = smallDisk()!;
    await using storm = await startStormdbOn(folder, "--save", "900 1");
    const client = await storm.connect();
    await client.call("SET", "a", "x".repeat(100000));
    const free = fillUp(folder);
    await client.call("BGSAVE");
    await untilIdle(client);
    expect(await client.call("SET", "b", "1")).toStartWith(
      "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist",
    );
    expect(await client.call("STRLEN", "a")).toEqual(":100000\r\n");
    free();
    await client.call("BGSAVE");
    await untilIdle(client);
    expect(await client.call("SET", "b", "1")).toEqual("+OK\r\n");
  });
});
