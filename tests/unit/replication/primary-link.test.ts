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
  readonly place: { readonly id: string; readonly position: number } | null;
  /** One answer for each question: PING, listening-port, capa, PSYNC. */
  readonly answers: readonly string[];
  readonly events: readonly string[];
}

const DATA = `REDIS${MARK.slice(0, 39)}not the mark${MARK.slice(0, 20)}`;
const SCRIPTS: readonly Script[] = [
  {
    name: "CONTINUE",
    place: { id: ID, position: 41 },
    answers: ["+PONG\r\n", "+OK\r\n", "+OK\r\n", `+CONTINUE ${ID}\r\nthe stream`],
    events: [`continue ${ID}`, "online", "stream:the stream"],
  },
  {
    name: "CONTINUE without an id",
    place: { id: ID, position: 41 },
    answers: ["+PONG\r\n", "-ERR what\r\n", "-ERR what\r\n", "\n\n+CONTINUE\r\nthe stream"],
    events: [`continue ${ID}`, "online", "stream:the stream"],
  },
  {
    name: "data by length",
    place: null,
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
    place: null,
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
    place: null,
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
    place: () => script.place,
    onContinue: (id) => events.push(`continue ${id}`),
    beginData: (id, position) => {
      events.push(`data ${id} ${position}`);
      return {
        take: (bytes) => add("taken:", bytes),
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
    onLost: () => events.push("lost"),
  };
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
  const link = new PrimaryLink(() => settings, sink, log);
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

describe.each(SCRIPTS)("$name", (script) => {
  const length = script.answers.join("").length;

  test("each answer whole", async () => {
    const { asked, events } = await play(script, 0);
    expect(events).toEqual([...script.events]);
    const from = script.place === null ? ["?", "-1"] : [script.place.id, "42"];
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
