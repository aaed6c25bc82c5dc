/** CONFIG REWRITE, and CONFIG SET as far as a file is concerned. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStormdb, startStormdbWith } from "../harness/processes.ts";
import { readDirective } from "./info.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-config-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("keeps comments and order, replaces values in their place and survives a restart", async () => {
  const file = join(folder, "kept.conf");
  writeFileSync(
    file,
    [
      "# what the file is for",
      "hz 10",
      "",
      "  # memory",
      "maxmemory 100mb",
      "TIMEOUT 5",
      "maxmemory 200mb",
      'slowlog-max-len "64"',
      "client-output-buffer-limit pubsub 1mb 0 0",
      "# the end",
    ].join("\n"),
  );
  const awkward = 'a "quoted" \\ word\'s\n\x01\xff';
  let port = 0;
  {
    await using storm = await startStormdbWith(file);
    port = storm.port;
    const client = await storm.connect();
    for (const [name, value] of [
      ["hz", "20"],
      ["maxclients", "77"],
      ["requirepass", awkward],
      ["latency-tracking-info-percentiles", "50 99.9"],
    ]) {
      expect(await client.call("CONFIG", "SET", name!, value!)).toEqual("+OK\r\n");
    }
    expect(await client.call("CONFIG", "REWRITE")).toEqual("+OK\r\n");
  }
  const rewritten = [
    "# what the file is for",
    "hz 20",
    "",
    "  # memory",
    "maxmemory 209715200",
    "timeout 5",
    "slowlog-max-len 64",
    "client-output-buffer-limit normal 0 0 0",
    "client-output-buffer-limit slave 268435456 67108864 60",
    "client-output-buffer-limit pubsub 1048576 0 0",
    "# the end",
    `port ${port}`,
    "bind 127.0.0.1",
    "maxclients 77",
    `requirepass "a \\"quoted\\" \\\\ word's\\n\\x01\\xff"`,
    "latency-tracking-info-percentiles 50 99.9",
    "",
  ].join("\n");
  expect(readFileSync(file, "latin1")).toEqual(rewritten);

  await using storm = await startStormdbWith(file);
  const client = await storm.connect();
  expect(await client.call("AUTH", awkward)).toEqual("+OK\r\n");
  const values: Record<string, string> = {};
  for (const name of ["hz", "maxmemory", "timeout", "slowlog-max-len", "maxclients"]) {
    values[name] = await readDirective(client, name);
  }
  expect(values).toEqual({
    hz: "20",
    maxmemory: "209715200",
    timeout: "5",
    "slowlog-max-len": "64",
    maxclients: "77",
  });
  // A second rewrite changes nothing but the port of this start, and leaves no other file.
  expect(await client.call("CONFIG", "REWRITE")).toEqual("+OK\r\n");
  expect(readFileSync(file, "latin1")).toEqual(
    rewritten.replace(`port ${port}`, `port ${storm.port}`),
  );
  expect(readdirSync(folder).filter((name) => name.startsWith("kept"))).toEqual(["kept.conf"]);
});

test.each(['a"b', "a'b", "#a", "a\\b", " a ", "'", '"', "\\"])(
  "the password %p survives a rewrite",
  async (password) => {
    const file = join(folder, "password.conf");
    writeFileSync(file, "requirepass first\n");
    {
      await using storm = await startStormdbWith(file);
      const client = await storm.connect();
      await client.call("AUTH", "first");
      expect(await client.call("CONFIG", "SET", "requirepass", password)).toEqual("+OK\r\n");
      expect(await client.call("CONFIG", "REWRITE")).toEqual("+OK\r\n");
    }
    await using storm = await startStormdbWith(file);
    const client = await storm.connect();
    expect(await client.call("AUTH", password)).toEqual("+OK\r\n");
  },
);

test("a password taken away stays away", async () => {
  const file = join(folder, "none.conf");
  writeFileSync(file, "requirepass first\n");
  {
    await using storm = await startStormdbWith(file);
    const client = await storm.connect();
    await client.call("AUTH", "first");
    await client.call("CONFIG", "SET", "requirepass", "");
    expect(await client.call("CONFIG", "REWRITE")).toEqual("+OK\r\n");
  }
  await using storm = await startStormdbWith(file);
  expect(await (await storm.connect()).call("PING")).toEqual("+PONG\r\n");
});

test("a file that was removed is written anew", async () => {
  const file = join(folder, "removed.conf");
  writeFileSync(file, "hz 50\n");
  await using storm = await startStormdbWith(file);
  rmSync(file);
  const client = await storm.connect();
  expect(await client.call("CONFIG", "REWRITE")).toEqual("+OK\r\n");
  expect(readFileSync(file, "latin1")).toEqual(`port ${storm.port}\nbind 127.0.0.1\nhz 50\n`);
});

test("without a file, or into a folder that is gone, it is an error", async () => {
  await using plain = await startStormdb();
  expect(await (await plain.connect()).call("CONFIG", "REWRITE")).toEqual(
    "-ERR The server is running without a config file\r\n",
  );
  const gone = mkdtempSync(join(folder, "gone-"));
  const file = join(gone, "stormdb.conf");
  writeFileSync(file, "hz 50\n");
  await using storm = await startStormdbWith(file);
  rmSync(gone, { recursive: true });
  const client = await storm.connect();
  expect(await client.call("CONFIG", "REWRITE")).toStartWith("-ERR Rewriting config file: ");
  expect(await client.call("PING")).toEqual("+PONG\r\n");
});

test("the file is found again from another working folder", async () => {
  const file = join(folder, "moved.conf");
  const inner = mkdtempSync(join(folder, "inner-"));
  writeFileSync(file, `dir ${inner}\nlogfile inner.log\n`);
  await using storm = await startStormdbWith(file);
  const client = await storm.connect();
  expect(await readDirective(client, "dir")).toEqual(inner);
  expect(await client.call("CONFIG", "SET", "hz", "77")).toEqual("+OK\r\n");
  expect(await client.call("CONFIG", "REWRITE")).toEqual("+OK\r\n");
  expect(readFileSync(file, "latin1")).toEqual(
    `dir ${inner}\nlogfile inner.log\nport ${storm.port}\nbind 127.0.0.1\nhz 77\n`,
  );
  expect(readFileSync(join(inner, "inner.log"), "latin1")).toContain("Ready to accept connections");
  expect(storm.output()).toEqual("");
});

test("a promoted replica has no line with replicaof any more", async () => {
  const file = join(folder, "promoted.conf");
  writeFileSync(file, "hz 20\nreplicaof 127.0.0.1 1\nmaxclients 77\n");
  {
    await using storm = await startStormdbWith(file);
    const client = await storm.connect();
    expect(await client.call("REPLICAOF", "NO", "ONE")).toEqual("+OK\r\n");
    expect(await client.call("CONFIG", "REWRITE")).toEqual("+OK\r\n");
    expect(readFileSync(file, "latin1")).toMatch(/^hz 20\nmaxclients 77\nport \d+\n/);
    expect(readFileSync(file, "latin1")).not.toContain("replicaof");
    // As Sentinel does where the old primary comes back.
    expect(await client.call("REPLICAOF", "127.0.0.1", "2")).toEqual("+OK\r\n");
    expect(await client.call("CONFIG", "REWRITE")).toEqual("+OK\r\n");
    expect(readFileSync(file, "latin1")).toContain("\nreplicaof 127.0.0.1 2\n");
  }
});
