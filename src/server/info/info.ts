/** The text of INFO: Redis's sections, each with its figures, a line each. */
import { type Figure, flag, valueText } from "../../base/figure.ts";
import type { Log } from "../../base/log.ts";
import { type ClientsSource, clientFigures } from "./clients.ts";
import { type CommandsSource, commandFigures, errorFigures, latencyFigures } from "./commands.ts";
import { cpuFigures } from "./cpu.ts";
import { type KeyspaceSource, keyspaceFigures } from "./keyspace.ts";
import { type MemoryFiguresSource, memoryFigures } from "./memory.ts";
import { type PersistenceSource, persistenceFigures } from "./persistence.ts";
import { type ReplicationSource, replicationFigures } from "./replication.ts";
import { type ServerSource, serverFigures } from "./server.ts";
import { type StatsSource, statsFigures } from "./stats.ts";

/** What all sections together read. */
export type InfoSource = ServerSource &
  ClientsSource &
  MemoryFiguresSource &
  PersistenceSource &
  StatsSource &
  ReplicationSource &
  CommandsSource &
  KeyspaceSource & { readonly log: Log };

/** In Redis's order. */
const SECTIONS: Readonly<Record<string, (source: InfoSource) => Figure[]>> = {
  Server: serverFigures,
  Clients: clientFigures,
  Memory: memoryFigures,
  Persistence: persistenceFigures,
  Stats: statsFigures,
  Replication: replicationFigures,
  CPU: cpuFigures,
  Modules: () => [],
  Commandstats: commandFigures,
  Errorstats: errorFigures,
  Latencystats: latencyFigures,
  Cluster: () => [flag("cluster_enabled", false)],
  Keyspace: keyspaceFigures,
};

/** What `INFO` without arguments leaves out. */
const NOT_BY_DEFAULT = new Set(["Commandstats", "Latencystats"]);

/** What can be asked for, in lower case. */
const ASKABLE: ReadonlySet<string> = new Set([
  "all",
  "default",
  "everything",
  ...Object.keys(SECTIONS).map((title) => title.toLowerCase()),
]);

export function infoText(source: InfoSource, wanted: readonly string[]): string {
  // Only names that mean something: others, of which there may be very many, are never hashed.
  const names = new Set(
    wanted.map((name) => name.toLowerCase()).filter((name) => ASKABLE.has(name)),
  );
  const everything = names.has("all") || names.has("everything");
  const usual = wanted.length === 0 || names.has("default");
  const parts: string[] = [];
  for (const [title, read] of Object.entries(SECTIONS)) {
    const isWanted = everything || names.has(title.toLowerCase());
    if (!isWanted && !(usual && !NOT_BY_DEFAULT.has(title))) continue;
    let part = `# ${title}\r\n`;
    for (const figure of figuresOf(source, title, read)) {
      part += `${figure.name}:${valueText(figure)}\r\n`;
    }
    parts.push(part);
  }
  return parts.join("\r\n");
}

/** A section that cannot be read leaves the others to those who watch the server. */
function figuresOf(
  source: InfoSource,
  title: string,
  read: (source: InfoSource) => Figure[],
): Figure[] {
  try {
    return read(source);
  } catch (error) {
    source.log.warning(`INFO cannot tell of ${title}: ${(error as Error).stack}`);
    return [];
  }
}
