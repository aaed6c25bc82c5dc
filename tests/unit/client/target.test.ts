import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  connectTo,
  isLocal,
  leadingInteger,
  type Target,
  TargetOptions,
  targetName,
  UsageError,
} from "../../../src/client/target.ts";

let passwordBefore: string | undefined;

beforeAll(() => {
  passwordBefore = process.env.REDISCLI_AUTH;
  delete process.env.REDISCLI_AUTH;
});

afterAll(() => {
  if (passwordBefore !== undefined) process.env.REDISCLI_AUTH = passwordBefore;
});

/** Reads the words as a command line of these options alone. */
function read(...words: string[]): TargetOptions {
  const options = new TargetOptions();
  while (words.length > 0) {
    const option = words.shift()!;
    expect([option, options.take(option, () => words.shift()!)]).toEqual([option, true]);
  }
  return options;
}

const USUAL: Target = {
  host: "127.0.0.1",
  port: 6379,
  path: undefined,
  user: undefined,
  password: undefined,
  database: 0,
  security: undefined,
};

describe("options", () => {
  test("without any it is the server that redis-cli takes", () => {
    expect(read().target).toEqual(USUAL);
    expect(read().passwordSeen).toBe(false);
  });

  test.each<[string, Partial<Target>]>([
    ["-h example.com", { host: "example.com" }],
    ["--host ::1", { host: "::1" }],
    ["-p 7000", { port: 7000 }],
    ["--port 0", { port: 0 }],
    ["-p 65535", { port: 65535 }],
    ["-s /tmp/a.sock", { path: "/tmp/a.sock" }],
    ["-a secret", { password: "secret" }],
    ["--pass secret --user alice", { password: "secret", user: "alice" }],
    ["-n 3", { database: 3 }],
    ["-n 3x", { database: 3 }],
    ["-n x", { database: 0 }],
    ["-h a -h b", { host: "b" }],
    ["--tls", { security: {} }],
    ["--sni a", { security: undefined }],
    ["--sni a --tls", { security: { serverName: "a" } }],
    ["--tls --sni a", { security: { serverName: "a" } }],
    [
      "--tls --cacert a --cert b --key c --insecure",
      { security: { caFile: "a", certFile: "b", keyFile: "c", unchecked: true } },
    ],
    ["--insecure -u rediss://a", { host: "a", security: { unchecked: true } }],
  ])("%s", (line, expected) => {
    expect(read(...line.split(" ")).target).toEqual({ ...USUAL, ...expected });
  });

  test.each(["65536", "-1"])("port %s is refused", (port) => {
    expect(() => read("-p", port)).toThrow(new UsageError("Invalid server port."));
  });

  test("others are left to whoever asks", () => {
    const value = () => {
      throw new Error("no value is asked for");
    };
    for (const option of ["--nosuch", "-x", "GET", ""]) {
      expect(new TargetOptions().take(option, value)).toBe(false);
    }
  });

  test("a password on the command line is noticed, one of the environment is not", () => {
    expect(read("-a", "x").passwordSeen).toBe(true);
    expect(read("-u", "redis://:x@a").passwordSeen).toBe(true);
    expect(read("-u", "redis://a").passwordSeen).toBe(false);
    process.env.REDISCLI_AUTH = "from the environment";
    try {
      const options = new TargetOptions();
      expect([options.target.password, options.passwordSeen]).toEqual([
        "from the environment",
        false,
      ]);
    } finally {
      delete process.env.REDISCLI_AUTH;
    }
  });
});

describe("URIs", () => {
  test.each<[string, Partial<Target>]>([
    ["redis://", {}],
    ["redis://a", { host: "a" }],
    ["redis://a:7000", { host: "a", port: 7000 }],
    ["redis://:7000", { port: 7000 }],
    ["redis://a/3", { host: "a", database: 3 }],
    ["redis://a:7000/3", { host: "a", port: 7000, database: 3 }],
    ["redis://[::1]:7000", { host: "::1", port: 7000 }],
    ["redis://[::1]", { host: "::1" }],
    ["redis://secret@a", { password: "secret", host: "a" }],
    ["redis://:secret@a", { password: "secret", host: "a" }],
    ["redis://alice:secret@a", { user: "alice", password: "secret", host: "a" }],
    ["redis://alice:a%40b%3Ac@h", { user: "alice", password: "a@b:c", host: "h" }],
    ["redis://alice:a@b@h", { user: "alice", password: "a@b", host: "h" }],
    ["rediss://a", { host: "a", security: {} }],
    ["REDIS://a", { host: "a" }],
  ])("%s", (uri, expected) => {
    expect(read("-u", uri).target).toEqual({ ...USUAL, ...expected });
  });

  test.each([
    ["http://a", "Invalid URI scheme"],
    ["a:6379", "Invalid URI scheme"],
    ["", "Invalid URI scheme"],
    ["redis://%zz@a", "Illegal character in URI encoding"],
    ["redis://%ff:x@a", "Illegal character in URI encoding"],
  ])("%p is refused", (uri, message) => {
    expect(() => read("-u", uri)).toThrow(new UsageError(message));
  });
});

test("an integer is read as far as there is one", () => {
  const texts = ["12", " 12", "+12", "-12", "12ab", "ab", "", "1.5", "0x10"];
  expect(texts.map(leadingInteger)).toEqual([12, 12, 12, -12, 12, 0, 0, 1, 0]);
});

test("a target is named as it is reached", () => {
  expect(targetName(USUAL)).toBe("127.0.0.1:6379");
  expect(targetName({ ...USUAL, host: "::1" })).toBe("[::1]:6379");
  expect(targetName({ ...USUAL, path: "/tmp/a.sock" })).toBe("/tmp/a.sock");
});

test("what is on this machine", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1"]) {
    expect([host, isLocal({ ...USUAL, host })]).toEqual([host, true]);
  }
  for (const host of ["10.0.0.1", "example.com", "1270.example.com", "12.7.0.1"]) {
    expect([host, isLocal({ ...USUAL, host })]).toEqual([host, false]);
  }
  expect(isLocal({ ...USUAL, host: "example.com", path: "/tmp/a.sock" })).toBe(true);
});

describe("a connection is made ready", () => {
  /** Answers each command with the next reply, and keeps what came. */
  function serve(replies: readonly string[]) {
    let received = "";
    let answered = 0;
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, bytes) {
          received += bytes.toString("latin1");
          const came = received.match(/^\*/gm)?.length ?? 0;
          for (; answered < came; answered++) socket.write(replies[answered] ?? "+OK\r\n");
        },
      },
    });
    return {
      port: listener.port,
      /** The commands, a line each. */
      get commands(): string[] {
        const commands = received.split(/^\*\d+\r\n/m).slice(1);
        return commands.map((text) =>
          text
            .replace(/\$\d+\r\n/g, "")
            .trim()
            .replaceAll("\r\n", " "),
        );
      },
      [Symbol.dispose]: () => listener.stop(true),
    };
  }

  test.each<[string, Partial<Target>, number, string[]]>([
    ["nothing is asked for", {}, 2, []],
    ["a password", { password: "x" }, 2, ["AUTH x"]],
    ["a user", { password: "x", user: "alice" }, 2, ["AUTH alice x"]],
    ["a user without a password", { user: "alice" }, 2, []],
    ["a database", { database: 3 }, 2, ["SELECT 3"]],
    ["all of it", { password: "x", database: 3 }, 3, ["AUTH x", "SELECT 3", "HELLO 3"]],
  ])("%s", async (_, target, protocol, commands) => {
    using server = serve([]);
    const refused: string[] = [];
    const client = await connectTo(
      { ...USUAL, port: server.port, ...target },
      protocol,
      (...what) => refused.push(what.join(": ")),
    );
    client.close();
    expect(server.commands).toEqual(commands);
    expect(refused).toEqual([]);
  });

  test("what is refused is told, and the rest goes on", async () => {
    using server = serve(["-WRONGPASS no\r\n", "-ERR out of range\r\n", "-NOPROTO no\r\n"]);
    const refused: string[] = [];
    const target = { ...USUAL, port: server.port, password: "x", database: 99 };
    const client = await connectTo(target, 3, (...what) => refused.push(what.join(": ")));
    client.close();
    expect(refused).toEqual([
      "AUTH: WRONGPASS no",
      "SELECT: ERR out of range",
      "HELLO 3: NOPROTO no",
    ]);
  });

  test("nobody there is told with the target's name", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = listener;
    listener.stop(true);
    const connecting = connectTo({ ...USUAL, port }, 2, () => {});
    await expect(connecting).rejects.toThrow(
      `Could not connect to Redis at 127.0.0.1:${port}: Connection refused`,
    );
  });
});
