/** `stormdb check-aof` and `stormdb check-rdb`: say whether files are whole, and cut a torn tail off. */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Clock } from "../base/clock.ts";
import { Hash } from "../base/key-hash.ts";
import { Random, SystemSecrets } from "../base/random.ts";
import { Keyspace } from "../store/keyspace.ts";
import { AofError, readAof } from "./aof/aof-reader.ts";
import { type AofPart, parseManifest } from "./aof/manifest.ts";
import { cutTail } from "./aof/torn-tail.ts";
import { DamageError } from "./damage-error.ts";
import { readRdb } from "./rdb-file.ts";

export const CHECK_AOF_USAGE = `Usage: stormdb check-aof [--fix] <file>

Checks an append-only file: a manifest with all its parts, or one part. With --fix a damaged tail
of the last part is cut off and kept in a file beside it.
`;

export const CHECK_RDB_USAGE = `Usage: stormdb check-rdb <file>

Checks an RDB file.
`;

const DATABASES = 1024;

/** A keyspace to read into, thrown away afterwards. */
function scratchSpace(): Keyspace {
  const space = new Keyspace({
    databases: DATABASES,
    segments: 32,
    clock: new Clock(),
    random: new Random(1),
    hash: Hash.keyedBy(new SystemSecrets()),
  });
  space.expiryPaused = true;
  return space;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function reasonOf(error: unknown): string {
  if (error instanceof DamageError) {
    return error.report;
  }
  return (error as Error).message;
}

/** Checks one part; returns whether it is whole, or was made so. */
async function checkPart(path: string, fix: boolean): Promise<boolean> {
  let validBytes = -1;
  try {
    const outcome = await readAof(path, scratchSpace(), {
      check() {},
      execute() {},
      progress() {},
    });
    if (outcome.validBytes === outcome.totalBytes) {
      print(`${path}: whole, ${outcome.totalBytes} bytes, ${outcome.commands} commands`);
      return true;
    }
    validBytes = outcome.validBytes;
    print(
      `${path}: ends in the middle of a command that begins at byte ${validBytes} of ${outcome.totalBytes}`,
    );
  } catch (error) {
    print(`${path}: ${reasonOf(error)}`);
    if (error instanceof AofError) validBytes = error.offset;
  }
  if (!fix || validBytes < 0) {
    if (validBytes >= 0) print("Run check-aof --fix to cut it off there.");
    return false;
  }
  const kept = cutTail(path, validBytes);
  print(`${path}: cut off at byte ${validBytes}; what was cut off is in ${kept}`);
  return true;
}

/** Resolves to the exit code. */
export async function checkAof(args: readonly string[]): Promise<number> {
  const fix = args.includes("--fix");
  const path = args.find((arg) => !arg.startsWith("--"));
  if (path === undefined || !existsSync(path)) {
    process.stderr.write(path === undefined ? CHECK_AOF_USAGE : `stormdb: ${path} is not there\n`);
    return 1;
  }
  if (!basename(path).endsWith(".manifest")) return (await checkPart(path, fix)) ? 0 : 1;
  let parts: AofPart[];
  try {
    const { base, increments } = parseManifest(readFileSync(path, "latin1"));
    parts = [...(base === null ? [] : [base]), ...increments];
  } catch (error) {
    print(`${path}: ${(error as Error).message}`);
    return 1;
  }
  let whole = true;
  for (const [i, part] of parts.entries()) {
    const partPath = join(dirname(path), part.name);
    if (!existsSync(partPath)) {
      print(`${partPath}: missing, but the manifest names it`);
      whole = false;
    } else if (!(await checkPart(partPath, fix && i === parts.length - 1))) whole = false;
  }
  print(
    whole ? "All files of the manifest are whole." : "Not all files of the manifest are whole.",
  );
  return whole ? 0 : 1;
}

/** Resolves to the exit code. */
export async function checkRdb(args: readonly string[]): Promise<number> {
  const path = args[0];
  if (path === undefined || !existsSync(path)) {
    process.stderr.write(path === undefined ? CHECK_RDB_USAGE : `stormdb: ${path} is not there\n`);
    return 1;
  }
  try {
    const options = { space: scratchSpace(), keepExpired: false, checking: true };
    const reader = await readRdb(path, options, () => {});
    for (const [name, value] of reader.aux) print(`${name}: ${value}`);
    print(`${path}: whole, ${reader.keys} keys, ${reader.expiredKeys} expired`);
    return 0;
  } catch (error) {
    print(`${path}: ${reasonOf(error)}`);
    return 1;
  }
}
