/**
 * How long others wait while something happens to one very large value: the worst latency of GET
 * that a client in a process of its own sees, one request at a time, beside the worst that it sees
 * while nothing happens. Each is told on the clock and in CPU time of the server's main thread: the
 * latter leaves out what other processes of the machine take, but also the waiting for a disk.
 */
import { join } from "node:path";
import { type Contender, infoValue, onCore, option, quick, startOne } from "./contenders.ts";

const ELEMENTS = quick ? 400_000 : 4_000_000;
const TEXT_BYTES = quick ? 50_000_000 : 500_000_000;
const ELEMENTS_PER_CALL = 1000;
const IDLE_MS = quick ? 1000 : 5000;
/** What is still done after an event, in the background, falls into this time. */
const SETTLE_MS = 500;
const WRITE_PERIOD_MS = 20;
const VALUE = "value";
/** The value that is copied for each event which changes or ends it. */
const ORIGINAL = "original";

type Words = readonly string[];

/** A type of value in one of its forms; a new one is one more entry of FORMS. */
interface Form {
  readonly name: string;
  /** Makes ORIGINAL. */
  readonly fill: (server: Contender) => Promise<void>;
  /** Change VALUE in few places: at its start, in its middle, at its end. */
  readonly writes: readonly Words[];
  /** Commands of the type that a client expects to be quick, whatever the size. */
  readonly quick: readonly Words[];
  /** Those that have to visit all of it. */
  readonly whole: readonly Words[];
}

/** Fills by `command`, with the words of `element(i)` for each i. */
function filledBy(command: string, element: (index: number) => Words): Form["fill"] {
  return async (server) => {
    for (let i = 0; i < ELEMENTS; i += ELEMENTS_PER_CALL) {
      const words: string[] = [];
      for (let j = i; j < i + ELEMENTS_PER_CALL; j++) words.push(...element(j));
      await server.call(command, ORIGINAL, ...words);
    }
  };
}

const FORMS: readonly Form[] = [
  {
    name: `string of ${TEXT_BYTES / 1e6} MB`,
    fill: (server) => server.call("SETRANGE", ORIGINAL, String(TEXT_BYTES - 1), "x"),
    writes: [
      ["SETRANGE", VALUE, "0", "y"],
      ["SETRANGE", VALUE, String(TEXT_BYTES / 2), "y"],
      ["APPEND", VALUE, "y"],
    ],
    quick: [["GETRANGE", VALUE, "1000000", "1000100"]],
    whole: [["GET", VALUE]],
  },
  {
    name: `list of ${ELEMENTS / 1e6} M elements`,
    fill: filledBy("RPUSH", (i) => [`element:${i}`]),
    writes: [
      ["LPUSH", VALUE, "y"],
      ["LSET", VALUE, String(ELEMENTS / 2), "y"],
      ["RPUSH", VALUE, "y"],
    ],
    quick: [
      ["LTRIM", VALUE, "1", "-2"],
      ["LTRIM", VALUE, String(ELEMENTS / 2), "-1"],
      ["LREM", VALUE, "1", "element:10"],
      ["LINDEX", VALUE, String(ELEMENTS / 2)],
      ["LRANGE", VALUE, "0", "99"],
    ],
    whole: [
      ["LREM", VALUE, "0", "absent"],
      ["LPOS", VALUE, "absent"],
      ["LRANGE", VALUE, "0", "-1"],
    ],
  },
];

interface Stall {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** The client that measures. */
class Probe {
  readonly #process;
  readonly #lines: AsyncIterator<string>;

  constructor(server: Contender) {
    const load = join(import.meta.dir, "load.ts");
    const command = [process.execPath, load, "stalls", String(server.port), String(server.pid)];
    this.#process = Bun.spawn(onCore(1, command), {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#lines = linesOf(this.#process.stdout);
  }

  /** The worst since this was last asked. */
  async worst(): Promise<Stall> {
    this.#process.stdin.write("\n");
    const { value } = await this.#lines.next();
    return JSON.parse(value);
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop()!;
    yield* lines;
  }
}

/** Something that happens: prepared, then done. */
interface Event {
  readonly name: string;
  readonly prepare: (server: Contender) => Promise<void>;
  readonly run: (server: Contender, form: Form) => Promise<void>;
}

const renew = async (server: Contender) => {
  await server.call("DEL", VALUE);
  await server.call("COPY", ORIGINAL, VALUE);
};

async function isSaving(server: Contender): Promise<boolean> {
  for (const field of ["rdb_bgsave_in_progress", "aof_rewrite_in_progress"]) {
    if ((await infoValue(server, "persistence", field)) !== "0") return true;
  }
  return false;
}

/** Writes to the value, at once and again and again, while `busy`. */
async function writeWhile(
  server: Contender,
  form: Form,
  busy: () => Promise<boolean>,
): Promise<void> {
  do {
    for (const words of form.writes) await server.call(...words);
    await Bun.sleep(WRITE_PERIOD_MS);
  } while (await busy());
}

function rewrite(preamble: string): Event {
  return {
    name: `BGREWRITEAOF, aof-use-rdb-preamble ${preamble}, and writes`,
    prepare: async (server) => {
      await renew(server);
      await server.call("CONFIG", "SET", "aof-use-rdb-preamble", preamble);
    },
    run: async (server, form) => {
      await server.call("BGREWRITEAOF");
      await writeWhile(server, form, () => isSaving(server));
    },
  };
}

/** What a replica asks for, written nowhere. */
async function synchronize(server: Contender, form: Form): Promise<void> {
  const command = ["nice", "redis-cli", "-p", String(server.port), "--rdb", "-"];
  const client = Bun.spawn(onCore(1, command), { stdout: "ignore", stderr: "ignore" });
  await writeWhile(server, form, async () => client.exitCode === null);
  if (client.exitCode !== 0) throw new Error(`${server.name} does not synchronize`);
}

function calling(words: Words, name = words.join(" ")): Event {
  return { name, prepare: renew, run: (server) => server.call(...words) };
}

const IN_BACKGROUND: readonly Event[] = [
  {
    name: "BGSAVE, and writes",
    prepare: renew,
    run: async (server, form) => {
      await server.call("BGSAVE");
      await writeWhile(server, form, () => isSaving(server));
    },
  },
  rewrite("yes"),
  rewrite("no"),
  { name: "full synchronization, and writes", prepare: renew, run: synchronize },
];

const ENDS: readonly Event[] = [
  calling(["DEL", VALUE], "DEL"),
  calling(["UNLINK", VALUE], "UNLINK"),
  calling(["SET", VALUE, "y"], "SET over it"),
  {
    name: "RENAME onto it",
    prepare: async (server) => {
      await renew(server);
      await server.call("SET", "small", "y");
    },
    run: (server) => server.call("RENAME", "small", VALUE),
  },
  calling(["RENAME", VALUE, "other"], "RENAME of it"),
  {
    name: "expiry of it",
    prepare: renew,
    run: async (server) => {
      await server.call("PEXPIRE", VALUE, "50");
      await Bun.sleep(100);
    },
  },
];

const WHOLE: readonly Event[] = [
  calling(["COPY", VALUE, "other", "REPLACE"], "COPY"),
  calling(["DUMP", VALUE], "DUMP"),
];
const LAST: Event = { ...calling(["FLUSHALL"]), prepare: async () => {} };

function eventsOf(form: Form): { readonly event: Event; readonly isWhole: boolean }[] {
  const quick = [...IN_BACKGROUND, ...ENDS, ...form.quick.map((words) => calling(words))];
  const whole = [...WHOLE, ...form.whole.map((words) => calling(words))];
  return [
    ...quick.map((event) => ({ event, isWhole: false })),
    ...whole.map((event) => ({ event, isWhole: true })),
    { event: LAST, isWhole: false },
  ];
}

/** The worst during each event; the first one is that of no event. */
async function measureStalls(name: string, form: Form): Promise<Stall[]> {
  const server = await startOne(name, ["--repl-diskless-sync-delay", "0"]);
  await form.fill(server);
  const probe = new Probe(server);
  // The probe and the server are warm when it counts.
  await Bun.sleep(SETTLE_MS);
  await probe.worst();
  await Bun.sleep(IDLE_MS);
  const worst = [await probe.worst()];
  for (const { event } of eventsOf(form)) {
    await event.prepare(server);
    await Bun.sleep(SETTLE_MS);
    await probe.worst();
    await event.run(server, form);
    await Bun.sleep(SETTLE_MS);
    worst.push(await probe.worst());
    await server.call("DEL", "other");
  }
  await probe.stop();
  await server.stop();
  return worst;
}

function row(name: string, redis: Stall, storm: Stall, above: string): string {
  const figures = [redis.wallMs, redis.cpuMs, storm.wallMs, storm.cpuMs];
  return `| ${name} | ${figures.map((ms) => ms.toFixed(1)).join(" | ")} | ${above} |`;
}

export async function stalls(): Promise<void> {
  const wanted = option("--value");
  for (const form of FORMS) {
    if (wanted !== undefined && !form.name.startsWith(wanted)) continue;
    const redis = await measureStalls("redis-server", form);
    const storm = await measureStalls("StormDB", form);
    console.log(
      `\n| ${form.name}: worst GET of another client, ms | redis-server | its CPU | StormDB | its CPU | CPU above nothing |\n| --- | ---: | ---: | ---: | ---: | ---: |`,
    );
    console.log(row("nothing", redis[0]!, storm[0]!, ""));
    for (const [i, { event, isWhole }] of eventsOf(form).entries()) {
      const above = isWhole ? "" : (storm[i + 1]!.cpuMs - storm[0]!.cpuMs).toFixed(1);
      const name = isWhole ? `${event.name} (visits all)` : event.name;
      console.log(row(name, redis[i + 1]!, storm[i + 1]!, above));
    }
  }
}
