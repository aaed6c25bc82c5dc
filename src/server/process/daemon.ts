/**
 * `daemonize yes`: the process that was called starts another one in a session of its own, waits
 * until it is ready, and ends. Redis forks; a runtime with threads of its own cannot.
 */
import { closeSync, writeSync } from "node:fs";

/** Tells a process that it is the one in the background. */
const MARK = "STORMDB_IN_BACKGROUND";
const READY = "ready\n";
const STANDARD_ERROR = 2;

export function isInBackground(): boolean {
  return process.env[MARK] !== undefined;
}

/** The one in the background is ready: the process that has started it ends. */
export function tellStarter(): void {
  try {
    writeSync(STANDARD_ERROR, READY);
    closeSync(STANDARD_ERROR);
  } catch {
    // The starter has been ended meanwhile.
  }
}

/** The command line of this process up to the server's arguments. */
function ownCommand(): string[] {
  const script = process.argv[1] ?? "";
  // A compiled binary has its code inside, under a path that is no file.
  const isCompiled = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/.test(script);
  return isCompiled ? [process.execPath, "server"] : [process.execPath, script, "server"];
}

/**
 * Starts the server again in the background; resolves to the exit code when that is ready or has
 * failed, and passes on what it says of its failure.
 */
export async function startInBackground(
  args: readonly string[],
  standardInput: string,
): Promise<number> {
  const child = Bun.spawn([...ownCommand(), ...args], {
    stdin: Buffer.from(standardInput, "latin1"),
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, [MARK]: "1" },
    detached: true,
  });
  let said = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stderr) {
    said += decoder.decode(chunk, { stream: true });
    if (!said.endsWith(READY)) continue;
    child.unref();
    return 0;
  }
  process.stderr.write(said);
  return (await child.exited) || 1;
}
