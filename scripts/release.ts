/**
 * Builds the binaries of a release into dist/: one per system, with SHA256SUMS, an SBOM made from
 * bun.lock, and RELEASE.txt, which says which of them were run here and which were only built.
 *
 * A binary is Bun's own executable for its system with StormDB inside. Bun publishes those as npm
 * packages, which bun.lock pins with their checksums as optional parts of the package "bun"; they
 * are installed from there, for all systems, into a folder of their own.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../package.json";
import { build } from "./build.ts";
import { type Lock, sbom } from "./sbom.ts";

const ROOT = join(import.meta.dir, "..");
const DIST = join(ROOT, "dist");
const RUNTIMES = join(DIST, ".runtimes");
const READY_TRIES = 500;

interface System {
  /** In the name of the binary. */
  readonly name: string;
  readonly target: Bun.Build.CompileTarget;
  /** Of the npm package with Bun's executable. */
  readonly runtime: string;
  /** Runs it on another kind of processor, where that is installed. */
  readonly emulator?: readonly string[];
}

/** Debian's packages qemu-user and libc6-arm64-cross. */
const EMULATED_ARM64 = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"];

const SYSTEMS: readonly System[] = [
  { name: "linux-x64", target: "bun-linux-x64", runtime: "bun-linux-x64" },
  {
    name: "linux-arm64",
    target: "bun-linux-arm64",
    runtime: "bun-linux-aarch64",
    emulator: EMULATED_ARM64,
  },
  { name: "linux-x64-musl", target: "bun-linux-x64-musl", runtime: "bun-linux-x64-musl" },
  { name: "linux-arm64-musl", target: "bun-linux-arm64-musl", runtime: "bun-linux-aarch64-musl" },
  { name: "macos-x64", target: "bun-darwin-x64", runtime: "bun-darwin-x64" },
  { name: "macos-arm64", target: "bun-darwin-arm64", runtime: "bun-darwin-aarch64" },
  { name: "windows-x64.exe", target: "bun-windows-x64", runtime: "bun-windows-x64" },
  { name: "windows-arm64.exe", target: "bun-windows-arm64", runtime: "bun-windows-aarch64" },
];

async function lines(command: readonly string[]): Promise<{ code: number; text: string }> {
  const child = Bun.spawn([...command], { cwd: RUNTIMES, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, text: out + err };
}

/** Bun's executables for all systems, as bun.lock pins them. */
async function installRuntimes(lock: Lock): Promise<void> {
  rmSync(RUNTIMES, { recursive: true, force: true });
  mkdirSync(RUNTIMES, { recursive: true });
  const wanted = SYSTEMS.map(({ runtime }) => `@oven/${runtime}`);
  const dependencies = Object.fromEntries(
    wanted.map((name) => [name, manifest.devDependencies.bun]),
  );
  // A lock of its own, with the entries of the project's: what is installed has to match them.
  const packages = Object.fromEntries(wanted.map((name) => [name, lock.packages[name]]));
  const name = "stormdb-runtimes";
  const { lockfileVersion, configVersion } = lock;
  const workspaces = { "": { name, dependencies } };
  writeFileSync(
    join(RUNTIMES, "package.json"),
    JSON.stringify({ name, private: true, dependencies }),
  );
  writeFileSync(
    join(RUNTIMES, "bun.lock"),
    JSON.stringify({ lockfileVersion, configVersion, workspaces, packages }),
  );
  const options = ["--frozen-lockfile", "--ignore-scripts", "--os=*", "--cpu=*"];
  const { code, text } = await lines([process.execPath, "install", ...options]);
  if (code !== 0) throw new Error(`Bun's executables could not be installed:\n${text}`);
}

function executableOf({ runtime }: System): string {
  const folder = join(RUNTIMES, "node_modules/@oven", runtime, "bin");
  const plain = join(folder, "bun");
  return existsSync(plain) ? plain : join(folder, "bun.exe");
}

/** Runs a binary: its version, and a server to which its own client sets and gets. */
async function tryOut(binary: string, emulator: readonly string[] = []): Promise<string> {
  const isEmulated = emulator.length > 0 && process.arch !== "arm64";
  if (isEmulated && Bun.which(emulator[0]!) === null) return "built only: it does not run here";
  const program = isEmulated ? [...emulator, binary] : [binary];
  const run = async (...args: string[]): Promise<string> => {
    const child = Bun.spawn([...program, ...args], {
      stdout: "pipe",
      stderr: "pipe",
      timeout: 20_000,
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return (await child.exited) === 0 ? out.trim() : `failed: ${out}${err}`.trim();
  };
  let version: string;
  try {
    version = await run("--version");
  } catch (error) {
    return `built only: it does not run here (${(error as NodeJS.ErrnoException).code})`;
  }
  if (version.startsWith("failed")) return "built only: it does not run here";
  if (!version.startsWith(`StormDB ${manifest.version} `)) throw new Error(`version: ${version}`);

  const folder = mkdtempSync(join(tmpdir(), "stormdb-release-"));
  const socket = join(folder, "socket");
  const server = Bun.spawn([...program, "server", "--port", "0", "--unixsocket", socket], {
    cwd: folder,
    stdout: "ignore",
    stderr: "inherit",
  });
  try {
    const cli = (...words: string[]) => run("cli", "-s", socket, ...words);
    let tries = 0;
    while ((await cli("PING")) !== "PONG") {
      if (server.exitCode !== null || ++tries === READY_TRIES) throw new Error("no answer");
      await Bun.sleep(10);
    }
    const replies = [await cli("SET", "framework", "Bun"), await cli("GET", "framework")];
    if (replies.join() !== "OK,Bun") throw new Error(`SET and GET replied ${replies.join(", ")}`);
    server.kill("SIGTERM");
    const code = await server.exited;
    if (code !== 0) throw new Error(`the server ended with code ${code}`);
  } finally {
    server.kill("SIGKILL");
    await server.exited;
    rmSync(folder, { recursive: true, force: true });
  }
  const how = isEmulated ? `tested under ${emulator[0]}` : "tested";
  return `${how}: version, server, SET and GET`;
}

async function sha256(path: string): Promise<string> {
  return new Bun.CryptoHasher("sha256").update(await Bun.file(path).bytes()).digest("hex");
}

const lock = Bun.JSONC.parse(await Bun.file(join(ROOT, "bun.lock")).text()) as Lock;
rmSync(DIST, { recursive: true, force: true });
await installRuntimes(lock);
const checksums: string[] = [];
const report: string[] = [];
for (const system of SYSTEMS) {
  const file = `stormdb-${manifest.version}-${system.name}`;
  const path = join(DIST, file);
  await build(path, { target: system.target, executablePath: executableOf(system) });
  chmodSync(path, 0o755);
  const line = `${file.padEnd(36)} ${await tryOut(path, system.emulator)}`;
  console.log(line);
  report.push(line);
  checksums.push(`${await sha256(path)}  ${file}`);
}
const bill = `stormdb-${manifest.version}.cdx.json`;
writeFileSync(join(DIST, bill), `${JSON.stringify(await sbom(lock), null, 2)}\n`);
writeFileSync(join(DIST, "RELEASE.txt"), `${report.join("\n")}\n`);
for (const file of [bill, "RELEASE.txt"])
  checksums.push(`${await sha256(join(DIST, file))}  ${file}`);
writeFileSync(join(DIST, "SHA256SUMS"), `${checksums.join("\n")}\n`);
rmSync(RUNTIMES, { recursive: true });
console.log(`dist/ has them, with ${bill} and SHA256SUMS.`);
