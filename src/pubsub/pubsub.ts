/**
 * Channels and who listens to them. A message is encoded once for each protocol that its receivers
 * speak, and every receiver gets the same range of bytes. Names are texts of one character a byte.
 *
 * Three kinds of names: channels, patterns that channels match, and shard channels, which without
 * a cluster are only another set of channels.
 */
import { globMatch } from "../base/glob.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";

export const CHANNEL = 0;
export const PATTERN = 1;
export const SHARD = 2;
export type Kind = typeof CHANNEL | typeof PATTERN | typeof SHARD;

/** What one client listens to, by kind. */
export class Subscriptions {
  readonly names: readonly Set<string>[] = [new Set(), new Set(), new Set()];

  count(kind: Kind): number {
    return this.names[kind]!.size;
  }

  get total(): number {
    return this.count(CHANNEL) + this.count(PATTERN) + this.count(SHARD);
  }
}

export interface Subscriber {
  /** 2 or 3. */
  readonly protocol: number;
  /** Null as long as there are none. */
  subscriptions: Subscriptions | null;
}

/** Where messages go. */
export interface Outlet<S> {
  /** What is to be pushed to clients of this protocol is written here. */
  pushWriter(protocol: number): ReplyWriter;
  /** Gives the client what stands from `from` to `to` in the writer of its protocol. */
  push(client: S, protocol: number, from: number, to: number): void;
}

export class PubSub<S extends Subscriber> {
  readonly #outlet: Outlet<S>;
  /** Listeners by name, by kind. */
  readonly #listeners: readonly Map<string, Set<S>>[] = [new Map(), new Map(), new Map()];
  /** Where the message stands in the writer of each protocol; a start of -1 before it has been encoded. */
  readonly #starts = [-1, -1, -1, -1];
  readonly #ends = [0, 0, 0, 0];

  constructor(outlet: Outlet<S>) {
    this.#outlet = outlet;
  }

  /** Names that somebody listens to. */
  names(kind: Kind): Iterable<string> {
    return this.#listeners[kind]!.keys();
  }

  /** Whether anybody listens to a channel or a pattern. */
  get hasListeners(): boolean {
    return this.#listeners[CHANNEL]!.size + this.#listeners[PATTERN]!.size > 0;
  }

  nameCount(kind: Kind): number {
    return this.#listeners[kind]!.size;
  }

  listenerCount(kind: Kind, name: string): number {
    return this.#listeners[kind]!.get(name)?.size ?? 0;
  }

  subscribe(client: S, kind: Kind, name: string): void {
    client.subscriptions ??= new Subscriptions();
    client.subscriptions.names[kind]!.add(name);
    const listeners = this.#listeners[kind]!;
    const present = listeners.get(name);
    if (present === undefined) listeners.set(name, new Set([client]));
    else present.add(client);
  }

  unsubscribe(client: S, kind: Kind, name: string): void {
    const own = client.subscriptions;
    if (own === null || !own.names[kind]!.delete(name)) return;
    if (own.total === 0) client.subscriptions = null;
    const listeners = this.#listeners[kind]!;
    const present = listeners.get(name)!;
    present.delete(client);
    if (present.size === 0) listeners.delete(name);
  }

  unsubscribeAll(client: S): void {
    for (const kind of [CHANNEL, PATTERN, SHARD] as const) {
      for (const name of client.subscriptions?.names[kind] ?? []) {
        this.unsubscribe(client, kind, name);
      }
    }
  }

  /** Pushes what `write` writes to the client alone. */
  pushTo(client: S, write: (writer: ReplyWriter) => void): void {
    const { protocol } = client;
    const writer = this.#outlet.pushWriter(protocol);
    const from = writer.at;
    write(writer);
    this.#outlet.push(client, protocol, from, writer.at);
  }

  /** Sends `length` bytes of `bytes` from `from` on to the channel; returns how many got them. */
  publish(channel: string, bytes: Uint8Array, from: number, length: number): number {
    let receivers = 0;
    const direct = this.#listeners[CHANNEL]!.get(channel);
    if (direct !== undefined) {
      receivers += this.#send(direct, "message", null, channel, bytes, from, length);
    }
    for (const [pattern, clients] of this.#listeners[PATTERN]!) {
      if (!globMatch(pattern, channel)) continue;
      receivers += this.#send(clients, "pmessage", pattern, channel, bytes, from, length);
    }
    return receivers;
  }

  /** The same for a shard channel. */
  publishToShard(channel: string, bytes: Uint8Array, from: number, length: number): number {
    const clients = this.#listeners[SHARD]!.get(channel);
    if (clients === undefined) return 0;
    return this.#send(clients, "smessage", null, channel, bytes, from, length);
  }

  #send(
    clients: Set<S>,
    mark: string,
    pattern: string | null,
    channel: string,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): number {
    const outlet = this.#outlet;
    const starts = this.#starts;
    const ends = this.#ends;
    starts[2] = -1;
    starts[3] = -1;
    for (const client of clients) {
      const { protocol } = client;
      if (starts[protocol]! < 0) {
        const writer = outlet.pushWriter(protocol);
        starts[protocol] = writer.at;
        writer.push(pattern === null ? 3 : 4);
        writer.text(mark);
        if (pattern !== null) writer.text(pattern);
        writer.text(channel);
        writer.bulk(bytes, from, length);
        ends[protocol] = writer.at;
      }
      outlet.push(client, protocol, starts[protocol]!, ends[protocol]!);
    }
    return clients.size;
  }
}
