/**
 * Runs commands as the server does, without one: a keyspace, a context, and nothing else. For what
 * tests with a server cannot see: which command is propagated, and what a command leaves behind where
 * memory runs out in it.
 */
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { Clock } from "../../../src/base/clock.ts";
import { Random } from "../../../src/base/random.ts";
import { Context } from "../../../src/commands/context.ts";
import { COMMANDS } from "../../../src/commands/index.ts";
import type { Client } from "../../../src/commands/services/client.ts";
import type { Services } from "../../../src/commands/services/services.ts";
import { OutOfMemory } from "../../../src/memory/heap.ts";
import { Journal } from "../../../src/persistence/journal.ts";
import { ReplyWriter } from "../../../src/protocol/reply-writer.ts";
import { Request } from "../../../src/protocol/request.ts";
import { Keyspace } from "../../../src/store/keyspace.ts";

export const START_MS = Date.UTC(2026, 0, 1);

/** Directives that commands ask for. */
const DIRECTIVES: Readonly<Record<string, number>> = {
  "proto-max-bulk-len": 512 * 1024 * 1024,
  "hll-sparse-max-bytes": 3000,
};

const HANDLERS = new Map(COMMANDS.map(({ handler, name }) => [name, handler!]));

export class CommandRunner {
  readonly clock = new Clock();
  readonly space: Keyspace;
  readonly #reply = new ReplyWriter();
  readonly #journal = new Journal();
  readonly #context: Context;
  readonly #client: Client;
  /** The events of the last call: "set key". */
  events: string[] = [];
  dirty = 0;

  constructor() {
    this.clock.nowMs = START_MS;
    const { clock } = this;
    this.space = new Keyspace({ databases: 2, segments: 1, clock, random: new Random(1) });
    this.#client = { database: this.space.databases[0]! } as Client;
    const services = {
      config: { number: (name: string) => DIRECTIVES[name]! },
      persistence: { isValkey: false },
      events: {
        active: true,
        changed: (
          _: number,
          event: string,
          __: unknown,
          key: Uint8Array,
          from: number,
          n: number,
        ) => this.events.push(`${event} ${latin1Text(key, from, from + n)}`),
      },
    };
    this.#context = new Context(this.#reply, this.space, services as unknown as Services);
  }

  set protocol(protocol: 2 | 3) {
    this.#reply.protocol = protocol;
  }

  /** The reply in RESP; an error for a command that ran out of memory. */
  call(...words: string[]): string {
    const context = this.#context;
    const reply = this.#reply;
    const bytes = latin1(words.join(""));
    const request = new Request();
    request.bytes = bytes;
    let at = 0;
    for (const word of words) {
      request.push(at, word.length);
      at += word.length;
    }
    this.events = [];
    this.#journal.reset();
    reply.reset();
    context.begin(this.#client, request, this.#journal, false);
    try {
      HANDLERS.get(words[0]!.toLowerCase())!(context);
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      context.dirty = 0;
      return "-OOM\r\n";
    }
    this.dirty = context.dirty;
    if (context.dirty > 0 && !context.isPropagated) {
      this.#journal.begin(0, request.count).requestBody(request);
    }
    return latin1Text(reply.bytes, 0, reply.at);
  }

  /** What the last call propagated: one line a command, without the SELECT before the first. */
  get propagated(): string[] {
    const text = latin1Text(this.#journal.forReplicas());
    if (text === "") return [];
    const commands = text.split(/(?:^|(?<=\r\n))\*\d+\r\n/).slice(1);
    const lines = commands.map((command) =>
      command
        .split("\r\n")
        .filter((_, i) => i % 2 === 1)
        .join(" "),
    );
    return lines.filter((line) => line !== "SELECT 0");
  }

  /** Every key of the first database with its value as DUMP has it, and its expiry. */
  get state(): Record<string, string> {
    const state: Record<string, string> = {};
    const db = this.space.databases[0]!;
    const refs: number[] = [];
    for (let i = 0; i < db.bucketCount; i++) {
      for (const ref of refs.slice(0, db.readBucket(i, refs))) {
        const at = db.keyAt(ref);
        const key = latin1Text(db.bytesOf(ref), at, at + db.keyLength(ref));
        state[key] = "";
      }
    }
    for (const key of Object.keys(state)) {
      state[key] = `${this.call("DUMP", key)} ${this.call("PEXPIRETIME", key)}`;
    }
    return state;
  }
}
