/** Who may do what: the password, and DEBUG. */
import type { AccessService } from "../../commands/services/access.ts";
import type { Config } from "../configuration/config.ts";
import type { Connection } from "../connections/connection.ts";

export class Access implements AccessService<Connection> {
  readonly #config: Config;

  constructor(config: Config) {
    this.#config = config;
  }

  get password(): string {
    return this.#config.text("requirepass");
  }

  mayDebug(client: Connection): boolean {
    const allowed = this.#config.text("enable-debug-command");
    return allowed === "yes" || (allowed === "local" && client.isLocal);
  }
}
