/** Builds ./stormdb; scripts/build runs it with everything it needs in place. */
import { join } from "node:path";
import { terminalKitPlugin } from "./terminal-kit-plugin.ts";

const ROOT = join(import.meta.dir, "..");

const result = await Bun.build({
  // Workers are files of their own: they have to be named.
  entrypoints: [join(ROOT, "src/main.ts"), join(ROOT, "src/benchmark/worker.ts")],
  // Nothing is read from the folder that the binary runs in.
  compile: { outfile: join(ROOT, "stormdb"), autoloadDotenv: false, autoloadBunfig: false },
  minify: true,
  bytecode: true,
  // A command's code is read only when it runs.
  splitting: true,
  format: "esm",
  plugins: [terminalKitPlugin],
  throw: false,
});
if (!result.success) {
  for (const message of result.logs) console.error(message);
  process.exit(1);
}
