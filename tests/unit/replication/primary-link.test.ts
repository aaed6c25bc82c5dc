/** The replica's handshake against a scripted primary, its replies cut at every byte and joined. */
import { describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { Log } from "../../../src/base/log.ts";
import { type LinkSink, PrimaryLink } from "../../../src/replication/primary-link.ts";
import { until } from "../../harness/processes.ts";
import { FakeServer } from "../../harness/replication.ts";

const ID = "0123456789abcdef0123456789abcdef01234567";
const MARK = `${"m".repeat(39)}x`;

/** What the primary says in all, from PING's answer on. */
interface Script {
  readonly name: string;
  readonly offset: { readonly replid: string; readonly offset: number } | null;
  /** The other server is asked to take over. */
  readonly handsOver?: boolean;
  /** What the data sink throws for every piece. */
  readonly failure?: string;
  /** One answer for each question: PING, listening-port, capa, PSYNC. */
  readonly answers: readonly string[];
  readonly events: readonly string[];
}

const DATA = `REDIS${MARK.slice(0, 39)}not the mark${MARK.slice(0, 20)}`;
const SCRIPTS: readonly Script[] = [
  {
    name: "CONTINUE",
    offset: { replid: ID, offset: 41 },
    answers: ["+PONG\r\n", "+OK\r\n", "+OK\r\n", `+CONTINUE ${ID}\r\nthe stream`],
    events: [`continue ${ID}`, "online", "stream:the stream"],
  },
  {
    name: "CONTINUE without an id",
    offset: { replid: ID, offset: 41 },
    answers: ["+PONG\r\n", "-ERR what\r\n", "-ERR what\r\n", "\n\n+CONTINUE\r\nthe stream"],
    events: [`continue ${ID}`, "online", "stream:the stream"],
  },
  {
    name: "data by length",
    offset: null,
    answers: [
      "+PONG\r\n",
      "+OK\r\n",
      "+OK\r\n",
      `\n+FULLRESYNC ${ID} 7\r\n\n\n\n$${DATA.length}\r\n${DATA}the stream`,
    ],
    events: [`data ${ID} 7`, `taken:${DATA}`, "finish", "online", "stream:the stream"],
  },
  {
    name: "data by mark",
    offset: null,
    answers: [
      "+PONG\r\n",
      "+OK\r\n",
      "+OK\r\n",
      `+FULLRESYNC ${ID} 7\r\n\n$EOF:${MARK}\r\n${DATA}${MARK}`,
    ],
    events: [`data ${ID} 7`, `taken:${DATA}`, "finish", "online"],
  },
  {
    name: "no data, by length",
    offset: null,
    answers: ["+PONG\r\n", "+OK\r\n", "+OK\r\n", `+FULLRESYNC ${ID} 7\r\n$0\r\nthe stream`],
    events: [`data ${ID} 7`, "finish", "online", "stream:the stream"],
  },
];

/** Runs the link against the script; `cut` splits all that the primary says in two. */
async function play(script: Script, cut: number): Promise<{ events: string[]; asked: string }> {
  const events: string[] = [];
  const add = (kind: string, bytes: Uint8Array) => {
    const text = Buffer.from(bytes).toString("latin1");
    const last = events.length - 1;
    // Pieces of one kind are one.
    if (events[last]?.startsWith(kind)) events[last] += text;
    else if (text !== "") events.push(`${kind}${text}`);
  };
  const sink: LinkSink = {
    offset: () => script.offset,
    onContinue: (replid) => events.push(`continue ${replid}`),
    onHandedOver: () => events.push("handed over"),
    beginData: (replid, offset) => {
      events.push(`data ${replid} ${offset}`);
      return {
        take: (bytes) => {
          if (script.failure !== undefined) throw new Error(script.failure);
          add("taken:", bytes);
        },
        finish: async () => {
          await Promise.resolve();
          events.push("finish");
        },
        abandon: () => events.push("abandon"),
      };
    },
    onOnline: () => events.push("online"),
    onStream: (bytes) => add("stream:", bytes),
    onBytes: () => {},
    // It connects again, and all of it comes again.
    onLost: () => {
      if (!isStopping) events.push("lost");
      isStopping = true;
    },
  };
  let isStopping = false;
  let asked = "";
  // All answers at once would be before the questions: each goes out with its own.
  const answer = (socket: Socket) => {
    let next = 0;
    let sent = 0;
    const send = async (text: string) => {
      const bytes = Buffer.from(text, "latin1");
      const at = cut - sent;
      sent += bytes.length;
      if (at <= 0 || at >= bytes.length) socket.write(bytes);
      else {
        socket.write(bytes.subarray(0, at));
        await new Promise((done) => setImmediate(done));
        await Bun.sleep(0);
        socket.write(bytes.subarray(at));
      }
    };
    socket.on("data", (chunk) => {
      asked += chunk.toString("latin1");
      const questions = asked.split(/\*[0-9]+\r\n/).length - 1;
      for (; next < Math.min(questions, script.answers.length); next++) send(script.answers[next]!);
    });
  };
  using fake = await FakeServer.listen(answer);
  const log = new Log();
  log.level = "nothing";
  const settings = {
    host: "127.0.0.1",
    port: fake.port,
    user: "",
    password: "",
    announceIp: "",
    announcePort: 6380,
    timeoutMs: 60000,
  };
  const link = new PrimaryLink(() => settings, sink, log, script.handsOver);
  try {
    const wanted = script.events.join("|").length;
    await until(`all has come, cut at ${cut}: ${JSON.stringify(script.events)}`, () => {
      return events.join("|").length >= wanted;
    });
  } finally {
    link.stop();
  }
  return { events, asked };
}

const GREETING = ["+PONG\r\n", "+OK\r\n", "+OK\r\n"];
const KNOWN = { replid: ID, offset: 41 };

describe("what a primary must not answer to PSYNC closes the link", () => {
  test.each([
    [`+FULLRESYNC ${ID} ${"9".repeat(400)}`],
    [`+FULLRESYNC ${ID} 9223372036854775807`],
    [`+FULLRESYNC ${ID} 1e3`],
    [`+FULLRESYNC ${ID} -1`],
    [`+FULLRESYNC ${ID}`],
    [`+FULLRESYNC ${ID.toUpperCase()} 7`],
    [`+FULLRESYNC ${ID}0 7`],
    ["+FULLRESYNC zzz 7"],
    ["+CONTINUE zzz\x1b[31m"],
    [`+CONTINUE ${ID}0`],
    [`+CONTINUE ${ID.slice(1)}`],
    ["+WHAT"],
  ])("%j", async (answer) => {
    const { events } = await play(
      {
        name: "",
        offset: KNOWN,
        answers: [...GREETING, `${answer}\r\nthe stream`],
        events: ["lost"],
      },
      0,
    );
    expect(events).toEqual(["lost"]);
  });

  test("+CONTINUE to a replica that knows no offset", async () => {
    const answers = [...GREETING, `+CONTINUE ${ID}\r\n`];
    const { events } = await play({ name: "", offset: null, answers, events: ["lost"] }, 0);
    expect(events).toEqual(["lost"]);
  });

  test("a length of the data that is no safe integer", async () => {
    const answers = [...GREETING, `+FULLRESYNC ${ID} 7\r\n$${"9".repeat(30)}\r\nx`];
    const { events } = await play({ name: "", offset: null, answers, events: ["lost"] }, 0);
    expect(events).toEqual(["lost"]);
  });
});

test("data that cannot be taken closes the link, wherever it is cut", async () => {
  const script: Script = {
    name: "",
    offset: null,
    failure: "damaged",
    answers: [...GREETING, `+FULLRESYNC ${ID} 7\r\n$${DATA.length}\r\n${DATA}`],
    events: [`data ${ID} 7`, "abandon", "lost"],
  };
  const length = script.answers.join("").length;
  for (const cut of [0, length - DATA.length - 5, length - DATA.length, length - 3]) {
    expect({ cut, events: (await play(script, cut)).events }).toEqual({
      cut,
      events: [...script.events],
    });
  }
});

describe("FAILOVER", () => {
  test("the target takes over with its answer", async () => {
    const answers = [...GREETING, `+CONTINUE ${ID}\r\n`];
    const events = ["handed over", `continue ${ID}`, "online"];
    const script = { name: "", offset: KNOWN, handsOver: true, answers, events };
    const played = await play(script, 0);
    expect(played.events).toEqual(events);
    expect(played.asked).toEndWith("$8\r\nFAILOVER\r\n");
  });

  test("the target refuses", async () => {
    const answers = [...GREETING, "-ERR PSYNC FAILOVER replid must match my replid.\r\n"];
    const script = { name: "", offset: KNOWN, handsOver: true, answers, events: ["lost"] };
    expect((await play(script, 0)).events).toEqual(["lost"]);
  });

  /** The target's answers on each connection that is made; `null` closes it instead. */
  async function handOver(psyncAnswers: readonly (string | null)[]): Promise<string[]> {
    const events: string[] = [];
    const answers = [...psyncAnswers];
    using fake = await FakeServer.listen((socket: Socket) => {
      socket.on("data", (chunk) => {
        for (const [, command] of chunk.toString("latin1").matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
          if (command !== "PSYNC") socket.write(command === "PING" ? "+PONG\r\n" : "+OK\r\n");
          else {
            events.push(chunk.includes("FAILOVER") ? "asked" : "psync");
            const answer = answers.shift() ?? null;
            if (answer === null) socket.destroy();
            else socket.write(answer);
          }
        }
      });
    });
    const log = new Log();
    log.level = "nothing";
    const settings = {
      host: "127.0.0.1",
      port: fake.port,
      user: "",
      password: "",
      announceIp: "",
      announcePort: 6380,
      timeoutMs: 60000,
    };
    const link: PrimaryLink = new PrimaryLink(
      () => settings,
      {
        offset: () => KNOWN,
        onContinue: (replid) => events.push(`continue ${replid}`),
        onHandedOver: () => events.push("handed over"),
        beginData: () => ({ take() {}, finish: async () => {}, abandon() {} }),
        onOnline: () => events.push("online"),
        onStream() {},
        onBytes() {},
        onLost: () => events.push(link.isHandoverOpen ? "lost, open" : "lost"),
      },
      log,
      true,
    );
    try {
      await until("the target is followed", () => events.includes("online"));
    } finally {
      link.stop();
    }
    return events;
  }

  test("the connection is lost before the answer, and the target had not taken over", async () => {
    expect(await handOver([null, null, `+CONTINUE ${ID}\r\n`])).toEqual([
      ...["asked", "lost, open", "asked", "lost, open"],
      ...["asked", "handed over", `continue ${ID}`, "online"],
    ]);
  });

  test("the connection is lost before the answer, and the target had taken over", async () => {
    const refusal = "-ERR PSYNC FAILOVER can't be sent to a master.\r\n";
    expect(await handOver([null, refusal, `+CONTINUE ${ID}\r\n`])).toEqual([
      ...["asked", "lost, open", "asked", "handed over", "psync", `continue ${ID}`, "online"],
    ]);
  });

  test("a target that was a primary before is a refusal", async () => {
    const refusal = "-ERR PSYNC FAILOVER can't be sent to a master.\r\n";
    expect(await handOver([refusal, `+CONTINUE ${ID}\r\n`])).toEqual([
      ...["asked", "lost", "psync", `continue ${ID}`, "online"],
    ]);
  });
});

test("while the data is loaded the stream stays with the primary", async () => {
  let sent = 0;
  let isFull = false;
  const streamBytes = 64 << 20;
  using fake = await FakeServer.listen((socket: Socket) => {
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      if (text.includes("PSYNC")) {
        socket.write(`+FULLRESYNC ${ID} 7\r\n$1\r\nx`);
        const piece = Buffer.alloc(1 << 20, "s");
        const write = () => {
          while (sent < streamBytes) {
            sent += piece.length;
            if (!socket.write(piece)) {
              isFull = true;
              break;
            }
          }
        };
        socket.on("drain", write);
        write();
      } else socket.write(text.includes("PING") ? "+PONG\r\n" : "+OK\r\n");
    });
  });
  const log = new Log();
  log.level = "nothing";
  let received = 0;
  let stream = 0;
  let loaded = () => {};
  const settings = {
    host: "127.0.0.1",
    port: fake.port,
    user: "",
    password: "",
    announceIp: "",
    announcePort: 6380,
    timeoutMs: 60000,
  };
  const link = new PrimaryLink(
    () => settings,
    {
      offset: () => null,
      onContinue() {},
      onHandedOver() {},
      beginData: () => ({
        take() {},
        finish: () =>
          new Promise((done) => {
            loaded = done;
          }),
        abandon() {},
      }),
      onOnline() {},
      onStream: (bytes) => {
        stream += bytes.length;
      },
      onBytes: (count) => {
        received += count;
      },
      onLost() {},
    },
    log,
  );
  try {
    await until("the socket is full", () => isFull && received > 0);
    // As long as any way leads to more of it, it would have come by now.
    for (let i = 0; i < 200; i++) await new Promise((done) => setImmediate(done));
    expect(received).toBeLessThan(4 << 20);
    expect(stream).toEqual(0);
    loaded();
    await until("all of the stream has come", () => stream === streamBytes);
  } finally {
    link.stop();
  }
});

describe.each(SCRIPTS)("$name", (script) => {
  const length = script.answers.join("").length;

  test("each answer whole", async () => {
    const { asked, events } = await play(script, 0);
    expect(events).toEqual([...script.events]);
    const from = script.offset === null ? ["?", "-1"] : [script.offset.replid, "42"];
    expect(asked.replace(/\r\n/g, " ")).toContain(
      `PSYNC $${from[0]!.length} ${from[0]} $${from[1]!.length} ${from[1]}`,
    );
  });

  test("cut at every byte", async () => {
    for (let first = 1; first < length; first += 8) {
      const cuts = Array.from({ length: Math.min(8, length - first) }, (_, i) => first + i);
      const played = await Promise.all(cuts.map((cut) => play(script, cut)));
      expect(played.map(({ events }, i) => [cuts[i], events])).toEqual(
        cuts.map((cut) => [cut, [...script.events]]),
      );
    }
  });
});
