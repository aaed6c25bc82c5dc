/** Builds ./stormdb; scripts/build runs it with everything it needs in place. */
import { join } from "node:path";
import { terminalKitPlugin } from "./terminal-kit-plugin.ts";

const ROOT = join(import.meta.dir, "..");

/** For another system: its name as Bun has it, and Bun's executable for it. */
export interface Target {
  readonly target: Bun.Build.CompileTarget;
  readonly executablePath: string;
}

export async function build(outfile: string, target?: Target): Promise<void> {
  const result = await Bun.build({
    // Workers are files of their own: they have to be named.
    entrypoints: [join(ROOT, "src/main.ts"), join(ROOT, "src/benchmark/worker.ts")],
    // Nothing is read from the folder that the binary runs in.
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false, ...target },
    minify: true,
    bytecode: true,
    // A command's code is read only when it runs.
    splitting: true,
    format: "esm",
    plugins: [terminalKitPlugin],
    throw: false,
  });
  if (!result.success) throw new Error(result.logs.join("\n"));
}

if (import.meta.main) {
  try {
    await build(join(ROOT, "stormdb"));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
