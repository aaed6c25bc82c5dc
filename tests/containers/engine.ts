/**
 * Podman and buildah with storage, settings and networks of their own in a temporary folder, so
 * that nothing of a test mixes with what else is on the machine, and the base images that a test
 * takes in place of the public ones: made from this machine's own files, for no image registry
 * has to be reachable.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dir, "../..");
const NONROOT = 65532;
const REDIS_USER = 999;

const TOOLS = ["podman", "buildah", "runc", "podman-compose", "tar", "unshare", "ldd"];
/** Where podman looks for its helpers. */
const HELPER_FOLDERS = ["/usr/lib/podman", "/usr/libexec/podman", "/usr/local/lib/podman"];

function missing(): string {
  if (process.env.CONTAINERS !== "1") return "run them with CONTAINERS=1 scripts/test";
  if (process.platform !== "linux") return "they need Linux";
  if (process.getuid?.() !== 0) return "they need to be run as root";
  const absent = TOOLS.filter((tool) => Bun.which(tool) === null);
  for (const helper of ["netavark", "aardvark-dns"]) {
    if (!HELPER_FOLDERS.some((folder) => existsSync(join(folder, helper)))) absent.push(helper);
  }
  if (absent.length === 0) return "";
  return `${absent.join(", ")} not installed (CONTAINERS=1 scripts/test installs what is missing)`;
}

/** Why containers cannot be run here, or "". */
export const CONTAINERS_MISSING = missing();

/** What the official images have; a login shell's would do as well. */
const IMAGE_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Engine implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "stormdb-containers-"));
  readonly #environment: Record<string, string>;
  readonly #leave = () => this[Symbol.dispose]();

  constructor() {
    const at = (name: string) => JSON.stringify(join(this.#folder, name));
    writeFileSync(
      join(this.#folder, "storage.conf"),
      `[storage]\ndriver = "vfs"\ngraphroot = ${at("storage")}\nrunroot = ${at("run")}\n`,
    );
    // A container's limits may not be above those that root has here.
    writeFileSync(
      join(this.#folder, "containers.conf"),
      `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=1000:1000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = ${at("tmp")}
volume_path = ${at("volumes")}
[network]
network_backend = "netavark"
network_config_dir = ${at("networks")}
`,
    );
    this.#environment = {
      PATH: process.env.PATH ?? "",
      HOME: this.#folder,
      CONTAINERS_CONF: join(this.#folder, "containers.conf"),
      CONTAINERS_STORAGE_CONF: join(this.#folder, "storage.conf"),
    };
    process.on("exit", this.#leave);
  }

  /** Runs a tool to its end, with variables added to its environment. */
  async run(command: readonly string[], variables: Record<string, string> = {}): Promise<Ended> {
    const child = Bun.spawn([...command], {
      cwd: ROOT,
      env: { ...this.#environment, ...variables },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { code: await child.exited, stdout, stderr };
  }

  /** The same, but what fails throws; returns what it printed. */
  async output(command: readonly string[], variables?: Record<string, string>): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, variables);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  podman(...args: string[]): Promise<string> {
    return this.output(["podman", ...args]);
  }

  /** Names of the files of an image, as a container of it would begin with. */
  async files(image: string): Promise<string[]> {
    const id = (await this.podman("create", image, "none")).trim();
    try {
      const archive = join(this.#folder, "image.tar");
      await this.podman("export", "--output", archive, id);
      return (await this.output(["tar", "--list", "--file", archive])).trim().split("\n");
    } finally {
      await this.podman("rm", id);
    }
  }

  async #import(folder: string, image: string): Promise<void> {
    const archive = join(this.#folder, "base.tar");
    await this.output(["tar", "--create", "--file", archive, "--directory", folder, "."]);
    await this.podman("import", "--change", `ENV ${IMAGE_PATH}`, archive, image);
    rmSync(archive);
    rmSync(folder, { recursive: true });
  }

  #newFolder(...users: readonly [name: string, id: number, home: string][]): string {
    const folder = mkdtempSync(join(this.#folder, "image-"));
    // It becomes the root folder of the image, where all may look.
    chmodSync(folder, 0o755);
    for (const name of ["dev", "etc", "proc", "root", "sys", "tmp", "usr/local/bin"]) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    const all = [["root", 0, "/root"] as const, ...users];
    const passwd = all.map(([name, id, home]) => `${name}:x:${id}:${id}::${home}:/sbin/nologin\n`);
    writeFileSync(join(folder, "etc/passwd"), passwd.join(""));
    writeFileSync(
      join(folder, "etc/group"),
      all.map(([name, id]) => `${name}:x:${id}:\n`).join(""),
    );
    return folder;
  }

  /** The libraries that a program of this machine loads, put where they are here. */
  async #addLibraries(program: string, folder: string): Promise<void> {
    for (const [library] of (await this.output(["ldd", program])).matchAll(/\/\S+/g)) {
      mkdirSync(join(folder, dirname(library)), { recursive: true });
      cpSync(realpathSync(library), join(folder, library));
    }
  }

  async #addProgram(name: string, folder: string): Promise<void> {
    const program = realpathSync(Bun.which(name)!);
    cpSync(program, join(folder, "usr/local/bin", name));
    await this.#addLibraries(program, folder);
  }

  /** In place of a distroless base: glibc and a user without rights. */
  async makeBase(image: string): Promise<void> {
    const folder = this.#newFolder(["nonroot", NONROOT, "/data"]);
    await this.#addLibraries(process.execPath, folder);
    await this.#import(folder, image);
  }

  /** In place of Bun's image: Bun, a shell, and the packages that are to be installed, cached. */
  async makeBun(image: string): Promise<void> {
    const folder = this.#newFolder();
    for (const name of ["sh", "mkdir", "mv", "ln"]) await this.#addProgram(name, folder);
    cpSync(realpathSync(process.execPath), join(folder, "usr/local/bin/bun"));
    await this.#addLibraries(process.execPath, folder);
    mkdirSync(join(folder, "bin"));
    cpSync(realpathSync(Bun.which("sh")!), join(folder, "bin/sh"));

    const project = mkdtempSync(join(this.#folder, "install-"));
    for (const name of ["package.json", "bun.lock", "bunfig.toml"]) {
      cpSync(join(ROOT, name), join(project, name));
    }
    const install = Bun.spawn(
      [process.execPath, "install", "--frozen-lockfile", "--production", "--ignore-scripts"],
      {
        cwd: project,
        // With the machine's own settings: they say where packages come from.
        env: { ...process.env, BUN_INSTALL_CACHE_DIR: join(folder, "root/.bun/install/cache") },
        stdout: "ignore",
        stderr: "pipe",
      },
    );
    const stderr = await install.stderr.text();
    if ((await install.exited) !== 0) throw new Error(`bun install failed:\n${stderr}`);
    rmSync(project, { recursive: true });
    await this.#import(folder, image);
  }

  /** In place of Redis's image: Sentinel, its client and a shell. */
  async makeRedis(image: string): Promise<void> {
    const folder = this.#newFolder(["redis", REDIS_USER, "/data"]);
    for (const name of ["sh", "redis-sentinel", "redis-cli"]) await this.#addProgram(name, folder);
    mkdirSync(join(folder, "data"));
    chownSync(join(folder, "data"), REDIS_USER, REDIS_USER);
    await this.#import(folder, image);
  }

  /** Builds the Dockerfile, without a network: what is not in the base images is not there. */
  async build(image: string, baseImages: Record<string, string>): Promise<void> {
    const names = Object.entries(baseImages).flatMap(([name, base]) => [
      "--build-arg",
      `${name}=${base}`,
    ]);
    await this.output([
      ...["unshare", "--net", "buildah", "bud", "--isolation", "chroot", "--format", "docker"],
      ...["--ulimit", "nofile=1024:1024", ...names, "--tag", image, "."],
    ]);
  }

  /** Removes all that was made: containers, networks, volumes, images and the folder. */
  [Symbol.dispose](): void {
    process.off("exit", this.#leave);
    if (!existsSync(this.#folder)) return;
    const podman = (...args: string[]) =>
      Bun.spawnSync(["podman", ...args], { env: this.#environment, stdout: "ignore" });
    podman("rm", "--force", "--all", "--time", "0");
    podman("network", "prune", "--force");
    // What is still mounted there would be deleted through its mount.
    for (const name of readdirSync(this.#folder)) {
      rmSync(join(this.#folder, name), { recursive: true, force: true });
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
