/** Channels, patterns and shard channels. */
import type { ReplyWriter } from "../../protocol/reply-writer.ts";
import type { Kind, PubSub, Subscriber } from "../../pubsub/pubsub.ts";
import type { Client } from "./client.ts";

export type PubSubService<C extends Client = Client> = Pick<
  PubSub<Subscriber>,
  "listenerCount" | "nameCount" | "names" | "publish" | "publishToShard"
> & {
  subscribe(client: C, kind: Kind, name: string): void;
  unsubscribe(client: C, kind: Kind, name: string): void;
  pushTo(client: C, write: (writer: ReplyWriter) => void): void;
};
