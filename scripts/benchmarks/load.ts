/**
 * The load of one measurement, in a process of its own so that it can be pinned to another core:
 *
 *     bun load.ts publish PORT SUBSCRIBERS PIPELINE MESSAGES BYTES
 *     bun load.ts blocking PORT ROUNDS
 *     bun load.ts exec PORT CLIENTS TRANSACTIONS COMMANDS
 *     bun load.ts expiry PORT KEYS SECONDS
 *     bun load.ts idle PORT CONNECTIONS
 *     bun load.ts stalls PORT PID
 *
 * Each prints one line of JSON; `stalls` prints one for every line that it reads.
 */
import { readFileSync } from "node:fs";
import type { Socket } from "bun";

const [kind, port, ...rest] = process.argv.slice(2);
const numbers = rest.map(Number);

type Receive = (chunk: Uint8Array) => void;

/** A connection that counts nothing itself; `receive` may be exchanged. */
class Line {
  receive: Receive = () => {};
  #socket!: Socket<Line>;
  /** What the socket did not take yet. */
  #unsent: Uint8Array[] = [];

  static async open(): Promise<Line> {
    const line = new Line();
    line.#socket = await Bun.connect<Line>({
      hostname: "127.0.0.1",
      port: Number(port),
      data: line,
      socket: {
        binaryType: "uint8array",
        data: (socket, chunk) => socket.data.receive(chunk),
        drain: (socket) => socket.data.#drain(),
        close: () => {},
      },
    });
    line.#socket.setNoDelay(true);
    return line;
  }

  write(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1) this.#drain();
  }

  #drain(): void {
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent[0]!;
      const sent = Math.max(0, this.#socket.write(bytes));
      if (sent < bytes.length) {
        this.#unsent[0] = bytes.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
  }

  /** Sends the bytes and waits for `count` bytes of replies. */
  ask(bytes: Uint8Array, count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = count;
    this.receive = (chunk) => {
      left -= chunk.length;
      if (left <= 0) resolve();
    };
    this.write(bytes);
    return promise;
  }
}

function command(...words: readonly string[]): Buffer {
  const bulks = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${bulks.join("")}`, "latin1");
}

/** Waits until the connection is through with everything so far. */
async function settled(line: Line): Promise<void> {
  await line.ask(command("PING"), 7);
}

async function publish(): Promise<object> {
  const [subscribers, pipeline, messages, bytes] = numbers as [number, number, number, number];
  const channel = "news";
  const message = `*3\r\n$7\r\nmessage\r\n$4\r\n${channel}\r\n$${bytes}\r\n${"x".repeat(bytes)}\r\n`;
  const expected = message.length * messages;
  const { promise, resolve } = Promise.withResolvers<void>();
  let missing = subscribers;
  for (let i = 0; i < subscribers; i++) {
    const line = await Line.open();
    await line.ask(command("SUBSCRIBE", channel), 33);
    let left = expected;
    line.receive = (chunk) => {
      left -= chunk.length;
      if (left === 0 && --missing === 0) resolve();
    };
  }
  const publisher = await Line.open();
  const call = command("PUBLISH", channel, "x".repeat(bytes));
  const batch = Buffer.concat(Array.from({ length: pipeline }, () => call));
  const replyBytes = `:${subscribers}\r\n`.length * pipeline;
  const started = performance.now();
  for (let i = 0; i < messages; i += pipeline) await publisher.ask(batch, replyBytes);
  await promise;
  return { seconds: (performance.now() - started) / 1000 };
}

async function blocking(): Promise<object> {
  const [rounds] = numbers as [number];
  const waiting = await Line.open();
  const pushing = await Line.open();
  const pop = command("BLPOP", "queue", "0");
  const push = command("LPUSH", "queue", "x");
  const latenciesUs: number[] = [];
  for (let i = 0; i < rounds; i++) {
    let started = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.receive = () => {
      latenciesUs.push((performance.now() - started) * 1000);
      resolve();
    };
    waiting.write(pop);
    // Its reply says that the other's request, sent before, has been read too.
    await settled(pushing);
    await settled(pushing);
    started = performance.now();
    const pushed = pushing.ask(push, 4);
    await promise;
    await pushed;
  }
  latenciesUs.sort((a, b) => a - b);
  return {
    medianUs: latenciesUs[latenciesUs.length >> 1],
    p99Us: latenciesUs[Math.floor(latenciesUs.length * 0.99)],
  };
}

async function exec(): Promise<object> {
  const [clients, transactions, commands] = numbers as [number, number, number];
  const each = Math.floor(transactions / clients);
  const sets = Array.from({ length: commands }, (_, i) => command("SET", `key:${i}`, "value"));
  const batch = Buffer.concat([command("MULTI"), ...sets, command("EXEC")]);
  const replyBytes = 5 + commands * 9 + `*${commands}\r\n`.length + commands * 5;
  const lines: Line[] = [];
  for (let i = 0; i < clients; i++) lines.push(await Line.open());
  const started = performance.now();
  await Promise.all(
    lines.map(async (line) => {
      for (let i = 0; i < each; i++) await line.ask(batch, replyBytes);
    }),
  );
  return { seconds: (performance.now() - started) / 1000 };
}

/** Keys carry their expiry in their name: the event tells how late it is. */
async function expiry(): Promise<object> {
  const [keys, seconds] = numbers as [number, number];
  const subscriber = await Line.open();
  await subscriber.ask(command("SUBSCRIBE", "__keyevent@0__:expired"), 52);
  const delaysMs: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  let text = "";
  subscriber.receive = (chunk) => {
    const nowMs = Date.now();
    text += Buffer.from(chunk).toString("latin1");
    let from = 0;
    for (;;) {
      const at = text.indexOf("key:", from);
      const end = at < 0 ? -1 : text.indexOf("\r\n", at);
      if (end < 0) break;
      delaysMs.push(nowMs - Number(text.slice(at + 4, text.indexOf(":", at + 4))));
      from = end;
    }
    text = text.slice(from);
    if (delaysMs.length === keys) resolve();
  };
  const writer = await Line.open();
  const startMs = Date.now() + 10_000;
  for (let i = 0; i < keys; i += 1000) {
    const batch: Buffer[] = [];
    for (let j = i; j < i + 1000; j++) {
      const expireAtMs = startMs + Math.floor(((j * 7919) % keys) * ((seconds * 1000) / keys));
      batch.push(command("SET", `key:${expireAtMs}:${j}`, "x", "PXAT", String(expireAtMs)));
    }
    await writer.ask(Buffer.concat(batch), 5000);
  }
  const loadedMs = Date.now();
  await promise;
  delaysMs.sort((a, b) => a - b);
  const at = (p: number) => delaysMs[Math.min(keys - 1, Math.floor(keys * p))];
  return { inTime: loadedMs < startMs, p50: at(0.5), p99: at(0.99), worst: at(1) };
}

/** Holds connections until its input ends. */
async function idle(): Promise<object> {
  const [connections] = numbers as [number];
  const lines: Line[] = [];
  for (let i = 0; i < connections; i++) lines.push(await Line.open());
  for (const line of lines) await settled(line);
  console.log(JSON.stringify({ connections: lines.length }));
  await Bun.stdin.text();
  return {};
}

/**
 * GETs one after another until it is killed; says for each line of input what the worst was since
 * the last line: on the clock, and in CPU time of the server's main thread, which other processes
 * on the machine do not lengthen.
 */
async function stalls(): Promise<object> {
  const [pid] = numbers as [number];
  const line = await Line.open();
  const get = command("GET", "absent");
  const cpuMs = () =>
    Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1").split(" ")[0]) / 1e6;
  let worst = { wallMs: 0, cpuMs: 0 };
  let startedMs = performance.now();
  let startedCpuMs = cpuMs();
  const note = () => {
    worst.wallMs = Math.max(worst.wallMs, performance.now() - startedMs);
    worst.cpuMs = Math.max(worst.cpuMs, cpuMs() - startedCpuMs);
  };
  process.stdin.on("data", () => {
    // The one under way counts with what it has taken so far.
    note();
    console.log(JSON.stringify(worst));
    worst = { wallMs: 0, cpuMs: 0 };
  });
  for (;;) {
    startedMs = performance.now();
    startedCpuMs = cpuMs();
    await line.ask(get, 5);
    note();
  }
}

const KINDS: Readonly<Record<string, () => Promise<object>>> = {
  publish,
  blocking,
  exec,
  expiry,
  idle,
  stalls,
};
console.log(JSON.stringify(await KINDS[kind!]!()));
process.exit(0);
