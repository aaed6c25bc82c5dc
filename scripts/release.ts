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
import { basename, join } from "node:path";
import manifest from "../package.json";
import { build } from "./build.ts";
import { type Lock, sbom } from "./sbom.ts";

const ROOT = join(import.meta.dir, "..");
const DIST = join(ROOT, "dist");
const RUNTIMES = join(DIST, ".runtimes");
const READY_TRIES = 500;
/** Wine sets itself up first. */
const RUN_MS_MAX = 60_000;
const NOT_HERE = "built only: it does not run here";

interface System {
  /** In the name of the binary. */
  readonly name: string;
  readonly target: Bun.Build.CompileTarget;
  /** Of the npm package with Bun's executable. */
  readonly runtime: string;
  /** Runs it on a machine of another kind, where that is installed. */
  readonly emulator?: Emulator;
}

interface Emulator {
  /** The first of them that is there, with its arguments. */
  readonly programs: readonly (readonly string[])[];
  /** Where the binary runs without it. */
  readonly isNative: boolean;
}

/** Debian's packages qemu-user and libc6-arm64-cross. */
const EMULATED_ARM64: Emulator = {
  programs: [["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]],
  isNative: process.arch === "arm64",
};
/** Debian's package wine64; before version 9 it takes gcc-mingw-w64-x86-64-win32, too. */
const EMULATED_WINDOWS: Emulator = {
  programs: [["wine64"], ["/usr/lib/wine/wine64"], ["wine"]],
  isNative: process.platform === "win32",
};
const MINGW = "x86_64-w64-mingw32-gcc";
/** The one function of a library that Bun needs and Wine has only since version 9. */
const RANDOM_LIBRARY = `
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
  return RtlGenRandom(data, (ULONG)length);
}
`;

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
  {
    name: "windows-x64.exe",
    target: "bun-windows-x64",
    runtime: "bun-windows-x64",
    emulator: EMULATED_WINDOWS,
  },
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

/** A folder with what Wine lacks, and Wine's own files, which are not to be in anybody's home. */
async function wineEnvironment(folder: string): Promise<Record<string, string>> {
  const source = join(folder, "random.c");
  writeFileSync(source, RANDOM_LIBRARY);
  if (Bun.which(MINGW) !== null) {
    const library = join(folder, "bcryptprimitives.dll");
    await Bun.spawn([MINGW, "-shared", "-o", library, source, "-ladvapi32"]).exited;
  }
  return { WINEPREFIX: join(folder, "wine"), WINEPATH: folder, WINEDEBUG: "-all" };
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
}

/** Runs a binary: its version, and a server to which its own client sets and gets, and which saves. */
async function tryOut(binary: string, emulator?: Emulator): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "stormdb-release-"));
  try {
    return await tryOutIn(folder, binary, emulator?.isNative ? undefined : emulator);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function tryOutIn(folder: string, binary: string, emulator?: Emulator): Promise<string> {
  const emulating = emulator?.programs.find(([name]) => Bun.which(name!) !== null);
  if (emulator !== undefined && emulating === undefined) return NOT_HERE;
  const program = [...(emulating ?? []), binary];
  const isWine = emulator === EMULATED_WINDOWS;
  const env = { ...process.env, ...(isWine ? await wineEnvironment(folder) : {}) };
  let runs = 0;
  const run = async (...args: string[]): Promise<string> => {
    // Files, for Wine leaves processes behind that would hold a pipe open.
    const file = (name: string) => Bun.file(join(folder, `${name}-${runs}`));
    const [out, err] = [file("out"), file("err")];
    runs++;
    const child = Bun.spawn([...program, ...args], {
      env,
      stdout: out,
      stderr: err,
      timeout: RUN_MS_MAX,
    });
    const code = await child.exited;
    const said = (await out.text()).trim();
    return code === 0 ? said : `failed: ${said}${await err.text()}`.trim();
  };
  let version: string;
  try {
    version = await run("--version");
  } catch (error) {
    return `${NOT_HERE} (${(error as NodeJS.ErrnoException).code})`;
  }
  if (version.startsWith("failed")) return NOT_HERE;
  if (!version.startsWith(`StormDB ${manifest.version} `)) throw new Error(`version: ${version}`);

  const port = String(freePort());
  const server = Bun.spawn([...program, "server", "--port", port, "--bind", "127.0.0.1"], {
    env,
    cwd: folder,
    stdout: "ignore",
    stderr: "inherit",
  });
  try {
    const cli = (...words: string[]) => run("cli", "-p", port, ...words);
    let tries = 0;
    while ((await cli("PING")) !== "PONG") {
      if (server.exitCode !== null || ++tries === READY_TRIES) throw new Error("no answer");
      await Bun.sleep(10);
    }
    const replies = [await cli("SET", "framework", "Bun"), await cli("GET", "framework")];
    if (replies.join() !== "OK,Bun") throw new Error(`SET and GET replied ${replies.join(", ")}`);
    const refusal = await cli("SHUTDOWN", "SAVE");
    if (refusal !== "") throw new Error(`SHUTDOWN replied ${refusal}`);
    const code = await server.exited;
    if (code !== 0) throw new Error(`the server ended with code ${code}`);
    if (!existsSync(join(folder, "dump.rdb"))) throw new Error("the server did not save");
  } finally {
    server.kill("SIGKILL");
    await server.exited;
  }
  const how = emulating === undefined ? "tested" : `tested under ${basename(emulating[0]!)}`;
  return `${how}: version, server, SET, GET and a save`;
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
