/** Where the server can be reached, by whom, and by how many. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import {
  BINARY,
  freePort,
  type RunningServer,
  runStormdb,
  startStormdb,
  until,
} from "../harness/processes.ts";
import { RawClient } from "../harness/raw-client.ts";
import { skips } from "../harness/skips.ts";
import { ByteSocket } from "./byte-socket.ts";
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

/** A server with a Unix socket, which is there a moment later than the port. */
async function startWithSocket(path: string, ...args: string[]): Promise<RunningServer> {
  const storm = await startStormdb("--unixsocket", path, ...args);
  const client = await storm.connect();
  await client.call("PING");
  client.close();
  return storm;
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

  test.skipIf(skips(hasIpv6 ? "" : "there is no ::1 here"))("::1 beside 127.0.0.1", async () => {
    await using storm = await startStormdb("--bind", "127.0.0.1", "::1");
    expect(await isReachable(storm.port, "127.0.0.1")).toEqual(true);
    const client = await RawClient.connect(storm.port, "::1");
    const [info] = await readClients(client, "INFO");
    expect(info!.addr).toMatch(/^\[::1\]:\d+$/);
    expect(info!.laddr).toEqual(`[::1]:${storm.port}`);
    client.close();
  });

  test.skipIf(skips(hasIpv6 ? "" : "there is no ::1 here"))(
    "by default IPv4 and IPv6",
    async () => {
      await using storm = await startStormdb("--bind", "*", "-::*");
      expect(await isReachable(storm.port, "127.0.0.1")).toEqual(true);
      expect(await isReachable(storm.port, "::1")).toEqual(true);
      expect(await readDirective(await storm.connect(), "bind")).toEqual("* -::*");
    },
  );

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

describe.skipIf(skips(outer === undefined ? "there is no address but loopback" : ""))(
  "protected-mode",
  () => {
    test("refuses other addresses than loopback, says why, and counts it", async () => {
      await using storm = await startStormdb("--bind", "0.0.0.0");
      const client = await storm.connect();
      const stranger = await RawClient.connect(storm.port, outer);
      expect(await stranger.read()).toMatch(
        /^-DENIED StormDB is running in protected mode .*\r\n$/,
      );
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
  },
);

describe("unixsocket", () => {
  test("serves beside TCP, with the mode asked for, and is removed at exit", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-unix-"));
    const path = join(folder, "socket");
    await using storm = await startWithSocket(path, "--unixsocketperm", "700");
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
      await using killed = await startWithSocket(path);
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
    await using storm = await startWithSocket(path);
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
    await using storm = await startWithSocket(path);
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

describe.skipIf(skips(process.platform === "linux" ? "" : "it needs Linux"))(
  "the system's limit on open files",
  () => {
    test("lowers maxclients, so that the one too many is told and nothing spins", async () => {
      const port = await freePort();
      const folder = mkdtempSync(join(tmpdir(), "stormdb-files-"));
      const child = Bun.spawn(
        [
          ...["bash", "-c", `ulimit -n 64; exec "$0" server --port "$1" --bind 127.0.0.1`],
          ...[BINARY, String(port)],
        ],
        { cwd: folder, stdout: "pipe", stderr: "pipe" },
      );
      await until("it answers", () => isReachable(port, "127.0.0.1"));
      const clients: RawClient[] = [];
      const replies: string[] = [];
      for (let i = 0; i < 80; i++) {
        const client = await RawClient.connect(port);
        clients.push(client);
        replies.push(await client.call("PING"));
      }
      const served = replies.filter((reply) => reply === "+PONG\r\n");
      const told = replies.filter((reply) => reply === "-ERR max number of clients reached\r\n");
      expect({ served: served.length, told: told.length }).toEqual({ served: 32, told: 48 });
      clients[0]!.write("SHUTDOWN NOSAVE\r\n");
      expect(await child.exited).toEqual(0);
      expect(await child.stdout.text()).toContain(
        "maxclients has been reduced from 10000 to 32: the system's limit on open files is 64",
      );
      for (const client of clients) client.close();
      rmSync(folder, { recursive: true });
    });
  },
);

describe("timeout", () => {
  test("idle clients are closed; slow readers and paused clients are not idle", async () => {
    await using storm = await startStormdb("--timeout", "1");
    const busy = await storm.connect();
    await busy.call("SET", "big", "x".repeat(1 << 20));
    const slow = await ByteSocket.connect(storm.port);
    await slow.write("CLIENT SETNAME slow\r\n");
    await slow.text(5);
    slow.pause();
    await slow.write("GET big\r\n".repeat(80));
    const owed = async () => {
      const list = await readClients(busy, "LIST");
      return Number(list.find(({ name }) => name === "slow")?.omem ?? 0);
    };
    const paused = await storm.connect();
    await busy.call("CLIENT", "PAUSE", "100000", "WRITE");
    paused.write("SET a 1\r\n");
    // Twice the time after which a client that does nothing is closed.
    for (let round = 0; round < 2; round++) {
      const idle = await storm.connect();
      for (let i = 0; !idle.isClosed; i++) {
        await busy.call("PING");
        await Bun.sleep(10);
        if (i % 20 !== 0) continue;
        slow.resume();
        await slow.digest(3 << 20);
        slow.pause();
      }
    }
    expect(await owed()).toBeGreaterThan(0);
    expect([slow.isClosed, paused.isClosed, busy.isClosed]).toEqual([false, false, false]);
    await busy.call("CLIENT", "UNPAUSE");
    expect(await paused.read()).toEqual("+OK\r\n");
    slow.close();
  });
});
