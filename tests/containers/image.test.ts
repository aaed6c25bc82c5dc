/**
 * The Dockerfile and compose.yaml, built and run for real: by buildah, podman and podman-compose,
 * with base images made from this machine's files in place of the public ones.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { freePort, REDIS_CLI, until as untilTried } from "../harness/processes.ts";
import { SENTINEL_MISSING } from "../harness/sentinel.ts";
import { CONTAINERS_MISSING, type Ended, Engine } from "./engine.ts";

if (CONTAINERS_MISSING !== "") console.log(`Skipped, tests/containers: ${CONTAINERS_MISSING}.`);

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
const LONG_MS = 200_000;

/** Each try runs a container's command, which takes a while of its own. */
const TRIES = 300;
const until = (what: string, condition: () => Promise<boolean>) =>
  untilTried(what, condition, TRIES);

describe.skipIf(CONTAINERS_MISSING !== "")("containers", () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = new Engine();
    await engine.makeBase(BASE);
    await engine.makeBun(BUN);
    await engine.build(IMAGE, { BUN_IMAGE: BUN, BASE_IMAGE: BASE });
  }, LONG_MS);

  afterAll(() => engine[Symbol.dispose](), LONG_MS);

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
      health: (config.Healthcheck ?? HealthCheck ?? Healthcheck).Test,
    }).toEqual({
      entrypoint: ["/usr/local/bin/stormdb"],
      command: ["server", "--protected-mode", "no"],
      user: "65532:65532",
      folder: "/data",
      volumes: ["/data"],
      ports: ["6379/tcp"],
      signal: "SIGTERM",
      health: ["CMD", "/usr/local/bin/stormdb", "cli", "-e", "PING"],
    });
  });

  test("the server runs without rights on a file system that cannot be written", async () => {
    await using _ = await container("storm-rights", ...HARDENED);
    const pid = await engine.podman("inspect", "--format", "{{.State.Pid}}", "storm-rights");
    const status = readFileSync(`/proc/${pid.trim()}/status`, "latin1");
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
    const PRIMARY = `${PROJECT}_primary_1`;
    let variables: Record<string, string>;

    /** This podman-compose knows no profiles: services are named. */
    const compose = (...words: string[]): Promise<string> =>
      engine.output(["podman-compose", "-f", "compose.yaml", "-p", PROJECT, ...words], variables);

    /** As a user does it, less what podman-compose tells about itself. */
    const exec = async (service: string, ...words: string[]): Promise<string> => {
      const printed = await compose("exec", "-T", service, "stormdb", "cli", ...words);
      const reply = /^podman exec .*\n([\s\S]*?)exit code: \d+\n$/m.exec(printed)?.[1];
      if (reply === undefined) throw new Error(`podman-compose printed ${printed}`);
      return reply.trim();
    };

    const role = async (service: string, port: string) =>
      /role:(\w+)/.exec(await exec(service, "-p", port, "INFO", "replication"))?.[1];

    beforeAll(async () => {
      const ports = await Promise.all([freePort(), freePort(), freePort()]);
      variables = {
        // What it says of itself and what commands print come in order.
        PYTHONUNBUFFERED: "1",
        STORMDB_IMAGE: IMAGE,
        REDIS_IMAGE: REDIS,
        STORMDB_PORT: String(ports[0]),
        STORMDB_REPLICA_PORT: String(ports[1]),
        STORMDB_REPLICA2_PORT: String(ports[2]),
      };
      await compose("up", "-d", "--no-build", "primary", "replica");
      await answers(PRIMARY);
      await answers(`${PROJECT}_replica_1`, "-p", "6380");
    }, LONG_MS);

    afterAll(async () => {
      await compose("down", "-v", "-t", "0");
    }, LONG_MS);

    const replicated = (key: string, value: string) =>
      until(`the replica has ${key}`, async () => {
        return (await exec("replica", "-p", "6380", "GET", key)) === value;
      });

    test("what is written on the primary is read on the replica", async () => {
      expect(await exec("primary", "SET", "framework", "Bun")).toBe("OK");
      await replicated("framework", "Bun");
      expect(await exec("replica", "-p", "6380", "SET", "framework", "x")).toStartWith("READONLY");
    });

    test("the primary is reached from outside", async () => {
      expect(await exec("primary", "SET", "inside", "yes")).toBe("OK");
      const words = ["-p", variables.STORMDB_PORT!, "GET", "inside"];
      expect(await engine.output(["./stormdb", "cli", ...words])).toBe("yes\n");
    });

    test(
      "a primary that was killed has its data again, and its replica follows",
      async () => {
        expect(await exec("primary", "SET", "before", "the kill")).toBe("OK");
        await engine.podman("kill", "--signal", "KILL", PRIMARY);
        // The restart policy may have been quicker.
        await engine.run(["podman", "start", PRIMARY]);
        await answers(PRIMARY);
        expect(await exec("primary", "GET", "before")).toBe("the kill");
        expect(await exec("primary", "SET", "after", "the kill")).toBe("OK");
        await replicated("after", "the kill");
      },
      LONG_MS,
    );

    test.skipIf(SENTINEL_MISSING !== "" || REDIS_CLI === null)(
      "profile ha: the sentinels make a replica the primary, and the old one follows it",
      async () => {
        await engine.makeRedis(REDIS);
        const sentinels = ["sentinel1", "sentinel2", "sentinel3"];
        await compose("up", "-d", "--no-build", "replica2", ...sentinels);
        const ask = async (sentinel: string, ...words: string[]): Promise<Ended> => {
          const command = ["podman", "exec", `${PROJECT}_${sentinel}_1`];
          return engine.run([...command, "redis-cli", "-p", "26379", ...words]);
        };
        const field = (text: string, name: string) =>
          new RegExp(`^${name}\n(.*)$`, "m").exec(text)?.[1];
        for (const sentinel of sentinels) {
          await until(`${sentinel} knows of all`, async () => {
            const { stdout } = await ask(sentinel, "SENTINEL", "MASTER", "stormdb");
            return (
              field(stdout, "num-slaves") === "2" && field(stdout, "num-other-sentinels") === "2"
            );
          });
        }
        expect(await exec("primary", "SET", "kept", "yes")).toBe("OK");
        expect(await exec("primary", "WAIT", "2", "30000")).toBe("2");

        await engine.podman("stop", "--time", "0", PRIMARY);
        let address: string[] = [];
        await until("another one is the primary", async () => {
          const words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "stormdb"];
          address = (await ask("sentinel1", ...words)).stdout.trim().split("\n");
          return address[0] !== "primary" && (await role(address[0]!, address[1]!)) === "master";
        });
        expect([
          ["replica", "6380"],
          ["replica2", "6381"],
        ]).toContainEqual(address);
        expect(await exec(address[0]!, "-p", address[1]!, "GET", "kept")).toBe("yes");

        await engine.podman("start", PRIMARY);
        await answers(PRIMARY);
        await until(
          "the old primary follows",
          async () => (await role("primary", "6379")) === "slave",
        );
        expect(await exec(address[0]!, "-p", address[1]!, "SET", "later", "on")).toBe("OK");
        await until("the old primary has what came later", async () => {
          return (await exec("primary", "GET", "later")) === "on";
        });
      },
      LONG_MS,
    );
  });
});
