/** Every command of the server. */
import { ACL_COMMANDS } from "./acl.ts";
import { BITMAP_COMMANDS } from "./bitmaps.ts";
import { BLOCKING_LIST_COMMANDS } from "./blocking-lists.ts";
import { BLOCKING_SORTED_SET_COMMANDS } from "./blocking-sorted-sets.ts";
import { BOUNDED_INCREMENT_COMMANDS } from "./bounded-increment.ts";
import { CLUSTER_COMMANDS } from "./cluster.ts";
import { COMPARISON_COMMANDS } from "./comparisons.ts";
import { CONNECTION_COMMANDS } from "./connection.ts";
import { DEBUG_COMMAND_SPECS } from "./debug.ts";
import { EXPIRY_COMMANDS } from "./expiry.ts";
import { GEO_COMMANDS } from "./geo.ts";
import { GEO_AREA_COMMANDS } from "./geo-areas.ts";
import { HASH_EXPIRY_COMMANDS } from "./hash-expiry.ts";
import { HASH_SCAN_COMMANDS } from "./hash-scans.ts";
import { HASH_COMMANDS } from "./hashes.ts";
import { HYPERLOGLOG_COMMANDS } from "./hyperloglog.ts";
import { INTROSPECTION_COMMANDS } from "./introspection.ts";
import { KEY_COMMANDS } from "./keys.ts";
import { LATENCY_COMMANDS } from "./latency.ts";
import { LIST_COMMANDS } from "./lists.ts";
import { MEMORY_COMMANDS } from "./memory.ts";
import { MULTI_SET_COMMANDS } from "./multi-set.ts";
import { PERSISTENCE_COMMANDS } from "./persistence.ts";
import { PUBSUB_COMMANDS } from "./pubsub.ts";
import { REPLICATION_COMMANDS } from "./replication.ts";
import { SERVER_COMMANDS } from "./server.ts";
import { SET_ALGEBRA_COMMANDS } from "./set-algebra.ts";
import { SET_DRAW_COMMANDS } from "./set-draws.ts";
import { SET_COMMANDS } from "./sets.ts";
import { SORT_COMMANDS } from "./sort.ts";
import { SORTED_SET_ALGEBRA_COMMANDS } from "./sorted-set-algebra.ts";
import { SORTED_SET_RANGE_COMMANDS } from "./sorted-set-ranges.ts";
import { SORTED_SET_COMMANDS } from "./sorted-sets.ts";
import type { CommandSpec } from "./spec/command.ts";
import { STRING_COMMANDS } from "./strings.ts";
import { TRANSACTION_COMMANDS } from "./transactions.ts";

export const COMMANDS: readonly CommandSpec[] = [
  ...STRING_COMMANDS,
  ...BOUNDED_INCREMENT_COMMANDS,
  ...MULTI_SET_COMMANDS,
  ...COMPARISON_COMMANDS,
  ...LIST_COMMANDS,
  ...BLOCKING_LIST_COMMANDS,
  ...BITMAP_COMMANDS,
  ...SORTED_SET_COMMANDS,
  ...SORTED_SET_RANGE_COMMANDS,
  ...HYPERLOGLOG_COMMANDS,
  ...SET_COMMANDS,
  ...SET_DRAW_COMMANDS,
  ...GEO_COMMANDS,
  ...GEO_AREA_COMMANDS,
  ...HASH_COMMANDS,
  ...HASH_EXPIRY_COMMANDS,
  ...SET_ALGEBRA_COMMANDS,
  ...HASH_SCAN_COMMANDS,
  ...SORTED_SET_ALGEBRA_COMMANDS,
  ...BLOCKING_SORTED_SET_COMMANDS,
  ...KEY_COMMANDS,
  ...SORT_COMMANDS,
  ...EXPIRY_COMMANDS,
  ...CONNECTION_COMMANDS,
  ...PUBSUB_COMMANDS,
  ...TRANSACTION_COMMANDS,
  ...PERSISTENCE_COMMANDS,
  ...REPLICATION_COMMANDS,
  ...SERVER_COMMANDS,
  ...MEMORY_COMMANDS,
  ...ACL_COMMANDS,
  ...CLUSTER_COMMANDS,
  ...LATENCY_COMMANDS,
  ...INTROSPECTION_COMMANDS,
  ...DEBUG_COMMAND_SPECS,
];
