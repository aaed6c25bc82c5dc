/** What the configuration does to a server that runs: where it listens, how it starts, who is told. */

import { dlopen, FFIType, ptr } from "bun:ffi";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BINARY,
  DataFolder,
  freePort,
  runStormdb,
  start,
  startStormdb,
  startStormdbOn,
  until,
} from "../harness/processes.ts";
import { RawClient } from "../harness/raw-client.ts";
import { readDirective } from "./info.ts";

const isLinux = process.platform === "linux";

async function answers(port: number, host = "127.0.0.1"): Promise<boolean> {
  try {
    const client = await RawClient.connect(port, host);
    const reply = await client.call("PING");
    client.close();
    return reply === "+PONG\r\n";
  } catch {
    return false;
  }
}

/** A port of the address that somebody else listens on. */
function busyPort(hostname: string) {
  const listener = Bun.listen({ hostname, port: 0, socket: { data() {} } });
  return { port: listener.port, [Symbol.dispose]: () => listener.stop(true) };
}

describe("CONFIG SET of where the server listens", () => {
  test("port: the new one answers, the old one does not, and clients stay", async () => {
    await using storm = await startStormdb();
    const client = await storm.connect();
    const port = await freePort();
    expect(await client.call("CONFIG", "SET", "port", String(port))).toBe("+OK\r\n");
    expect(await client.call("PING")).toBe("+PONG\r\n");
    expect([await answers(port), await answers(storm.port)]).toEqual([true, false]);
    expect(await client.call("CONFIG", "SET", "port", "0")).toBe("+OK\r\n");
    expect(await answers(port)).toBe(false);
    expect(await client.call("CONFIG", "SET", "port", String(storm.port))).toBe("+OK\r\n");
    expect(await answers(storm.port)).toBe(true);
    expect(await client.call("PING")).toBe("+PONG\r\n");
  });

  test("a busy port changes nothing, and nothing beside it", async () => {
    await using storm = await startStormdb();
    using other = busyPort("127.0.0.1");
    const client = await storm.connect();
    const reply = await client.call("CONFIG", "SET", "hz", "55", "port", String(other.port));
    expect(reply).toBe(
      "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.\r\n",
    );
    expect(storm.output()).toContain(`can't listen on 127.0.0.1:${other.port}: address already in`);
    expect(await readDirective(client, "port")).toBe(String(storm.port));
    expect(await readDirective(client, "hz")).toBe("10");
    expect(await answers(storm.port)).toBe(true);
  });

  test("bind: addresses come and go; one that is not there brings all the others back", async () => {
    await using storm = await startStormdb();
    const client = await storm.connect();
    const reached = async () => [
      await answers(storm.port, "127.0.0.1"),
      await answers(storm.port, "127.0.0.2"),
    ];
    const bind = (value: string) => client.call("CONFIG", "SET", "bind", value);
    expect(await bind("127.0.0.2 -203.0.113.7")).toBe("+OK\r\n");
    expect(await reached()).toEqual([false, true]);
    expect(await bind("127.0.0.1 203.0.113.7")).toBe(
      "-ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses.\r\n",
    );
    expect(await reached()).toEqual([false, true]);
    expect(await bind("*")).toBe("+OK\r\n");
    expect(await reached()).toEqual([true, true]);
    expect(await bind("127.0.0.1")).toBe("+OK\r\n");
    expect(await reached()).toEqual([true, false]);
    expect(await client.call("PING")).toBe("+PONG\r\n");
  });

  test("a port that the system has chosen stays when addresses change", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-socket-"));
    await using storm = await startStormdb("--unixsocket", join(folder, "socket"));
    const client = await storm.connect();
    expect(await client.call("CONFIG", "SET", "bind", "127.0.0.1 127.0.0.3")).toBe("+OK\r\n");
    expect(await answers(storm.port, "127.0.0.3")).toBe(true);
    rmSync(folder, { recursive: true });
  });
});

test("at the start a - excuses a missing address, but not a busy port", async () => {
  using other = busyPort("127.0.0.2");
  const { code, stderr } = await runStormdb([
    ...["server", "--port", String(other.port), "--bind", "127.0.0.1", "-127.0.0.2"],
  ]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `stormdb: can't listen on 127.0.0.2:${other.port}: address already in use\n`,
  });
});

test("dir can be changed while nothing is appended there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "stormdb-dir-"));
  await using storm = await startStormdb("--enable-protected-configs", "yes");
  const client = await storm.connect();
  expect(await client.call("CONFIG", "SET", "dir", folder, "dbfilename", "x.rdb")).toBe("+OK\r\n");
  expect(await client.call("SAVE")).toBe("+OK\r\n");
  expect(existsSync(join(folder, "x.rdb"))).toBe(true);
  expect(await client.call("CONFIG", "SET", "appendonly", "yes")).toBe("+OK\r\n");
  expect(await client.call("CONFIG", "SET", "dir", storm.folder)).toBe(
    "-ERR CONFIG SET failed (possibly related to argument 'dir') - can't change dir while appendonly is yes\r\n",
  );
  expect(await readDirective(client, "dir")).toBe(folder);
  rmSync(folder, { recursive: true });
});

test.skipIf(!isLinux)("maxclients beyond the limit of open files is refused", async () => {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "stormdb-files-"));
  const script = `ulimit -n 100; exec "$0" server --port "$1" --bind 127.0.0.1 --save ""`;
  await using storm = await start(["bash", "-c", script, BINARY, String(port)], port, folder);
  const client = await storm.connect();
  expect(await readDirective(client, "maxclients")).toBe("68");
  expect(await client.call("CONFIG", "SET", "hz", "20", "maxclients", "69")).toBe(
    "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with 68\r\n",
  );
  expect([await readDirective(client, "maxclients"), await readDirective(client, "hz")]).toEqual([
    "68",
    "10",
  ]);
  expect(await client.call("CONFIG", "SET", "maxclients", "60")).toBe("+OK\r\n");
});

test.skipIf(!isLinux)(
  "clients that were turned away and stay leave open files for the rest",
  async () => {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "stormdb-files-"));
    const script = `ulimit -n 64; exec "$0" server --port "$1" --bind 127.0.0.1 --maxclients 10`;
    await using storm = await start(["bash", "-c", script, BINARY, String(port)], port, folder);
    const client = await storm.connect();
    const sockets: { end(): void }[] = [];
    for (let i = 0; i < 150; i++) {
      const options = { hostname: "127.0.0.1", port, allowHalfOpen: true, socket: { data() {} } };
      sockets.push(await Bun.connect(options));
    }
    await until("all have been accepted", async () => {
      return /rejected_connections:14\d/.test(await client.call("INFO", "stats"));
    });
    expect(await client.call("SAVE")).toBe("+OK\r\n");
    for (const socket of sockets) socket.end();
  },
);

describe("standard input", () => {
  test("is read after the file and before the options", async () => {
    const port = await freePort();
    using folder = new DataFolder();
    const file = join(folder.path, "a.conf");
    writeFileSync(file, "hz 11\ntimeout 11\n");
    const script = `exec "$0" server "$1" - --port "$2" --maxclients 33 < <(printf 'timeout 22\\nmaxclients 22\\nbind 127.0.0.1\\nsave ""\\n')`;
    const command = ["bash", "-c", script, BINARY, file, String(port)];
    await using storm = await start(command, port, folder.path, true);
    const client = await storm.connect();
    const values: string[] = [];
    for (const name of ["hz", "timeout", "maxclients"])
      values.push(await readDirective(client, name));
    expect(values).toEqual(["11", "22", "33"]);
  });

  test("its lines are numbered", async () => {
    const child = Bun.spawn([BINARY, "server", "-"], {
      stdin: Buffer.from("hz 1\nnope\nport x\n"),
      stderr: "pipe",
    });
    expect(await child.stderr.text()).toBe(
      "stormdb: standard input:2: unknown directive 'nope'\nstormdb: standard input:3: bad value 'x' for 'port': argument couldn't be parsed into an integer\n",
    );
    expect(await child.exited).toBe(1);
  });
});

test.each(["--version", "-v"])("server %s", async (option) => {
  const { code, stdout } = await runStormdb(["server", option]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^StormDB \d/) });
});

test("a file of other things is refused without a flood", async () => {
  using folder = new DataFolder();
  const file = join(folder.path, "noise.conf");
  writeFileSync(file, "\x01\xff noise\n".repeat(5000), "latin1");
  const { code, stderr } = await runStormdb(["server", file]);
  const lines = stderr.trimEnd().split("\n");
  expect([code, lines.length, lines.at(-1)]).toEqual([1, 101, "stormdb: and 4900 more"]);
});

describe("rename-command", () => {
  test("files and the primary use the commands' own names", async () => {
    using folder = new DataFolder();
    const renamed = [
      "--appendonly",
      "yes",
      "--rename-command",
      "DEL",
      "",
      "--rename-command",
      "set",
      "put",
    ];
    {
      await using storm = await startStormdbOn(folder, "--appendonly", "yes");
      const client = await storm.connect();
      await client.call("SET", "a", "1");
      await client.call("SET", "b", "2");
      await client.call("DEL", "a");
    }
    for (let round = 0; round < 2; round++) {
      await using storm = await startStormdbOn(folder, ...renamed);
      const client = await storm.connect();
      expect(await client.call("DBSIZE")).toBe(`:${1 + round}\r\n`);
      expect(await client.call("DEL", "b")).toStartWith("-ERR unknown command 'DEL'");
      expect(await client.call("PUT", "c", "3")).toBe("+OK\r\n");
    }
  });
});

describe.skipIf(!isLinux)("the process", () => {
  test("SIGHUP, SIGPIPE and SIGALRM do not end it", async () => {
    await using storm = await startStormdb();
    for (const signal of ["SIGHUP", "SIGPIPE", "SIGALRM"] as const) process.kill(storm.pid, signal);
    expect(await answers(storm.port)).toBe(true);
    process.kill(storm.pid, "SIGTERM");
    expect(await storm.exited).toBe(0);
  });

  test("shutdown-on-sigterm says whether it saves", async () => {
    for (const [mode, isSaved] of [
      ["save", true],
      ["nosave", false],
      ["default", false],
    ] as const) {
      using folder = new DataFolder();
      await using storm = await startStormdbOn(folder, "--shutdown-on-sigterm", mode);
      await (await storm.connect()).call("SET", "a", "1");
      process.kill(storm.pid, "SIGTERM");
      expect(await storm.exited).toBe(0);
      expect([mode, existsSync(join(folder.path, "dump.rdb"))]).toEqual([mode, isSaved]);
    }
  });

  test("its title has the address, and follows the port", async () => {
    await using storm = await startStormdb();
    const title = () => readFileSync(`/proc/${storm.pid}/cmdline`, "latin1").replace(/\0+$/, "");
    const client = await storm.connect();
    await client.call("PING");
    expect(title()).toBe(`stormdb 127.0.0.1:${storm.port}`);
    const port = await freePort();
    await client.call("CONFIG", "SET", "port", String(port));
    expect(title()).toBe(`stormdb 127.0.0.1:${port}`);
    await client.call("CONFIG", "SET", "proc-title-template", "db on {port}");
    expect(title()).toBe(`db on ${port}`);
    await using plain = await startStormdb("--set-proc-title", "no");
    await (await plain.connect()).call("PING");
    expect(readFileSync(`/proc/${plain.pid}/cmdline`, "latin1")).toContain("--set-proc-title");
  });

  test("pidfile: written, removed at the end, and no reason not to start", async () => {
    using folder = new DataFolder();
    const path = join(folder.path, "db.pid");
    await using storm = await startStormdbOn(folder, "--pidfile", "db.pid");
    expect(readFileSync(path, "latin1")).toBe(`${storm.pid}\n`);
    process.kill(storm.pid, "SIGTERM");
    expect(await storm.exited).toBe(0);
    expect(existsSync(path)).toBe(false);
    await using other = await startStormdb("--pidfile", "/nowhere/db.pid");
    expect(await answers(other.port)).toBe(true);
    expect(other.output()).toContain("Can't write the pidfile '/nowhere/db.pid'");
  });

  test("daemonize: returns when the server is ready, and says why it is not", async () => {
    using folder = new DataFolder();
    const port = await freePort();
    const args = [
      ...["server", "--daemonize", "yes", "--port", String(port), "--bind", "127.0.0.1"],
      ...["--pidfile", "db.pid", "--logfile", "db.log", "--save", ""],
    ];
    const { code, stderr } = await runStormdb(args, folder.path);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const pid = Number(readFileSync(join(folder.path, "db.pid"), "latin1"));
    try {
      expect(await answers(port)).toBe(true);
      const second = await runStormdb([...args, "--pidfile", "other.pid"], folder.path);
      expect(second).toEqual({
        code: 1,
        stdout: "",
        stderr: `stormdb: can't listen on 127.0.0.1:${port}: address already in use\n`,
      });
    } finally {
      process.kill(pid, "SIGTERM");
    }
    await until("the server has ended", () => !existsSync(join(folder.path, "db.pid")));
    expect(readFileSync(join(folder.path, "db.log"), "latin1")).toContain(`${pid}:M`);
  });

  test.each(["systemd", "auto"])("supervised %s: READY=1 goes to NOTIFY_SOCKET", async (mode) => {
    using folder = new DataFolder();
    const receiver = new DatagramReceiver(join(folder.path, "notify"));
    const port = await freePort();
    const command = [
      ...["env", `NOTIFY_SOCKET=${receiver.path}`, BINARY, "server", "--port", String(port)],
      // Whoever is supervised stays in the foreground.
      ...["--bind", "127.0.0.1", "--save", "", "--supervised", mode, "--daemonize", "yes"],
      ...["--pidfile", "db.pid"],
    ];
    await using storm = await start(command, port, folder.path, true);
    let said = "";
    await until("systemd is told", () => {
      said = receiver.receive();
      return said !== "";
    });
    expect(said).toBe("STATUS=Ready to accept connections\nREADY=1\n");
    expect(readFileSync(join(folder.path, "db.pid"), "latin1")).toBe(`${storm.pid}\n`);
    receiver.close();
  });
});

/** A Unix datagram socket, which the runtime does not have. */
class DatagramReceiver {
  readonly path: string;
  readonly #libc = dlopen("libc.so.6", {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    recv: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i64 },
    close: { args: [FFIType.i32], returns: FFIType.i32 },
  });
  readonly #fd: number;

  constructor(path: string) {
    this.path = path;
    this.#fd = this.#libc.symbols.socket(1, 2, 0);
    const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(`${path}\0`)]);
    expect(this.#libc.symbols.bind(this.#fd, ptr(address), address.length)).toBe(0);
  }

  /** The next message, or "" if there is none yet. */
  receive(): string {
    const bytes = Buffer.alloc(4096);
    const DONT_WAIT = 0x40;
    const length = Number(this.#libc.symbols.recv(this.#fd, ptr(bytes), bytes.length, DONT_WAIT));
    return length <= 0 ? "" : bytes.toString("latin1", 0, length);
  }

  close(): void {
    this.#libc.symbols.close(this.#fd);
    this.#libc.close();
  }
}
