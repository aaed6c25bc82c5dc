/**
 * A primary, its replicas and real redis-sentinel processes that watch them, each with a folder
 * and a config file of its own, as on hosts of their own. Sentinels are told to ask more often
 * than once in ten seconds, so that tests need not wait for that.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BINARY,
  DataFolder,
  freePort,
  REDIS_CLI,
  REDIS_SERVER,
  type RunningServer,
  start,
  until,
} from "./processes.ts";
import { CONNECTION_CLOSED, RawClient } from "./raw-client.ts";
import { parseValue, type Value } from "./reply-value.ts";

export const REDIS_SENTINEL = Bun.which("redis-sentinel");

/** Why tests with sentinels cannot be run here, or "". */
export const SENTINEL_MISSING =
  REDIS_SENTINEL === null || REDIS_SERVER === null || REDIS_CLI === null
    ? "redis-sentinel, redis-server or redis-cli is not installed"
    : "";

export const GROUP_NAME = "storm";
const SENTINELS = 3;

export type Kind = "stormdb" | "redis";
type Directives = Readonly<Record<string, string>>;

/** What every server has that is watched. */
const SERVER_DIRECTIVES: Directives = {
  bind: "127.0.0.1",
  save: '""',
  "enable-debug-command": "yes",
  "repl-diskless-sync-delay": "0",
  "repl-ping-replica-period": "1",
};

/** All in ms; what is not here stays, so that what is known does not count as too old. */
export const SENTINEL_PERIODS = [
  ["INFO-PERIOD", "100"],
  ["ASK-PERIOD", "100"],
  ["PUBLISH-PERIOD", "200"],
  ["MIN-LINK-RECONNECT-PERIOD", "200"],
  ["ELECTION-TIMEOUT", "1000"],
].flat();

function configText(directives: Directives): string {
  return Object.entries(directives)
    .map(([name, value]) => `${name} ${value}\n`)
    .join("");
}

/** One command on a connection of its own, for the sentinels close those that are there. */
export async function ask(port: number, password: string, ...words: string[]): Promise<Value> {
  const client = await RawClient.connect(port);
  try {
    if (password !== "") await client.call("AUTH", password);
    return parseValue(await client.call(...words));
  } finally {
    client.close();
  }
}

/** A flat list of names and values, as Sentinel replies with. */
export function fieldsOf(value: Value): Record<string, string> {
  if (!Array.isArray(value)) throw new Error(`no fields: ${JSON.stringify(value)}`);
  const fields: Record<string, string> = {};
  for (let i = 0; i < value.length; i += 2) fields[String(value[i])] = String(value[i + 1]);
  return fields;
}

/** A server whose folder, port and config file outlive its process. */
export class Member implements AsyncDisposable {
  readonly kind: Kind;
  readonly port: number;
  readonly #password: string;
  readonly #folder = new DataFolder();
  #process: RunningServer | null = null;

  constructor(kind: Kind, port: number, password: string, directives: Directives) {
    this.kind = kind;
    this.port = port;
    this.#password = password;
    const own = { port: String(port), dir: this.#folder.path };
    writeFileSync(this.configPath, configText({ ...SERVER_DIRECTIVES, ...own, ...directives }));
  }

  get configPath(): string {
    return join(this.#folder.path, "server.conf");
  }

  get config(): string[] {
    return readFileSync(this.configPath, "utf8").split("\n");
  }

  async start(): Promise<void> {
    const command = this.kind === "redis" ? [REDIS_SERVER!] : [BINARY, "server"];
    this.#process = await start([...command, this.configPath], this.port, this.#folder.path, true);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = null;
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  output(): string {
    return this.#process?.output() ?? "";
  }

  ask(...words: string[]): Promise<Value> {
    return ask(this.port, this.#password, ...words);
  }

  async info(section: string): Promise<Record<string, string>> {
    const text = String(await this.ask("INFO", section));
    return Object.fromEntries(
      text
        .split("\r\n")
        .filter((line) => line.includes(":"))
        .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#folder[Symbol.dispose]();
  }
}

class Sentinel implements AsyncDisposable {
  readonly port: number;
  readonly #folder = new DataFolder();
  #process: RunningServer | null = null;

  constructor(port: number) {
    this.port = port;
  }

  async start(primaryPort: number, quorum: number, settings: readonly string[]): Promise<void> {
    const path = join(this.#folder.path, "sentinel.conf");
    const lines = [
      `port ${this.port}`,
      "bind 127.0.0.1",
      `dir ${this.#folder.path}`,
      `sentinel monitor ${GROUP_NAME} 127.0.0.1 ${primaryPort} ${quorum}`,
      ...settings.map((setting) => `sentinel ${setting}`),
    ];
    writeFileSync(path, `${lines.join("\n")}\n`);
    const command = [REDIS_SENTINEL!, path];
    this.#process = await start(command, this.port, this.#folder.path, true);
    await this.ask("SENTINEL", "DEBUG", ...SENTINEL_PERIODS);
  }

  ask(...words: string[]): Promise<Value> {
    return ask(this.port, "", ...words);
  }

  output(): string {
    return this.#process?.output() ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

export interface GroupOptions {
  /** The first is the primary. */
  readonly kinds: readonly Kind[];
  readonly password?: string;
  /** For all members, and for each. */
  readonly directives?: Directives;
  readonly own?: readonly Directives[];
  readonly sentinels?: number;
}

/** All of it. */
export class Group implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly sentinels: readonly Sentinel[];

  private constructor(members: readonly Member[], sentinels: readonly Sentinel[]) {
    this.members = members;
    this.sentinels = sentinels;
  }

  /** Starts everything and waits until each sentinel knows of all the others. */
  static async start(options: GroupOptions): Promise<Group> {
    if (!existsSync(BINARY)) throw new Error("build the binary first: scripts/build");
    const {
      directives = {},
      kinds,
      own = [],
      password = "",
      sentinels: count = SENTINELS,
    } = options;
    const ports: number[] = [];
    while (ports.length < kinds.length + count) {
      const port = await freePort();
      if (!ports.includes(port)) ports.push(port);
    }
    const secrets: Directives =
      password === "" ? {} : { requirepass: password, masterauth: password };
    const members = kinds.map((kind, i) => {
      const follows: Directives = i === 0 ? {} : { replicaof: `127.0.0.1 ${ports[0]}` };
      return new Member(kind, ports[i]!, password, {
        ...secrets,
        ...directives,
        ...follows,
        ...own[i],
      });
    });
    const sentinels = ports.slice(kinds.length).map((port) => new Sentinel(port));
    const group = new Group(members, sentinels);
    try {
      for (const member of members) await member.start();
      await group.settled();
      const settings = [
        `down-after-milliseconds ${GROUP_NAME} 1000`,
        `failover-timeout ${GROUP_NAME} 3000`,
        ...(password === "" ? [] : [`auth-pass ${GROUP_NAME} ${password}`]),
      ];
      await Promise.all(sentinels.map((one) => one.start(ports[0]!, (count >> 1) + 1, settings)));
      await group.#allKnown();
    } catch (error) {
      await group[Symbol.asyncDispose]();
      throw error;
    }
    return group;
  }

  async #allKnown(): Promise<void> {
    const others = this.sentinels.length - 1;
    for (const sentinel of this.sentinels) {
      await this.reached("a sentinel knows all the others, and they are well", async () => {
        const [primary, replicas, sentinels] = await Promise.all(
          ["MASTER", "REPLICAS", "SENTINELS"].map((what) =>
            sentinel.ask("SENTINEL", what, GROUP_NAME),
          ),
        );
        const known = (replicas as Value[]).map(fieldsOf);
        return (
          fieldsOf(primary!).flags === "master" &&
          known.length === this.members.length - 1 &&
          known.every((one) => one.flags === "slave" && one["master-link-status"] === "ok") &&
          (sentinels as Value[]).map(fieldsOf).filter(({ flags }) => flags === "sentinel")
            .length === others
        );
      });
    }
  }

  /** Waits; a failure brings along what all of them have logged. */
  async reached(what: string, condition: () => Promise<boolean>): Promise<void> {
    // Sentinel closes the connections of those whose role it changes.
    const tolerant = () =>
      condition().catch((error: Error) => {
        if (error.message === CONNECTION_CLOSED) return false;
        throw error;
      });
    try {
      await until(what, tolerant);
    } catch (error) {
      const logs = [...this.members, ...this.sentinels]
        .map((one) => `--- port ${one.port}\n${one.output().split("\n").slice(-60).join("\n")}`)
        .join("\n");
      throw new Error(`${(error as Error).message}\n${logs}`);
    }
  }

  /** The port of the primary, as each sentinel has it. */
  async primaryPorts(): Promise<number[]> {
    const addresses = await Promise.all(
      this.sentinels.map((one) => one.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP_NAME)),
    );
    return addresses.map((address) => Number((address as Value[])[1]));
  }

  /** Waits until the sentinels agree on a primary that is not `old`, which says so itself. */
  async newPrimary(old: Member): Promise<Member> {
    let found: Member | undefined;
    await this.reached("another primary is there", async () => {
      const ports = new Set(await this.primaryPorts());
      found = this.members.find(({ port }) => ports.has(port));
      if (ports.size !== 1 || found === undefined || found === old) return false;
      return (await found.info("replication")).role === "master";
    });
    return found!;
  }

  /** Waits until all that run follow the one primary and have all of its stream. */
  async settled(): Promise<void> {
    await this.reached("all follow the primary and have all of its stream", async () => {
      const running = this.members.filter(({ isRunning }) => isRunning);
      const infos = await Promise.all(running.map((one) => one.info("replication")));
      const primaries = infos.filter(({ role }) => role === "master");
      const primary = running[infos.findIndex(({ role }) => role === "master")]!;
      return (
        primaries.length === 1 &&
        infos.every(
          (info) =>
            info.master_repl_offset === primaries[0]!.master_repl_offset &&
            (info.role === "master" ||
              (info.master_link_status === "up" && info.master_port === `${primary.port}`)),
        )
      );
    });
  }

  /** The digests of all that run. */
  digests(): Promise<Value[]> {
    const running = this.members.filter(({ isRunning }) => isRunning);
    return Promise.all(running.map((one) => one.ask("DEBUG", "DIGEST")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [...this.sentinels, ...this.members]) await one[Symbol.asyncDispose]();
  }
}
