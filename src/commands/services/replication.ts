/** Roles, replicas, WAIT and FAILOVER. */
import type { Client } from "./client.ts";

/** A replica, as ROLE and INFO show it. */
export interface ReplicaView {
  readonly ip: string;
  readonly port: number;
  readonly ackPosition: number;
}

export interface FailoverTarget {
  readonly host: string;
  readonly port: number;
}

export interface ReplicationService<C extends Client = Client> {
  readonly isReplica: boolean;
  /** FAILOVER is under way. */
  readonly isFailingOver: boolean;
  /** The replication offset. */
  readonly position: number;
  /** Whether commands have to be propagated to replicas. */
  readonly wantsCommands: boolean;
  /** This server's primary, with the link's state in Redis's words; null for a primary. */
  readonly primaryView: {
    readonly host: string;
    readonly port: number;
    readonly state: string;
  } | null;
  replicaViews(): ReplicaView[];
  /** REPLICAOF host port: this server becomes a replica. */
  replicateFrom(host: string, port: number): void;
  /** REPLICAOF NO ONE: this server becomes a primary. */
  promote(): void;
  /** REPLCONF: what a replica announces before PSYNC. */
  announce(client: C, field: "port" | "ip" | "capa" | "rdb-only", value: string): void;
  acknowledge(client: C, position: number): void;
  /**
   * PSYNC: the client becomes a replica that has the stream `replid` up to `position`. Returns an
   * error text or "".
   */
  acceptReplica(client: C, replid: string, position: number): string;
  /** PSYNC FAILOVER: the primary hands its role to this replica. Returns an error text or "". */
  takeOver(replid: string): string;
  /** How many replicas have acknowledged the offset. */
  countAt(position: number): number;
  /** An offset behind everything that the client has written; 0 if it has written nothing. */
  lastWriteOf(client: C): number;
  /** WAIT: blocks the client until `count` replicas have acknowledged the offset; 0 ms: no timeout. */
  waitForAcks(client: C, position: number, count: number, timeoutMs: number): void;
  /** Hands this server's role to a replica. Returns an error text or "". */
  failover(target: FailoverTarget | null, timeoutMs: number, force: boolean): string;
  abortFailover(): string;
}
