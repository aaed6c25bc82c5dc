/** What clients ask to learn whether there is a cluster: there is none. */
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";
import type { CommandSpec } from "./spec/command.ts";
import { subcommands } from "./spec/subcommand.ts";

function refuse(c: Context): void {
  c.reply.error(errors.NO_CLUSTER);
}

const clusterCommand = subcommands({ group: "cluster", flags: "stale" });
const PER_NODE = {
  complexity: "O(N), N being the number of nodes",
  tips: "nondeterministic_output",
};

/** One of the commands that only mark a connection to a cluster's node. */
function mark(name: string, flags: string, summary: string): CommandSpec {
  return {
    name,
    group: "cluster",
    since: "3.0.0",
    complexity: "O(1)",
    summary,
    arity: 1,
    flags,
    categories: "connection",
    handler: refuse,
  };
}

export const CLUSTER_COMMANDS: readonly CommandSpec[] = [
  {
    name: "cluster",
    group: "cluster",
    since: "3.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for cluster commands; cluster mode is not supported.",
    arity: -2,
    flags: "",
    subcommands: [
      clusterCommand("info", "3.0.0", 2, "Describes the cluster.", refuse, {
        tips: "nondeterministic_output",
      }),
      clusterCommand("keyslot", "3.0.0", 3, "Returns the slot of a key.", refuse, {
        complexity: "O(N), N being the number of bytes of the key",
        syntax: "key/string",
      }),
      clusterCommand("links", "7.0.0", 2, "Returns the connections to nodes.", refuse, PER_NODE),
      clusterCommand("myid", "3.0.0", 2, "Returns the node's id.", refuse),
      clusterCommand("nodes", "3.0.0", 2, "Describes the nodes.", refuse, PER_NODE),
      clusterCommand(
        "shards",
        "7.0.0",
        2,
        "Returns the mapping of slots to nodes.",
        refuse,
        PER_NODE,
      ),
      clusterCommand("slots", "3.0.0", 2, "Returns which slots are at which nodes.", refuse, {
        ...PER_NODE,
        deprecated: { since: "7.0.0", replacedBy: "`CLUSTER SHARDS`" },
      }),
      clusterCommand("help", "5.0.0", 2, "Prints this help.", refuse, { flags: "loading stale" }),
    ],
  },
  mark("readonly", "loading stale fast", "Lets the connection read from a replica of a cluster."),
  mark("readwrite", "loading stale fast", "Takes READONLY back."),
  mark("asking", "fast", "Lets the next command through to a slot that is being moved."),
];
