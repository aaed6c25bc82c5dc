/** Where the server can be reached, by whom, and by how many. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { runStormdb, startStormdb, until } from "../harness/processes.ts";
import { RawClient } from "../harness/raw-client.ts";
import { readClients, readDirective, readInfo } from "./info.ts";
import { exchange, sameAsRedis } from "./same-as-redis.ts";

const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
const hasIpv6 = addresses.some(({ address }) => address === "::1");
const outer = addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address;

/** Sends PING over a Unix socket and returns what comes. */
function pingUnix(path: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(path, () => socket.write("PING\r\n"));
    socket.on("error", fail);
    socket.on("data", (chunk: Buffer) => {
      socket.destroy();
      done(chunk.toString("latin1"));
    });
  });
}

async function isReachable(port: number, host: string): Promise<boolean> {
  try {
    const client = await RawClient.connect(port, host);
    const reply = await client.call("PING");
    client.close();
    return reply === "+PONG\r\n";
  } catch {
    return false;
  }
}

describe("bind", () => {
  test("several addresses share one port", async () => {
    await using storm = await startStormdb("--bind", "127.0.0.1", "127.0.0.2");
    expect(await isReachable(storm.port, "127.0.0.1")).toEqual(true);
    expect(await isReachable(storm.port, "127.0.0.2")).toEqual(true);
    expect(await isReachable(storm.port, "127.0.0.3")).toEqual(false);
    const client = await RawClient.connect(storm.port, "127.0.0.2");
    const [info] = await readClients(client, "INFO");
    expect(info!.laddr).toEqual(`127.0.0.2:${storm.port}`);
    client.close();
  });

  test.skipIf(!hasIpv6)("::1 beside 127.0.0.1", async () => {
    await using storm = await startStormdb("--bind", "127.0.0.1", "::1");
    expect(await isReachable(storm.port, "127.0.0.1")).toEqual(true);
    const client = await RawClient.connect(storm.port, "::1");
    const [info] = await readClients(client, "INFO");
    expect(info!.addr).toMatch(/^\[::1\]:\d+$/);
    expect(info!.laddr).toEqual(`[::1]:${storm.port}`);
    client.close();
  });

  test.skipIf(!hasIpv6)("by default IPv4 and IPv6", async () => {
    await using storm = await startStormdb("--bind", "*", "-::*");
    expect(await isReachable(storm.port, "127.0.0.1")).toEqual(true);
    expect(await isReachable(storm.port, "::1")).toEqual(true);
    expect(await readDirective(await storm.connect(), "bind")).toEqual("* -::*");
  });

  test("an optional address that is not there is passed over", async () => {
    await using storm = await startStormdb("--bind", "127.0.0.1", "-203.0.113.7");
    expect(await isReachable(storm.port, "127.0.0.1")).toEqual(true);
    const { code, stderr } = await runStormdb(["server", "--bind", "203.0.113.7"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "stormdb: can't listen on 203.0.113.7:6379: address not available\n",
    });
  });
});

if (outer === undefined) {
  console.log("protected-mode is not tested: this machine has no address but loopback");
}

describe.skipIf(outer === undefined)("protected-mode", () => {
  test("refuses other addresses than loopback, says why, and counts it", async () => {
    await using storm = await startStormdb("--bind", "0.0.0.0");
    const client = await storm.connect();
    const stranger = await RawClient.connect(storm.port, outer);
    expect(await stranger.read()).toMatch(/^-DENIED StormDB is running in protected mode .*\r\n$/);
    await stranger.closed;
    const { rejected_connections, connected_clients } = await readInfo(client, "all");
    expect({ rejected_connections, connected_clients }).toEqual({
      rejected_connections: "1",
      connected_clients: "1",
    });
  });

  test("lets them in when it is off, or when there is a password", async () => {
    await using off = await startStormdb("--bind", "0.0.0.0", "--protected-mode", "no");
    const guest = await RawClient.connect(off.port, outer);
    expect(await guest.call("PING")).toEqual("+PONG\r\n");
    guest.close();
    await using secret = await startStormdb("--bind", "0.0.0.0", "--requirepass", "x");
    const client = await RawClient.connect(secret.port, outer);
    expect(await client.call("PING")).toStartWith("-NOAUTH");
    expect(await client.call("AUTH", "x")).toEqual("+OK\r\n");
    client.close();
  });

  test("DEBUG for local connections only", async () => {
    const local = ["--enable-debug-command", "local", "--protected-mode", "no"];
    await using storm = await startStormdb("--bind", "0.0.0.0", ...local);
    const near = await storm.connect();
    expect(await near.call("DEBUG", "SLEEP", "0")).toEqual("+OK\r\n");
    const far = await RawClient.connect(storm.port, outer);
    expect(await far.call("DEBUG", "SLEEP", "0")).toStartWith("-ERR DEBUG command not allowed.");
    far.close();
  });
});

describe("unixsocket", () => {
  test("serves beside TCP, with the mode asked for, and is removed at exit", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-unix-"));
    const path = join(folder, "socket");
    await using storm = await startStormdb("--unixsocket", path, "--unixsocketperm", "700");
    expect(await pingUnix(path)).toEqual("+PONG\r\n");
    expect((statSync(path).mode & 0o777).toString(8)).toEqual("700");
    process.kill(storm.pid, "SIGTERM");
    expect(await storm.exited).toEqual(0);
    expect(existsSync(path)).toEqual(false);
    rmSync(folder, { recursive: true });
  });

  test("alone, and in the place of a socket that a killed server left", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-unix-"));
    const path = join(folder, "socket");
    {
      await using killed = await startStormdb("--unixsocket", path);
      process.kill(killed.pid, "SIGKILL");
      await killed.exited;
    }
    expect(existsSync(path)).toEqual(true);
    const ended = runStormdb(["server", "--port", "0", "--unixsocket", path], folder);
    await until("the socket answers", () =>
      pingUnix(path).then(
        (reply) => reply === "+PONG\r\n",
        () => false,
      ),
    );
    await new Promise<void>((done, fail) => {
      const socket = connect(path, () => socket.write("SHUTDOWN NOSAVE\r\n"));
      socket.on("error", fail);
      socket.on("close", () => done());
      socket.resume();
    });
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Ready to accept connections on ${path}`);
    expect(stdout).not.toContain("on port");
    expect(existsSync(path)).toEqual(false);
    rmSync(folder, { recursive: true });
  });

  test("a second server that cannot have the port leaves the first one's socket alone", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-unix-"));
    const path = join(folder, "socket");
    await using storm = await startStormdb("--unixsocket", path);
    const { code } = await runStormdb(
      ["server", "--port", String(storm.port), "--bind", "127.0.0.1", "--unixsocket", path],
      folder,
    );
    expect(code).toEqual(1);
    expect(await pingUnix(path)).toEqual("+PONG\r\n");
    rmSync(folder, { recursive: true });
  });

  test("its clients are shown by the path", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-unix-"));
    const path = join(folder, "socket");
    await using storm = await startStormdb("--unixsocket", path);
    const socket = connect(path);
    await new Promise<void>((done) => socket.on("connect", () => done()));
    const client = await storm.connect();
    let addresses: string[] = [];
    await until("the client is listed", async () => {
      addresses = (await readClients(client, "LIST")).map(({ addr, laddr }) => `${addr} ${laddr}`);
      return addresses.length === 2;
    });
    expect(addresses).toContain(`${path}:0 ${path}:0`);
    socket.destroy();
    rmSync(folder, { recursive: true });
  });
});

describe("maxclients", () => {
  sameAsRedis("the one too many is told and closed; room made is used", [], async (server) => {
    const admin = await server.connect();
    await admin.call("CONFIG", "SET", "maxclients", "3");
    await admin.call("CONFIG", "RESETSTAT");
    const second = await server.connect();
    const third = await server.connect();
    const replies = [await second.call("PING"), await third.call("PING")];
    const refused = await exchange(server, "");
    third.close();
    let again = "";
    await until("there is room", async () => {
      const client = await server.connect();
      try {
        again = await client.call("PING");
      } catch {
        return false;
      }
      client.close();
      return again === "+PONG\r\n";
    });
    const { maxclients } = await readInfo(admin, "clients");
    return { replies, refused, again, maxclients };
  });

  sameAsRedis("what is counted as received and as rejected", [], async (server) => {
    const admin = await server.connect();
    await admin.call("CONFIG", "SET", "maxclients", "1");
    await admin.call("CONFIG", "RESETSTAT");
    for (let i = 0; i < 5; i++) await exchange(server, "");
    await admin.call("CONFIG", "SET", "maxclients", "2");
    const last = await server.connect();
    await last.call("PING");
    const { total_connections_received, rejected_connections } = await readInfo(admin, "stats");
    return { total_connections_received, rejected_connections };
  });
});

describe("timeout", () => {
  test("idle clients are closed, others are not", async () => {
    await using storm = await startStormdb("--timeout", "1");
    const idle = await storm.connect();
    const busy = await storm.connect();
    await idle.call("PING");
    await until("the idle client is closed", async () => {
      await busy.call("PING");
      return idle.isClosed;
    });
    expect(await busy.call("PING")).toEqual("+PONG\r\n");
  });
});
