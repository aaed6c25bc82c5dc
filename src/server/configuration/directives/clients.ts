/** What a client may have. */
import {
  directive,
  integer,
  type Kind,
  memory,
  parseMemory,
  Refusal,
  text,
  UINT_MAX,
} from "./directive.ts";

export interface OutputLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}
export type ClientClass = "normal" | "slave" | "pubsub";
export type OutputLimits = Readonly<Record<ClientClass, OutputLimit>>;

const CLASSES: Readonly<Record<string, ClientClass>> = {
  normal: "normal",
  slave: "slave",
  replica: "slave",
  pubsub: "pubsub",
};

const lineOf = (limits: OutputLimits) => (name: ClientClass) => {
  const { hardBytes, softBytes, softSeconds } = limits[name];
  return [name, ...[hardBytes, softBytes, softSeconds].map(String)];
};
const NAMES = ["normal", "slave", "pubsub"] as const;

/** "class hard soft seconds", repeated; classes that are not named keep their limits. */
const outputLimits: Kind<OutputLimits> = {
  default: {
    normal: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
    slave: { hardBytes: 268435456, softBytes: 67108864, softSeconds: 60 },
    pubsub: { hardBytes: 33554432, softBytes: 8388608, softSeconds: 60 },
  },
  isList: true,
  parse(words, { value }) {
    if (words.length % 4 !== 0) {
      return new Refusal("Wrong number of arguments in buffer limit configuration.");
    }
    const limits: Record<ClientClass, OutputLimit> = { ...value };
    for (let i = 0; i < words.length; i += 4) {
      const name = words[i]!.toLowerCase();
      if (!Object.hasOwn(CLASSES, name)) {
        return new Refusal("Invalid client class specified in buffer limit configuration.");
      }
      const [hard, soft] = [parseMemory(words[i + 1]!), parseMemory(words[i + 2]!)];
      if (hard === null || soft === null || !/^[0-9]+$/.test(words[i + 3]!)) {
        return new Refusal(
          "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        );
      }
      limits[CLASSES[name]!] = {
        hardBytes: Number(hard),
        softBytes: Number(soft),
        softSeconds: Number(words[i + 3]),
      };
    }
    return limits;
  },
  show: (limits) => NAMES.flatMap(lineOf(limits)).join(" "),
  lines: (limits) => NAMES.map(lineOf(limits)),
};

export const CLIENTS = {
  maxclients: directive(integer(10000, { min: 1, max: UINT_MAX }), "clients at the same time"),
  requirepass: directive(text(""), "password that clients must give", { isSecret: true }),
  "proto-max-bulk-len": directive(
    memory(536870912, { min: 1048576 }),
    "bytes that an argument may have",
  ),
  "client-query-buffer-limit": directive(
    memory(1073741824, { min: 1048576 }),
    "bytes that a client may send before its commands are complete",
  ),
  "client-output-buffer-limit": directive(
    outputLimits,
    "unsent bytes after which a client is closed: class, hard limit, soft limit, seconds above the soft limit",
  ),
};
