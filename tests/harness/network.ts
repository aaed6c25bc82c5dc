/**
 * Hosts of a test's own: network namespaces that hang on a switch, another namespace with a bridge.
 * Nothing of it is in the network of the machine. The test speaks to servers there over Unix
 * sockets, so that it reaches those, too, that are cut off.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, ConnectionError } from "../../src/client/client.ts";
import { BINARY, DataFolder, REDIS_CLI, until } from "./processes.ts";
import { plainValue, type Value } from "./reply-value.ts";
import { REDIS_SENTINEL, SENTINEL_PERIODS } from "./sentinel.ts";

const SERVER_PORT = 6379;

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString().trim()}`);
}

/** Namespaces that a test has not removed, because it was ended. */
const left = new Set<string>();
process.on("exit", () => {
  for (const name of left) Bun.spawnSync(["ip", "netns", "delete", name]);
});

let made = 0;

function addNamespace(): string {
  const name = `stormdb-${process.pid}-${made++}`;
  run("ip", "netns", "add", name);
  left.add(name);
  return name;
}

function removeNamespace(name: string): void {
  run("ip", "netns", "delete", name);
  left.delete(name);
}

/** How packets are kept from a host. */
export type Cut = "link down" | "packets vanish";

export class Network implements Disposable {
  readonly #switch = addNamespace();
  readonly #hosts: string[] = [];

  constructor() {
    run("ip", "-n", this.#switch, "link", "add", "bridge0", "type", "bridge");
    run("ip", "-n", this.#switch, "link", "set", "bridge0", "up");
  }

  /** Adds a host; returns its index. */
  addHost(): number {
    const index = this.#hosts.length;
    const host = addNamespace();
    this.#hosts.push(host);
    const veth = ["type", "veth", "peer", "name", "eth0", "netns", host];
    run("ip", "-n", this.#switch, "link", "add", `port${index}`, ...veth);
    run("ip", "-n", host, "address", "add", `${this.addressOf(index)}/24`, "dev", "eth0");
    for (const device of ["lo", "eth0"]) run("ip", "-n", host, "link", "set", device, "up");
    run("ip", "-n", this.#switch, "link", "set", `port${index}`, "master", "bridge0", "up");
    return index;
  }

  addressOf(index: number): string {
    return `10.0.0.${index + 1}`;
  }

  /** The command as one that runs on the host, in the same process. */
  on(index: number, ...command: string[]): string[] {
    return ["ip", "netns", "exec", this.#hosts[index]!, ...command];
  }

  cut(index: number, how: Cut): void {
    const state = how === "link down" ? "down" : "nomaster";
    run("ip", "-n", this.#switch, "link", "set", `port${index}`, state);
  }

  heal(index: number): void {
    run("ip", "-n", this.#switch, "link", "set", `port${index}`, "master", "bridge0", "up");
  }

  [Symbol.dispose](): void {
    for (const host of [...this.#hosts, this.#switch]) removeNamespace(host);
  }
}

/** Why there can be no such networks here, or "". */
export function networkMissing(): string {
  if (Bun.which("ip") === null) return "ip (iproute2) is not installed";
  try {
    using network = new Network();
    run(...network.on(network.addHost(), "true"));
    return "";
  } catch (error) {
    return `network namespaces cannot be made: ${(error as Error).message}`;
  }
}

/** A redis-sentinel on the host of a server. */
export class HostSentinel implements AsyncDisposable {
  readonly #network: Network;
  readonly #host: number;
  readonly #folder = new DataFolder();
  readonly #child: Bun.Subprocess;

  private constructor(network: Network, host: number, settings: readonly string[]) {
    this.#network = network;
    this.#host = host;
    const lines = ["protected-mode no", `dir ${this.#folder.path}`, ...settings];
    const configPath = join(this.#folder.path, "sentinel.conf");
    writeFileSync(configPath, `${lines.join("\n")}\n`);
    this.#child = Bun.spawn(network.on(host, REDIS_SENTINEL!, configPath), {
      stdout: Bun.file(this.#logPath),
      stderr: Bun.file(this.#logPath),
    });
  }

  static async start(network: Network, host: number, ...settings: string[]): Promise<HostSentinel> {
    const sentinel = new HostSentinel(network, host, settings);
    try {
      await until("the sentinel answers", async () => {
        return (await sentinel.ask("SENTINEL", "DEBUG", ...SENTINEL_PERIODS)) === "OK";
      });
    } catch (error) {
      await sentinel[Symbol.asyncDispose]();
      throw error;
    }
    return sentinel;
  }

  get #logPath(): string {
    return join(this.#folder.path, "log");
  }

  log(): string {
    return readFileSync(this.#logPath, "latin1");
  }

  /** What redis-cli prints. */
  async ask(...words: string[]): Promise<string> {
    const command = this.#network.on(this.#host, REDIS_CLI!, "-p", "26379", ...words);
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "ignore" });
    return (await child.stdout.text()).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#folder[Symbol.dispose]();
  }
}

/** StormDB on a host of its own. */
export class HostServer implements AsyncDisposable {
  /** Of its host. */
  readonly index: number;
  readonly address: string;
  readonly port = SERVER_PORT;
  readonly #folder = new DataFolder();
  readonly #child: Bun.Subprocess;
  #client: Client | null = null;

  private constructor(network: Network, directives: readonly string[]) {
    const host = network.addHost();
    this.index = host;
    this.address = network.addressOf(host);
    const lines = [
      `port ${SERVER_PORT}`,
      "protected-mode no",
      `dir ${this.#folder.path}`,
      `unixsocket ${this.#socketPath}`,
      'save ""',
      "enable-debug-command yes",
      ...directives,
    ];
    writeFileSync(this.#configPath, `${lines.join("\n")}\n`);
    this.#child = Bun.spawn(network.on(host, BINARY, "server", this.#configPath), {
      stdout: Bun.file(this.#logPath),
      stderr: Bun.file(this.#logPath),
    });
  }

  static async start(network: Network, ...directives: string[]): Promise<HostServer> {
    const server = new HostServer(network, directives);
    try {
      await until("the server answers on its Unix socket", () =>
        server.ask("PING").then(
          () => true,
          () => false,
        ),
      );
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get #configPath(): string {
    return join(this.#folder.path, "server.conf");
  }

  get #socketPath(): string {
    return join(this.#folder.path, "server.sock");
  }

  get #logPath(): string {
    return join(this.#folder.path, "log");
  }

  log(): string {
    return readFileSync(this.#logPath, "latin1");
  }

  get config(): string[] {
    return readFileSync(this.#configPath, "utf8").split("\n");
  }

  /** The connection is made anew where Sentinel has closed it at a change of role. */
  async ask(...words: string[]): Promise<Value> {
    for (;;) {
      this.#client ??= await Client.connect({ host: "", port: 0, path: this.#socketPath });
      try {
        return plainValue(await this.#client.call(words));
      } catch (error) {
        if (!(error instanceof ConnectionError) || this.#child.exitCode !== null) throw error;
        this.#client = null;
      }
    }
  }

  /** All fields of INFO. */
  async info(): Promise<Record<string, string>> {
    const lines = String(await this.ask("INFO")).split("\r\n");
    return Object.fromEntries(
      lines.map((line) => [line.split(":", 1)[0]!, line.slice(line.indexOf(":") + 1)]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.close();
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#folder[Symbol.dispose]();
  }
}
