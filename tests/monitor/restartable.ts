/** A server on one port that ends and comes back while something looks at it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, freePort, until } from "../harness/processes.ts";
import { RawClient } from "../harness/raw-client.ts";

export class RestartableServer implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "stormdb-monitored-"));
  #child: Bun.Subprocess | null = null;

  private constructor(readonly port: number) {}

  /** A port of its own, and no server on it yet. */
  static async reserve(): Promise<RestartableServer> {
    return new RestartableServer(await freePort());
  }

  async start(): Promise<void> {
    const options = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", ""];
    this.#child = Bun.spawn([BINARY, "server", ...options, "--appendonly", "yes"], {
      cwd: this.#folder,
      stdout: "ignore",
      stderr: "ignore",
    });
    await until("the server answers", () =>
      this.call("PING").then(
        (reply) => reply.startsWith("+PONG"),
        () => false,
      ),
    );
  }

  async call(...args: string[]): Promise<string> {
    const client = await RawClient.connect(this.port);
    const reply = await client.call(...args);
    client.close();
    return reply;
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
