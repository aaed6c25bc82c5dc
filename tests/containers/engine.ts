/**
 * Podman and buildah with storage, settings and networks of their own, in a temporary folder and
 * in namespaces (network, mounts, processes) of their own: nothing of a test mixes with what else
 * is on the machine, and when the namespaces end all of it is gone. The base images that a test
 * takes in place of the public ones are made from this machine's own files, for no image registry
 * has to be reachable.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dir, "../..");
const NONROOT = 65532;
const REDIS_USER = 999;

const TOOLS = [
  ...["podman", "buildah", "runc", "podman-compose", "iptables", "ip"],
  ...["tar", "ldd", "bash", "unshare", "nsenter", "mount", "env"],
];
/** Where podman looks for its helpers. */
const HELPER_FOLDERS = ["/usr/lib/podman", "/usr/libexec/podman", "/usr/local/lib/podman"];
/** The first podman-compose that gives containers the addresses that compose.yaml names. */
const COMPOSE_VERSION = "1.0.6";

const NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

function missing(): string {
  if (process.platform !== "linux") return "they need Linux";
  if (process.getuid?.() !== 0) return "they need to be run as root";
  const absent = TOOLS.filter((tool) => Bun.which(tool) === null);
  for (const helper of ["netavark", "aardvark-dns"]) {
    if (!HELPER_FOLDERS.some((folder) => existsSync(join(folder, helper)))) absent.push(helper);
  }
  const cure = "CONTAINERS=1 scripts/test installs what is missing";
  if (absent.length > 0) return `${absent.join(", ")} not installed (${cure})`;
  const probe = ["unshare", ...NAMESPACES, "mount", "-t", "tmpfs", "none", "/run"];
  if (Bun.spawnSync(probe).exitCode !== 0) return "they need rights to make namespaces";
  const said = Bun.spawnSync(["podman-compose", "--version"]).stdout.toString();
  const version = /podman-compose\w* version:? +(\d+\.\d+\.\d+)/.exec(said)?.[1] ?? "0.0.0";
  return Bun.semver.order(version, COMPOSE_VERSION) >= 0
    ? ""
    : `podman-compose is older than ${COMPOSE_VERSION} (${cure})`;
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

/**
 * The first process of the namespaces. It ends with the test, whose end of the pipe is closed then,
 * and all others end with it. What tools of containers keep outside of their folder is in /run and
 * /dev/shm.
 */
const FIRST =
  "mount -t tmpfs none /run && mount -t tmpfs none /dev/shm && ip link set lo up && echo ready && read -r";

export class Engine implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "stormdb-containers-"));
  readonly #first: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #leave = () => this[Symbol.dispose]();
  readonly environment: Readonly<Record<string, string>>;

  private constructor() {
    const at = (name: string) => JSON.stringify(join(this.#folder, name));
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
    this.environment = {
      PATH: process.env.PATH ?? "",
      HOME: this.#folder,
      CONTAINERS_CONF: join(this.#folder, "containers.conf"),
      CONTAINERS_STORAGE_CONF: join(this.#folder, "storage.conf"),
    };
    this.#first = Bun.spawn(["unshare", ...NAMESPACES, "bash", "-c", FIRST], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    process.on("exit", this.#leave);
  }

  static async start(): Promise<Engine> {
    const engine = new Engine();
    const { done } = await engine.#first.stdout.getReader().read();
    if (done) throw new Error("namespaces cannot be made here");
    // Overlays are not copied as a whole for each container, but not every file system carries them.
    engine.#store("overlay");
    if ((await engine.run(["podman", "info"])).code !== 0) engine.#store("vfs");
    return engine;
  }

  #store(driver: string): void {
    const at = (name: string) => JSON.stringify(join(this.#folder, name));
    writeFileSync(
      join(this.#folder, "storage.conf"),
      `[storage]\ndriver = "${driver}"\ngraphroot = ${at(driver)}\nrunroot = ${at("run")}\n`,
    );
  }

  /** A command as it is to be run from outside of the namespaces. */
  inside(command: readonly string[]): string[] {
    const of = (name: string) => `/proc/${this.#first.pid}/ns/${name}`;
    const namespaces = [
      `--net=${of("net")}`,
      `--mount=${of("mnt")}`,
      `--pid=${of("pid_for_children")}`,
    ];
    return ["nsenter", ...namespaces, "env", `--chdir=${ROOT}`, ...command];
  }

  /** Runs a tool to its end, with variables added to its environment. */
  async run(command: readonly string[], variables: Record<string, string> = {}): Promise<Ended> {
    const child = Bun.spawn(this.inside(command), {
      env: { ...this.environment, ...variables },
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

  async #import(folder: string, image: string, ...changes: string[]): Promise<void> {
    const archive = join(this.#folder, "base.tar");
    await this.output(["tar", "--create", "--file", archive, "--directory", folder, "."]);
    const options = [`ENV ${IMAGE_PATH}`, ...changes].flatMap((change) => ["--change", change]);
    await this.podman("import", ...options, archive, image);
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
    await this.#import(folder, image, "VOLUME /data");
  }

  /** Builds the Dockerfile; there is no network, so what is not in the base images is not there. */
  async build(image: string, baseImages: Record<string, string>): Promise<void> {
    const names = Object.entries(baseImages).flatMap(([name, base]) => [
      "--build-arg",
      `${name}=${base}`,
    ]);
    await this.output([
      ...["buildah", "bud", "--isolation", "chroot", "--format", "docker"],
      ...["--ulimit", "nofile=1024:1024", ...names, "--tag", image, "."],
    ]);
  }

  /** Ends all that runs, and removes all that was made. */
  [Symbol.dispose](): void {
    process.off("exit", this.#leave);
    if (!existsSync(this.#folder)) return;
    const now = (...command: string[]) =>
      Bun.spawnSync(this.inside(command), { env: this.environment, stdout: "ignore" });
    // Control groups are not in a namespace.
    now("podman", "rm", "--force", "--all", "--time", "0");
    now("kill", "-KILL", "-1");
    this.#first.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
