/** The poller against a server that is made up. */
import { describe, expect, test } from "bun:test";
import { Poller, readClients, readSlowlog } from "../../../src/monitor/poller.ts";
import { infoText } from "./readings.ts";

/** Answers commands by their first word; closes the connection on "close". */
class MadeUpServer implements Disposable {
  readonly commands: string[] = [];
  info: (args: readonly string[]) => string = () => bulk(infoText());
  setName = "+OK\r\n";
  readonly #listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket, chunk) => {
        // Commands come whole, and no argument has a line end in it.
        const lines = chunk.toString("latin1").split("\r\n").slice(0, -1);
        for (let at = 0; at < lines.length; ) {
          const count = Number(lines[at]!.slice(1));
          const args = Array.from({ length: count }, (_, i) => lines[at + 2 + i * 2]!);
          at += 1 + count * 2;
          this.commands.push(args.join(" "));
          const reply = this.#reply(args);
          if (reply === "close") socket.end();
          else socket.write(Buffer.from(reply, "latin1"));
        }
      },
    },
  });

  get target() {
    return {
      host: "127.0.0.1",
      port: this.#listener.port,
      path: undefined,
      user: undefined,
      password: undefined,
      database: 0,
      security: undefined,
    };
  }

  #reply(args: readonly string[]): string {
    if (args[0] === "CLIENT" && args[1] === "SETNAME") return this.setName;
    if (args[0] === "INFO") return this.info(args);
    return "-ERR unknown command\r\n";
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true);
  }
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** Polls until the condition holds after a change. */
async function poll(
  server: MadeUpServer,
  until: (poller: Poller) => boolean,
  wants?: Poller["wants"],
): Promise<Poller> {
  const poller = new Poller(server.target, 10);
  if (wants !== undefined) poller.wants = wants;
  await new Promise<void>((done, fail) => {
    poller.onChange = () => {
      if (until(poller)) {
        poller.stop();
        done();
      }
    };
    poller.run().catch(fail);
  });
  return poller;
}

/** INFO whose counters and time go on with each call. */
function counting(runId: () => string): () => string {
  let calls = 0;
  return () => {
    calls++;
    return bulk(
      infoText({
        run_id: runId(),
        server_time_usec: String(calls * 1_000_000),
        total_commands_processed: String(1000 + calls * 10),
        total_net_input_bytes: String(calls * 100),
      }),
    );
  };
}

describe("the poller", () => {
  test("reads, and rates of two readings", async () => {
    using server = new MadeUpServer();
    server.info = counting(() => "a1");
    const { live } = await poll(server, (poller) => poller.live.history.length === 3);
    expect(live.link).toEqual({ kind: "up" });
    expect(live.history.last("operations", 9)).toEqual([Number.NaN, 10, 10]);
    expect(server.commands.slice(0, 2)).toEqual([
      "CLIENT SETNAME stormdb-monitor",
      "INFO server clients memory persistence stats replication cpu commandstats latencystats keyspace",
    ]);
  });

  test("asks servers from before 7.0 for everything", async () => {
    using server = new MadeUpServer();
    server.info = (args) => (args.length > 2 ? "-ERR syntax error\r\n" : bulk(infoText()));
    const { live } = await poll(server, (poller) => poller.live.history.length === 2);
    expect(live.reading?.keys).toBe(1234);
    expect(server.commands.slice(2)).toEqual(["INFO all", "INFO all"]);
  });

  test("leaves out what the server refuses", async () => {
    using server = new MadeUpServer();
    server.setName = "-NOPERM no permissions\r\n";
    const wants = { slowlog: 5, clients: true, keys: true };
    const { live } = await poll(server, ({ live }) => live.history.length === 2, wants);
    expect([live.link.kind, live.slowlog, live.clients]).toEqual(["up", [], []]);
    expect(live.sample).toMatchObject({ hot: [], big: [], error: "ERR unknown command" });
  });

  test("tells why it cannot read", async () => {
    using server = new MadeUpServer();
    server.setName = "-NOAUTH Authentication required.\r\n";
    const { live } = await poll(server, ({ live }) => live.link.kind === "down");
    expect(live.link).toMatchObject({ reason: "NOAUTH Authentication required." });
    server.setName = "+OK\r\n";
    server.info = () => "-NOPERM no permissions\r\n";
    const refused = await poll(server, ({ live }) => live.link.kind === "down");
    expect(refused.live.link).toMatchObject({ reason: "NOPERM no permissions" });
  });

  test("comes back, with its history, a gap, and no rates over two lives", async () => {
    using server = new MadeUpServer();
    let runId = "a1";
    const next = counting(() => runId);
    let calls = 0;
    server.info = () => {
      calls++;
      if (calls === 4) runId = "b2";
      return calls === 3 ? "close" : next();
    };
    const links: string[] = [];
    const { live } = await poll(server, ({ live }) => {
      links.push(live.link.kind);
      return calls === 5;
    });
    expect(links).toEqual(["up", "up", "down", "up", "up"]);
    const operations = live.history.last("operations", 1000);
    expect(operations.slice(0, 2)).toEqual([Number.NaN, 10]);
    expect(operations.at(-1)).toBe(10);
    // 250 ms without readings, one each 10 ms, and the first of the new life.
    const gap = operations.slice(2, -1);
    expect(gap.length).toBeGreaterThan(10);
    expect(gap.filter((value) => !Number.isNaN(value))).toEqual([]);
  });
});

test("lines of CLIENT LIST", () => {
  expect(readClients("id=3 addr=1.2.3.4:5 name= lib-ver=1=2\nid=4 addr=\n")).toEqual([
    { id: "3", addr: "1.2.3.4:5", name: "", "lib-ver": "1=2" },
    { id: "4", addr: "" },
  ]);
  expect(readClients("")).toEqual([]);
});

test("entries of the slow log, with and without a client", () => {
  const integer = (text: string) => ({ kind: "integer" as const, text });
  const text = (value: string) => ({ kind: "bulk" as const, text: value });
  const args = { kind: "array" as const, items: [text("GET"), text("a")] };
  const old = { kind: "array" as const, items: [integer("1"), integer("100"), integer("5"), args] };
  const full = { ...old, items: [...old.items, text("1.2.3.4:5"), text("worker")] };
  const entry = { id: 1, unixSeconds: 100, usec: 5, args: ["GET", "a"] };
  expect(readSlowlog({ kind: "array", items: [old, full] })).toEqual([
    { ...entry, address: "", name: "" },
    { ...entry, address: "1.2.3.4:5", name: "worker" },
  ]);
  expect(readSlowlog({ kind: "error", text: "NOPERM" })).toEqual([]);
});
