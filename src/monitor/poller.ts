/**
 * Reads the server once per interval with one pipelined batch, over one connection that it makes
 * anew, with growing delays, whenever it is lost.
 */
import type { Client } from "../client/client.ts";
import { ConnectionError } from "../client/client.ts";
import { connectTo, type Target, targetName } from "../client/target.ts";
import type { Reply } from "../protocol/reply-parser.ts";
import { History } from "./history.ts";
import type { ClientLine, Live, SlowCommand } from "./live.ts";
import { type Reading, ratesBetween, readInfo, SECTIONS } from "./reading.ts";
import { KeySampler, NO_SAMPLE } from "./sampler.ts";

/** What to ask for besides INFO. */
export interface Wants {
  readonly slowlog: number;
  readonly clients: boolean;
  readonly keys: boolean;
}

const RETRY_DELAYS_MS = [250, 500, 1000, 2000, 5000];
const PATIENCE_MS = 5000;
/** CLIENT LIST is asked for less often where there are more clients than this. */
const CLIENTS_PER_INTERVAL = 500;

/** The server answers, but with an error that leaves nothing to show. */
class Refusal extends Error {}

export class Poller {
  readonly live: Live;
  wants: Wants = { slowlog: 0, clients: false, keys: false };
  /** Called when there is something new to show. */
  onChange: () => void = () => {};
  readonly #target: Target;
  #intervalMs: number;
  #client: Client | null = null;
  #sampler = new KeySampler();
  #failures = 0;
  #stopped = false;
  #asksSections = true;
  #lastReadMs = Number.NaN;
  #clientsReadMs = Number.NEGATIVE_INFINITY;
  #wake: () => void = () => {};

  constructor(target: Target, intervalMs: number) {
    this.#target = target;
    this.#intervalMs = intervalMs;
    this.live = {
      target: targetName(target),
      link: { kind: "connecting" },
      reading: null,
      rates: null,
      history: new History(),
      slowlog: [],
      clients: [],
      sample: NO_SAMPLE,
    };
  }

  /** Polls until it is stopped. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const startMs = performance.now();
      let delayMs = this.#intervalMs;
      try {
        await this.#read();
      } catch (error) {
        delayMs = this.#fail(error);
      }
      if (this.#stopped) break;
      this.onChange();
      await this.#sleep(Math.max(0, startMs + delayMs - performance.now()));
    }
    this.#drop();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** The next reading comes now, and then in this interval. */
  setInterval(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#wake();
  }

  /** Reads what is wanted besides INFO, without a new sample for the charts. */
  async readDetails(): Promise<void> {
    if (this.#client === null || this.live.reading === null) return;
    try {
      await this.#patiently(this.#details(this.#client, this.live.reading));
      this.onChange();
    } catch (error) {
      // The next poll finds and tells what is wrong with the connection.
      if (!(error instanceof ConnectionError)) throw error;
    }
  }

  /** One poll. Throws ConnectionError or Refusal. */
  async #read(): Promise<void> {
    const { live } = this;
    const client = await this.#connected();
    const before = live.reading;
    const [text] = await this.#patiently(
      Promise.all([this.#info(client), before === null ? null : this.#details(client, before)]),
    );
    const nowMs = performance.now();
    const reading = readInfo(text, nowMs);
    if (before !== null && before.runId !== reading.runId) this.#sampler = new KeySampler();
    live.rates = before === null ? null : ratesBetween(before, reading);
    live.reading = reading;
    // Time without readings is a gap in the charts.
    const missed = Math.floor((nowMs - this.#lastReadMs) / this.#intervalMs) - 1;
    for (let i = 0; i < Math.min(missed, live.history.capacity); i++) live.history.push(null);
    this.#lastReadMs = nowMs;
    live.history.push({
      operations: live.rates?.operations ?? Number.NaN,
      keys: reading.keys,
      usedBytes: reading.usedBytes,
      clients: reading.clients,
      receivedBytes: live.rates?.receivedBytes ?? Number.NaN,
      sentBytes: live.rates?.sentBytes ?? Number.NaN,
      hitRatio: live.rates?.hitRatio ?? Number.NaN,
      cpu: live.rates?.cpu ?? Number.NaN,
    });
    if (before === null) await this.#patiently(this.#details(client, reading));
    live.link = { kind: "up" };
    this.#failures = 0;
  }

  async #connected(): Promise<Client> {
    if (this.#client !== null && !this.#client.ended) return this.#client;
    this.#drop();
    let refused = "";
    const client = await this.#patiently(
      connectTo(this.#target, 2, (command, error) => {
        refused ||= `${command}: ${error}`;
      }),
    );
    if (refused !== "" || this.#stopped) {
      client.close();
      throw new Refusal(refused);
    }
    this.#client = client;
    // Tells who this is in CLIENT LIST, and whether a password is missing: INFO with all its
    // sections is too long for a server that does not know its client.
    const reply = await this.#patiently(client.call(["CLIENT", "SETNAME", "stormdb-monitor"]));
    if (reply.kind === "error" && reply.text.startsWith("NOAUTH")) throw new Refusal(reply.text);
    return client;
  }

  async #info(client: Client): Promise<string> {
    let reply = await client.call(["INFO", ...(this.#asksSections ? SECTIONS : ["all"])]);
    if (reply.kind === "error" && /syntax/i.test(reply.text) && this.#asksSections) {
      // Before 7.0 INFO took one section.
      this.#asksSections = false;
      reply = await client.call(["INFO", "all"]);
    }
    if (reply.kind === "bulk" || reply.kind === "verbatim") return reply.text;
    throw new Refusal(reply.kind === "error" ? reply.text : "INFO was answered with no text");
  }

  /** What a server refuses of this stays empty: it may not allow these commands. */
  async #details(client: Client, reading: Reading): Promise<void> {
    const { live, wants } = this;
    const asked: Promise<void>[] = [];
    if (wants.slowlog > 0) {
      asked.push(
        client.call(["SLOWLOG", "GET", String(wants.slowlog)]).then((reply) => {
          live.slowlog = readSlowlog(reply);
        }),
      );
    }
    const nowMs = performance.now();
    const clientsDelayMs =
      Math.floor(reading.clients / CLIENTS_PER_INTERVAL) * this.#intervalMs - this.#intervalMs / 2;
    if (wants.clients && nowMs - this.#clientsReadMs >= clientsDelayMs) {
      this.#clientsReadMs = nowMs;
      asked.push(
        client.call(["CLIENT", "LIST"]).then((reply) => {
          live.clients = reply.kind === "bulk" ? readClients(reply.text) : [];
        }),
      );
    }
    if (wants.keys) {
      const call = (args: readonly string[]) => client.call(args);
      asked.push(
        this.#sampler
          .step(call, reading.policy, () => performance.now())
          .then((sample) => {
            live.sample = sample;
          }),
      );
    }
    await Promise.all(asked);
  }

  /** Returns the delay until the next attempt. */
  #fail(error: unknown): number {
    if (!(error instanceof ConnectionError || error instanceof Refusal)) throw error;
    this.#drop();
    const delayMs = RETRY_DELAYS_MS[Math.min(this.#failures++, RETRY_DELAYS_MS.length - 1)]!;
    const reason = error.message.replace(/^Could not connect to .* at .*?: /, "");
    this.live.link = { kind: "down", reason, retryAtMs: performance.now() + delayMs };
    return delayMs;
  }

  #drop(): void {
    this.#client?.close();
    this.#client = null;
  }

  /** A server that hangs is as good as lost. */
  async #patiently<T>(answer: Promise<T>): Promise<T> {
    let timer: Timer | undefined;
    const patience = new Promise<never>((_, fail) => {
      timer = setTimeout(
        () => fail(new ConnectionError(`No answer for ${PATIENCE_MS / 1000} seconds`)),
        PATIENCE_MS,
      );
    });
    // Whichever comes second has nobody waiting for it.
    answer.catch(() => {});
    try {
      return await Promise.race([answer, patience]);
    } finally {
      clearTimeout(timer);
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }
}

function textOf(reply: Reply | undefined): string {
  return reply !== undefined && "text" in reply ? reply.text : "";
}

export function readSlowlog(reply: Reply): SlowCommand[] {
  if (reply.kind !== "array") return [];
  return reply.items.flatMap((entry) => {
    if (entry.kind !== "array") return [];
    const [id, unixSeconds, usec, args, address, name] = entry.items;
    return [
      {
        id: Number(textOf(id)),
        unixSeconds: Number(textOf(unixSeconds)),
        usec: Number(textOf(usec)),
        args: args?.kind === "array" ? args.items.map(textOf) : [],
        address: textOf(address),
        name: textOf(name),
      },
    ];
  });
}

export function readClients(text: string): ClientLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      Object.fromEntries(
        line.split(" ").map((field) => {
          const equals = field.indexOf("=");
          return [field.slice(0, equals), field.slice(equals + 1)];
        }),
      ),
    );
}
