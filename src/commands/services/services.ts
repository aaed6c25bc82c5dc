/** Everything that commands may ask of the server, by subject. */
import type { AccessService } from "./access.ts";
import type { BlockingService } from "./blocking.ts";
import type { Client, ClientsService } from "./client.ts";
import type { CommandsService } from "./commands.ts";
import type { ConfigService } from "./configuration.ts";
import type { ExpiryService } from "./expiry.ts";
import type { FiguresService } from "./figures.ts";
import type { KeyEventService } from "./key-events.ts";
import type { PersistenceService } from "./persistence.ts";
import type { ProcessService } from "./process.ts";
import type { PubSubService } from "./pubsub.ts";
import type { ReplicationService } from "./replication.ts";
import type { TransactionService } from "./transactions.ts";

/** `C` is the server's own class of clients: whoever implements a service gets no other. */
export interface Services<C extends Client = Client> {
  readonly access: AccessService<C>;
  readonly blocking: BlockingService<C>;
  readonly clients: ClientsService<C>;
  readonly commands: CommandsService;
  readonly config: ConfigService;
  readonly events: KeyEventService<C>;
  readonly expiry: ExpiryService;
  readonly figures: FiguresService;
  readonly persistence: PersistenceService;
  readonly process: ProcessService<C>;
  readonly pubsub: PubSubService<C>;
  readonly replication: ReplicationService<C>;
  readonly transactions: TransactionService<C>;
}
