/** INFO's section Clients. */
import { type Figure, gauge } from "../../base/figure.ts";
import type { Config } from "../configuration/config.ts";
import type { Connection } from "../connections/connection.ts";
import type { Blocking } from "../execution/blocking.ts";
import type { ClientPeaks } from "../figures/client-peaks.ts";
import type { KeyEvents } from "../keys/key-events.ts";

export interface ClientsSource {
  readonly clients: { readonly all: ReadonlyMap<number, Connection> };
  readonly config: Pick<Config, "number">;
  readonly blocking: Pick<Blocking, "keyCount" | "timedCount">;
  readonly events: Pick<KeyEvents, "watchedKeyCount">;
  readonly clientPeaks: ClientPeaks;
}

export function clientFigures(source: ClientsSource): Figure[] {
  const { blocking, clientPeaks, clients, config, events } = source;
  const nowMs = Date.now();
  let blocked = 0;
  let subscribers = 0;
  let watching = 0;
  for (const client of clients.all.values()) {
    if (client.isHeld) blocked++;
    if (client.subscriptions !== null) subscribers++;
    if (client.watches !== null) watching++;
    clientPeaks.note(client.inputBytes, client.outputBytes, nowMs);
  }
  return [
    gauge("connected_clients", clients.all.size),
    gauge("cluster_connections", 0),
    gauge("maxclients", config.number("maxclients")),
    gauge("client_recent_max_input_buffer", clientPeaks.inputBytes(nowMs)),
    gauge("client_recent_max_output_buffer", clientPeaks.outputBytes(nowMs)),
    gauge("blocked_clients", blocked),
    gauge("tracking_clients", 0),
    // Since Redis 7.4: those that subscribe and watch. Since 7.2: keys that block clients.
    gauge("pubsub_clients", subscribers),
    gauge("watching_clients", watching),
    gauge("clients_in_timeout_table", blocking.timedCount),
    gauge("total_watched_keys", events.watchedKeyCount),
    gauge("total_blocking_keys", blocking.keyCount),
    gauge("total_blocking_keys_on_nokey", 0),
  ];
}
