/** Channels, patterns and shard channels. */
import type { ReplyWriter } from "../../protocol/reply-writer.ts";
import type { Channel, Kind, PubSub, Subscriber } from "../../pubsub/pubsub.ts";
import type { Client } from "./client.ts";

export type PubSubService<C extends Client = Client> = Pick<
  PubSub<Subscriber>,
  "first" | "listenerCount" | "nameCount" | "publish" | "publishToShard"
> & {
  subscribe(client: C, kind: Kind, bytes: Uint8Array, from: number, length: number): void;
  unsubscribe(client: C, kind: Kind, bytes: Uint8Array, from: number, length: number): void;
  leave(client: C, channel: Channel): void;
  pushTo(client: C, write: (writer: ReplyWriter) => void): void;
};
