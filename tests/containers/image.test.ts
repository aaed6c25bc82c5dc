/**
 * The Dockerfile and compose.yaml, built and run for real: by buildah, podman and podman-compose,
 * with base images made from this machine's files in place of the public ones.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { until as untilTried } from "../harness/processes.ts";
import { SENTINEL_MISSING, SENTINEL_PERIODS } from "../harness/sentinel.ts";
import { skips, without } from "../harness/skips.ts";
import { Terminal } from "../harness/terminal.ts";
import { CONTAINERS_MISSING, Engine } from "./engine.ts";

const IMAGE = "localhost/stormdb-test";
const BASE = "localhost/stormdb-test-base";
const BUN = "localhost/stormdb-test-bun";
const REDIS = "localhost/stormdb-test-redis";
/** Nothing in the container can be written but its volume, as compose.yaml has it. */
const HARDENED = [
  "--read-only",
  "--read-only-tmpfs=false",
  "--cap-drop",
  "ALL",
  "--security-opt",
  "no-new-privileges",
];
setDefaultTimeout(200_000);

/** Each try runs a container's command, which takes a while of its own. */
const TRIES = 300;
const until = (what: string, condition: () => Promise<boolean>) =>
  untilTried(what, condition, TRIES);

describe.skipIf(skips(CONTAINERS_MISSING))("containers", () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = await Engine.start();
    await engine.makeBase(BASE);
    await engine.makeBun(BUN);
    await engine.build(IMAGE, { BUN_IMAGE: BUN, BASE_IMAGE: BASE });
  });

  afterAll(() => engine[Symbol.dispose]());

  const cli = async (container: string, ...words: string[]): Promise<string> =>
    (await engine.podman("exec", container, "stormdb", "cli", ...words)).trim();

  const answers = (container: string, ...options: string[]) =>
    until(`${container} answers`, async () => {
      const command = ["podman", "exec", container, "stormdb", "cli", ...options, "PING"];
      return (await engine.run(command)).stdout === "PONG\n";
    });

  /** A server in a container of its own with a volume of its own; gone with its test. */
  async function container(name: string, ...options: string[]): Promise<AsyncDisposable> {
    const volume = ["--volume", `${name}-data:/data`];
    await engine.podman("run", "--detach", "--name", name, ...volume, ...options, IMAGE);
    await answers(name);
    return {
      [Symbol.asyncDispose]: async () => {
        await engine.podman("rm", "--force", "--time", "0", name);
        await engine.podman("volume", "rm", `${name}-data`);
      },
    };
  }

  test("the image holds the binary, its names and the folder for data, and else only the base", async () => {
    const base = new Set(await engine.files(BASE));
    const added = (await engine.files(IMAGE)).filter((name) => !base.has(name));
    expect(added.sort()).toEqual([
      "data/",
      "usr/local/bin/stormdb",
      "usr/local/bin/stormdb-cli",
      "usr/local/bin/stormdb-monitor",
      "usr/local/bin/stormdb-server",
    ]);
  });

  test("what the image says of itself", async () => {
    const [image] = JSON.parse(await engine.podman("image", "inspect", IMAGE));
    const { Config: config, HealthCheck, Healthcheck } = image;
    expect({
      entrypoint: config.Entrypoint,
      command: config.Cmd,
      user: config.User,
      folder: config.WorkingDir,
      volumes: Object.keys(config.Volumes),
      ports: Object.keys(config.ExposedPorts),
      signal: config.StopSignal,
      title: config.Labels["org.opencontainers.image.title"],
      health: (config.Healthcheck ?? HealthCheck ?? Healthcheck).Test,
    }).toEqual({
      entrypoint: ["/usr/local/bin/stormdb"],
      command: ["server"],
      user: "65532:65532",
      folder: "/data",
      volumes: ["/data"],
      ports: ["6379/tcp"],
      signal: "SIGTERM",
      title: "StormDB",
      health: ["CMD", "/usr/local/bin/stormdb", "cli", "-e", "PING"],
    });
  });

  test("the server runs without rights on a file system that cannot be written", async () => {
    await using _ = await container("storm-rights", ...HARDENED);
    const pid = await engine.podman("inspect", "--format", "{{.State.Pid}}", "storm-rights");
    const status = await engine.output(["cat", `/proc/${pid.trim()}/status`]);
    const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1];
    expect({ user: field("Uid"), group: field("Gid"), rights: field("CapEff") }).toEqual({
      user: "65532\t65532\t65532\t65532",
      group: "65532\t65532\t65532\t65532",
      rights: "0000000000000000",
    });
    expect(await cli("storm-rights", "SET", "key", "value")).toBe("OK");
    expect(await cli("storm-rights", "SAVE")).toBe("OK");
    const command = ["podman", "exec", "storm-rights", "stormdb-server", "--logfile", "/etc/log"];
    expect((await engine.run(command)).stderr).toContain("EROFS");
  });

  test("the other names are commands", async () => {
    await using _ = await container("storm-names", ...HARDENED);
    const words = ["exec", "storm-names", "stormdb-cli"];
    expect(await engine.podman(...words, "ECHO", "hello")).toBe("hello\n");
    const server = ["--entrypoint", "/usr/local/bin/stormdb-server", IMAGE, "--port", "x"];
    const refused = await engine.run(["podman", "run", "--rm", ...server]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("port");
  });

  test("the health check tells a server that serves from one that does not", async () => {
    await using _ = await container("storm-health", ...HARDENED);
    const check = async () =>
      (await engine.run(["podman", "healthcheck", "run", "storm-health"])).code;
    expect(await check()).toBe(0);
    await cli("storm-health", "CONFIG", "SET", "requirepass", "secret");
    expect(await check()).toBe(1);
  });

  test("a server with arguments of one's own is reached from outside", async () => {
    const own = [
      "--publish",
      "7000:7000",
      IMAGE,
      "server",
      "--port",
      "7000",
      "--appendonly",
      "yes",
    ];
    await engine.podman("run", "--detach", "--name", "storm-own", ...HARDENED, ...own);
    await answers("storm-own", "-p", "7000");
    expect(await engine.output(["./stormdb", "cli", "-p", "7000", "PING"])).toBe("PONG\n");
    await engine.podman("rm", "--force", "--time", "0", "storm-own");
  });

  test("SIGTERM saves", async () => {
    await using _ = await container("storm-term", ...HARDENED);
    await cli("storm-term", "SET", "key", "value");
    await engine.podman("kill", "--signal", "TERM", "storm-term");
    expect((await engine.podman("wait", "storm-term")).trim()).toBe("0");
    await engine.podman("start", "storm-term");
    await answers("storm-term");
    expect(await cli("storm-term", "GET", "key")).toBe("value");
  });

  test("the memory limit of the container is in INFO and in the log", async () => {
    await using _ = await container("storm-memory", ...HARDENED, "--memory", "256m");
    const info = (await cli("storm-memory", "INFO", "memory"))
      .split("\n")
      .map((line) => line.trim());
    expect(info.filter((line) => line.startsWith("cgroup_"))).toEqual([
      "cgroup_memory_limit:268435456",
      "cgroup_memory_limit_human:256.00M",
    ]);
    const { stdout, stderr } = await engine.run(["podman", "logs", "storm-memory"]);
    expect(stdout + stderr).toContain("The memory of this control group is limited to 256.00M");
  });

  describe("compose.yaml", () => {
    const PROJECT = "storm-compose";
    const name = (service: string) => `${PROJECT}_${service}_1`;
    const VARIABLES = {
      // What it says of itself and what commands print come in order.
      PYTHONUNBUFFERED: "1",
      STORMDB_IMAGE: IMAGE,
      REDIS_IMAGE: REDIS,
    };

    /** This podman-compose knows no profiles: services are named. */
    const composeWith = (...words: string[]): string[] => [
      ...["podman-compose", "-f", "compose.yaml", "-p", PROJECT],
      ...words,
    ];
    const compose = (...words: string[]): Promise<string> =>
      engine.output(composeWith(...words), VARIABLES);

    /** As a user does it, less what podman-compose tells about itself. */
    const exec = async (service: string, ...words: string[]): Promise<string> =>
      (await compose("exec", "-T", service, "stormdb", "cli", ...words)).trim();

    /** A program of this machine that is in no container. */
    const outside = async (...words: string[]): Promise<string> =>
      (await engine.output(["./stormdb", "cli", ...words])).trim();

    const replicated = (key: string, value: string) =>
      until(`the replica has ${key}`, async () => {
        return (await cli(name("replica"), "-p", "6380", "GET", key)) === value;
      });

    beforeAll(async () => {
      await compose("up", "-d", "--no-build", "primary", "replica");
      await answers(name("primary"));
      await answers(name("replica"), "-p", "6380");
    });

    test("what is written on the primary is read on the replica", async () => {
      expect(await exec("primary", "SET", "framework", "Bun")).toBe("OK");
      await replicated("framework", "Bun");
      expect(await exec("replica", "-p", "6380", "GET", "framework")).toBe("Bun");
      const refused = await cli(name("replica"), "-p", "6380", "SET", "framework", "x");
      expect(refused).toStartWith("READONLY");
    });

    test("both are reached from outside", async () => {
      expect(await outside("SET", "from", "outside")).toBe("OK");
      await replicated("from", "outside");
      expect(await outside("-p", "6380", "GET", "from")).toBe("outside");
    });

    test("a primary that was killed has its data again, and its replica follows", async () => {
      const primary = name("primary");
      expect(await cli(primary, "SET", "before", "the kill")).toBe("OK");
      await engine.podman("kill", "--signal", "KILL", primary);
      // The restart policy may have been quicker.
      await engine.run(["podman", "start", primary]);
      await answers(primary);
      expect(await cli(primary, "GET", "before")).toBe("the kill");
      expect(await cli(primary, "SET", "after", "the kill")).toBe("OK");
      await replicated("after", "the kill");
    });

    test.skipIf(without("tmux"))(
      "profile monitor: the dashboard of the primary, in a terminal",
      async () => {
        const command = engine.inside(composeWith("run", "--rm", "--no-deps", "monitor"));
        const environment = { ...engine.environment, ...VARIABLES };
        await using terminal = new Terminal(command, { width: 100, height: 30, env: environment });
        // A container takes a while to start, above all on a busy machine.
        await terminal.shows("● connected", TRIES * 10);
        expect(terminal.text()).toContain(" primary:6379  StormDB ");
        const [id] = (await engine.podman("ps", "--quiet", "--latest")).trim().split("\n");
        const [run] = JSON.parse(await engine.podman("inspect", id!));
        expect({
          name: run.ImageName,
          readonly: run.HostConfig.ReadonlyRootfs,
          rights: run.EffectiveCaps ?? [],
        }).toEqual({ name: `${IMAGE}:latest`, readonly: true, rights: [] });
        terminal.keys("q");
        await terminal.shows("exit code 0");
      },
    );

    test.skipIf(skips(SENTINEL_MISSING) || without("redis-cli"))(
      "profile ha: the sentinels make a replica the primary, and the old one follows it",
      async () => {
        await engine.makeRedis(REDIS);
        const sentinels = ["sentinel1", "sentinel2", "sentinel3"];
        await compose("up", "-d", "--no-build", "replica2", ...sentinels);
        const ask = async (sentinel: string, ...words: string[]): Promise<string> => {
          const command = ["podman", "exec", name(sentinel), "redis-cli", "-p", "26379"];
          return (await engine.run([...command, "SENTINEL", ...words])).stdout.trim();
        };
        const field = (text: string, name: string) =>
          new RegExp(`^${name}\n(.*)$`, "m").exec(text)?.[1];
        for (const sentinel of sentinels) {
          await until(`${sentinel} answers`, async () => {
            return (await ask(sentinel, "DEBUG", ...SENTINEL_PERIODS)) === "OK";
          });
          await until(`${sentinel} knows of all`, async () => {
            const known = await ask(sentinel, "MASTER", "stormdb");
            return (
              field(known, "num-slaves") === "2" && field(known, "num-other-sentinels") === "2"
            );
          });
        }
        const primary = name("primary");
        expect(await cli(primary, "SET", "kept", "yes")).toBe("OK");
        expect(await cli(primary, "WAIT", "2", "30000")).toBe("2");

        await engine.podman("stop", "--time", "0", primary);
        const role = async (container: string, port: string) =>
          /role:(\w+)/.exec(await cli(container, "-p", port, "INFO", "replication"))?.[1];
        let address = "";
        await until("another one is the primary", async () => {
          address = await ask("sentinel1", "GET-MASTER-ADDR-BY-NAME", "stormdb");
          return address !== "10.63.79.2\n6379";
        });
        const [service, port] = address.endsWith(".3\n6380")
          ? ["replica", "6380"]
          : ["replica2", "6381"];
        expect(address).toBe(`10.63.79.${service === "replica" ? 3 : 4}\n${port}`);
        await until("it is so", async () => (await role(name(service), port)) === "master");
        // From outside, with what Sentinel tells.
        const [host] = address.split("\n");
        expect(await outside("-h", host!, "-p", port, "GET", "kept")).toBe("yes");

        await engine.podman("start", primary);
        await answers(primary);
        await until(
          "the old primary follows",
          async () => (await role(primary, "6379")) === "slave",
        );
        expect(await outside("-h", host!, "-p", port, "SET", "later", "on")).toBe("OK");
        await until("the old primary has what came later", async () => {
          return (await cli(primary, "GET", "later")) === "on";
        });
      },
    );
  });
});
