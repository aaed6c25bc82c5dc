/**
 * Channels and who listens to them. A message is encoded once for each protocol that its receivers
 * speak, and every receiver gets the same range of bytes. Clients choose the names, so that they
 * are looked up by a keyed hash (base/name-table.ts).
 *
 * Three kinds of names: channels, patterns that channels match, and shard channels, which without
 * a cluster are only another set of channels.
 */
import { latin1 } from "../base/bytes.ts";
import { Glob } from "../base/glob.ts";
import type { Hash } from "../base/key-hash.ts";
import { Named, NameTable } from "../base/name-table.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";

export const CHANNEL = 0;
export const PATTERN = 1;
export const SHARD = 2;
export type Kind = typeof CHANNEL | typeof PATTERN | typeof SHARD;
const KINDS = [CHANNEL, PATTERN, SHARD] as const;
/** The first element of a message, by kind, as it is sent. */
const MARKS = ["message", "pmessage", "smessage"].map((mark) =>
  latin1(`$${mark.length}\r\n${mark}\r\n`),
);

/** A channel or pattern that somebody listens to. */
export class Channel extends Named<Channel> {
  readonly kind: Kind;
  readonly listeners = new Set<Subscriber>();
  /** Of a pattern. */
  readonly glob: Glob | null;

  constructor(kind: Kind, name: string, hash: number) {
    super(name, hash);
    this.kind = kind;
    this.glob = kind === PATTERN ? new Glob(name) : null;
  }
}

/** What one client listens to. */
export class Subscriptions {
  readonly channels: readonly Set<Channel>[] = [new Set(), new Set(), new Set()];

  count(kind: Kind): number {
    return this.channels[kind]!.size;
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
  /** The push for clients of this protocol is written here. */
  pushWriter(protocol: number): ReplyWriter;
  /** Gives the client what stands from `from` to `to` in the writer of its protocol. */
  push(client: S, protocol: number, from: number, to: number): void;
}

export class PubSub<S extends Subscriber> {
  readonly #outlet: Outlet<S>;
  readonly #tables: readonly NameTable<Channel>[];
  /** Where the message stands in the writer of each protocol; a start of -1 before it has been encoded. */
  readonly #starts = [-1, -1, -1, -1];
  readonly #ends = [0, 0, 0, 0];

  constructor(outlet: Outlet<S>, hash: Hash) {
    this.#outlet = outlet;
    this.#tables = KINDS.map(
      (kind) => new NameTable<Channel>(hash, (name, hashed) => new Channel(kind, name, hashed)),
    );
  }

  /** The channel that was subscribed to first of those of the kind; others follow by `after`. */
  first(kind: Kind): Channel | null {
    return this.#tables[kind]!.first;
  }

  /** Whether anybody listens to a channel or a pattern. */
  get hasListeners(): boolean {
    return this.#tables[CHANNEL]!.size + this.#tables[PATTERN]!.size > 0;
  }

  /** Names that somebody listens to. */
  nameCount(kind: Kind): number {
    return this.#tables[kind]!.size;
  }

  listenerCount(kind: Kind, bytes: Uint8Array, from: number, length: number): number {
    return this.#tables[kind]!.find(bytes, from, length)?.listeners.size ?? 0;
  }

  subscribe(client: S, kind: Kind, bytes: Uint8Array, from: number, length: number): void {
    const channel = this.#tables[kind]!.findOrAdd(bytes, from, length);
    client.subscriptions ??= new Subscriptions();
    client.subscriptions.channels[kind]!.add(channel);
    channel.listeners.add(client);
  }

  unsubscribe(client: S, kind: Kind, bytes: Uint8Array, from: number, length: number): void {
    const channel = this.#tables[kind]!.find(bytes, from, length);
    if (channel !== null) this.leave(client, channel);
  }

  /** The client does not listen to the channel any more, if it did. */
  leave(client: S, channel: Channel): void {
    if (!channel.listeners.delete(client)) return;
    const own = client.subscriptions!;
    own.channels[channel.kind]!.delete(channel);
    if (own.total === 0) client.subscriptions = null;
    if (channel.listeners.size === 0) this.#tables[channel.kind]!.remove(channel);
  }

  unsubscribeAll(client: S): void {
    for (const channels of client.subscriptions?.channels ?? []) {
      for (const channel of channels) this.leave(client, channel);
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

  /**
   * Sends `length` bytes of `bytes` from `from` on to the channel, whose name is the first
   * `nameLength` bytes of `names` from `nameFrom` on; returns how many got them.
   */
  publish(
    names: Uint8Array,
    nameFrom: number,
    nameLength: number,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): number {
    let receivers = 0;
    const channel = this.#tables[CHANNEL]!.find(names, nameFrom, nameLength);
    if (channel !== null) {
      receivers += this.#send(channel, names, nameFrom, nameLength, bytes, from, length);
    }
    let pattern = this.#tables[PATTERN]!.first;
    for (; pattern !== null; pattern = pattern.after) {
      if (!pattern.glob!.matches(names, nameFrom, nameLength)) continue;
      receivers += this.#send(pattern, names, nameFrom, nameLength, bytes, from, length);
    }
    return receivers;
  }

  /** The same for a shard channel. */
  publishToShard(
    names: Uint8Array,
    nameFrom: number,
    nameLength: number,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): number {
    const channel = this.#tables[SHARD]!.find(names, nameFrom, nameLength);
    if (channel === null) return 0;
    return this.#send(channel, names, nameFrom, nameLength, bytes, from, length);
  }

  #send(
    to: Channel,
    names: Uint8Array,
    nameFrom: number,
    nameLength: number,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): number {
    const outlet = this.#outlet;
    const starts = this.#starts;
    const ends = this.#ends;
    starts[2] = -1;
    starts[3] = -1;
    for (const client of to.listeners as Set<S>) {
      const { protocol } = client;
      if (starts[protocol]! < 0) {
        const writer = outlet.pushWriter(protocol);
        starts[protocol] = writer.at;
        writer.push(to.kind === PATTERN ? 4 : 3);
        writer.raw(MARKS[to.kind]!);
        if (to.kind === PATTERN) writer.text(to.name);
        writer.bulk(names, nameFrom, nameLength);
        writer.bulk(bytes, from, length);
        ends[protocol] = writer.at;
      }
      outlet.push(client, protocol, starts[protocol]!, ends[protocol]!);
    }
    return to.listeners.size;
  }
}
