/** `--bigkeys`, `--memkeys`, `--hotkeys`: the whole keyspace is looked at, as redis-cli does it. */
import { quote } from "../../protocol/arguments.ts";
import type { Run } from "../invocation.ts";
import { print } from "../print.ts";
import { RefusedError, scanKeys, withServer } from "./scan.ts";

interface KeyType {
  readonly name: string;
  /** Tells the size; undefined for a type of a module. */
  readonly command: string | undefined;
  readonly unit: string;
  biggest: number;
  biggestKey: string | null;
  totalSize: number;
  count: number;
}

/** In the order in which redis-cli sums up. */
const TYPES: readonly (readonly [string, string, string])[] = [
  ["list", "LLEN", "items"],
  ["hash", "HLEN", "fields"],
  ["string", "STRLEN", "bytes"],
  ["stream", "XLEN", "entries"],
  ["set", "SCARD", "members"],
  ["zset", "ZCARD", "members"],
];

const HOT_KEYS = 16;
const SAMPLED_STEP = 1_000_000;

function heading(what: string): string {
  return `
# Scanning the entire keyspace to find ${what}.  You can use -i 0.1 to sleep 0.1 sec
# per 100 SCAN commands (not usually needed).

`;
}

function percent(part: number, whole: number): string {
  const share = whole === 0 ? 0 : Math.min(100, (100 * part) / whole);
  return share.toFixed(2).padStart(5, "0");
}

/** Goes through the keys; `look` gets each batch and the progress to print before a line. */
async function walk(
  run: Run,
  look: (keys: readonly string[], progress: string) => Promise<void>,
): Promise<{ readonly sampled: number }> {
  const { options, session } = run;
  const size = await session.call(["DBSIZE"]);
  if (size.kind !== "integer") {
    throw new RefusedError(size.kind === "error" ? size.text : "Non INTEGER response from DBSIZE!");
  }
  let sampled = 0;
  let loops = 0;
  for await (const keys of scanKeys(session, options)) {
    await look(keys, `[${percent(sampled, Number(size.text))}%]`);
    const before = Math.floor(sampled / SAMPLED_STEP);
    sampled += keys.length;
    if (Math.floor(sampled / SAMPLED_STEP) > before) {
      print(`[${percent(sampled, Number(size.text))}%] Sampled ${sampled} keys so far\n`);
    }
    if (options.intervalSeconds > 0 && ++loops % 100 === 0) {
      await Bun.sleep(options.intervalSeconds * 1000);
    }
  }
  return { sampled };
}

async function sizes(
  run: Run,
  keys: readonly string[],
  types: readonly (KeyType | null)[],
): Promise<number[]> {
  const { mode, samples } = run.options;
  const replies = await Promise.all(
    keys.map((key, i) => {
      const type = types[i];
      if (mode === "memkeys") {
        const more = samples === undefined || samples === 0 ? [] : ["SAMPLES", String(samples)];
        return run.session.call(["MEMORY", "USAGE", key, ...more]);
      }
      return type?.command === undefined ? null : run.session.call([type.command, key]);
    }),
  );
  // A key that has gone, or changed its type, in the meantime counts as empty.
  return replies.map((reply) => (reply?.kind === "integer" ? Number(reply.text) : 0));
}

async function findBigKeys(run: Run): Promise<void> {
  const isMemory = run.options.mode === "memkeys";
  const types = new Map<string, KeyType>();
  const typeOf = (name: string): KeyType => {
    let type = types.get(name);
    if (type === undefined) {
      const known = TYPES.find(([other]) => other === name);
      const unit = isMemory ? "bytes" : (known?.[2] ?? "?");
      const counts = { biggest: 0, biggestKey: null, totalSize: 0, count: 0 };
      type = { name, command: known?.[1], unit, ...counts };
      types.set(name, type);
    }
    return type;
  };
  for (const [name] of TYPES) typeOf(name);

  print(heading("biggest keys as well as\n# average sizes per key type"));
  let totalLength = 0;
  const { sampled } = await walk(run, async (keys, progress) => {
    const replies = await Promise.all(keys.map((key) => run.session.call(["TYPE", key])));
    const found = replies.map((reply) => {
      if (reply.kind === "error") throw new RefusedError(reply.text);
      return "text" in reply && reply.text !== "none" ? typeOf(reply.text) : null;
    });
    const all = await sizes(run, keys, found);
    for (const [i, type] of found.entries()) {
      if (type === null) continue;
      const size = all[i]!;
      type.totalSize += size;
      type.count++;
      totalLength += keys[i]!.length;
      if (size <= type.biggest) continue;
      type.biggest = size;
      type.biggestKey = quote(keys[i]!);
      print(
        `${progress} Biggest ${type.name.padEnd(6)} found so far '${type.biggestKey}' with ${size} ${type.unit}\n`,
      );
    }
  });
  print("\n-------- summary -------\n\n");
  print(`Sampled ${sampled} keys in the keyspace!\n`);
  const average = (total: number, count: number) => (count === 0 ? 0 : total / count).toFixed(2);
  print(
    `Total key length in bytes is ${totalLength} (avg len ${average(totalLength, sampled)})\n\n`,
  );
  for (const { name, biggest, biggestKey, unit } of types.values()) {
    if (biggestKey === null) continue;
    print(`Biggest ${name.padStart(6)} found '${biggestKey}' has ${biggest} ${unit}\n`);
  }
  print("\n");
  for (const { name, count, totalSize, unit } of types.values()) {
    print(
      `${count} ${name}s with ${totalSize} ${unit} (${percent(count, sampled)}% of keys, avg size ${average(totalSize, count)})\n`,
    );
  }
}

/** The keys used most often, in a pool of few: the most used is the last. */
async function findHotKeys(run: Run): Promise<void> {
  print(heading("hot keys as well as\n# average sizes per key type"));
  const pool: ({ readonly key: string; readonly counter: number } | null)[] = new Array(
    HOT_KEYS,
  ).fill(null);
  const { sampled } = await walk(run, async (keys, progress) => {
    const replies = await Promise.all(keys.map((key) => run.session.call(["OBJECT", "FREQ", key])));
    for (const [i, reply] of replies.entries()) {
      if (reply.kind === "error") throw new RefusedError(reply.text);
      const counter = reply.kind === "integer" ? Number(reply.text) : 0;
      if (counter === 0) continue;
      let place = 0;
      while (place < HOT_KEYS && counter > (pool[place]?.counter ?? 0)) place++;
      if (place === 0) continue;
      place--;
      const key = quote(keys[i]!);
      if (place > 0 && pool[place] !== null) {
        // Make room for it at the cost of the least used.
        pool.splice(0, 1);
        pool.splice(place, 0, { key, counter });
      } else {
        pool[place] = { key, counter };
      }
      print(`${progress} Hot key '${key}' found so far with counter ${counter}\n`);
    }
  });
  print("\n-------- summary -------\n\n");
  print(`Sampled ${sampled} keys in the keyspace!\n`);
  for (const hot of pool.reverse()) {
    if (hot !== null) print(`hot key found with counter: ${hot.counter}\tkeyname: ${hot.key}\n`);
  }
}

export function runKeys(run: Run): Promise<number> {
  return withServer(run, "Error: ", () =>
    run.options.mode === "hotkeys" ? findHotKeys(run) : findBigKeys(run),
  );
}
