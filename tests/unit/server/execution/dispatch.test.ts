import { describe, expect, test } from "bun:test";
import type { Context } from "../../../../src/commands/context.ts";
import {
  AFTER_WAIT,
  FROM_CLIENT,
  FROM_FILE,
  FROM_PRIMARY,
  IN_EXEC,
} from "../../../../src/server/execution/dispatch.ts";
import { FileClient } from "../../../../src/server/execution/file-client.ts";
import { PrimaryClient } from "../../../../src/server/execution/primary-client.ts";
import { STRING } from "../../../../src/store/entry.ts";
import { Harness, requestOf, specOf } from "./harness.ts";

const MODES = { FROM_CLIENT, IN_EXEC, AFTER_WAIT, FROM_FILE, FROM_PRIMARY };
type Mode = keyof typeof MODES;

/** What the handler saw when it ran. */
interface Seen {
  readonly mayBlock: boolean;
  readonly touching: boolean;
  readonly expiryPaused: boolean;
  readonly hasJournal: boolean;
}

function harness() {
  const seen: Seen[] = [];
  const made = new Harness([
    specOf("change", "write", (c) => {
      seen.push({
        mayBlock: c.mayBlock,
        touching: c.keyspace.touching,
        expiryPaused: c.keyspace.expiryPaused,
        hasJournal: c.journal !== null,
      });
      c.dirty++;
      c.reply.ok();
    }),
    specOf("secret", "write", (c) => {
      c.secrets.push(1);
      c.reply.ok();
    }),
    specOf("fail", "write", (c) => c.reply.error("ERR no")),
    specOf("crash", "write", (c) => {
      c.secrets.push(1);
      c.dirty++;
      throw new Error("a bug");
    }),
    specOf("wait", "write", (c) => {
      if (!c.block(STRING, 1, 1, 0)) c.reply.null();
    }),
    specOf("about", "noscript", (c: Context) => c.reply.ok()),
    specOf("select", "loading", (c) => c.reply.error("ERR DB index is out of range")),
    specOf("once", "readonly", (c) => c.reply.ok(), { arity: 1 }),
  ]);
  /** Runs a command in a mode; returns the error of a run that nobody is answered for, or "". */
  const run = (mode: Mode, client = made.client(), ...words: string[]): string => {
    const request = requestOf(...words);
    const command = made.dispatch.find(request)!;
    made.dispatch.beginBatch();
    const isSilent = mode === "FROM_FILE" || mode === "FROM_PRIMARY";
    let error = "";
    if (isSilent) error = made.dispatch.executeSilently(command, client, request, MODES[mode]);
    else made.dispatch.execute(command, client, request, MODES[mode]);
    made.dispatch.endBatch();
    made.propagation.flush();
    return error;
  };
  return { made, seen, run };
}

const ALL = Object.keys(MODES) as Mode[];

describe("what belongs to a run", () => {
  test.each<[Mode, Partial<Seen>, { propagated: boolean; counted: boolean; measured: boolean }]>([
    [
      "FROM_CLIENT",
      { mayBlock: true, expiryPaused: false, hasJournal: true },
      { propagated: true, counted: true, measured: true },
    ],
    [
      "IN_EXEC",
      { mayBlock: false, expiryPaused: false, hasJournal: true },
      { propagated: true, counted: true, measured: true },
    ],
    [
      "AFTER_WAIT",
      { mayBlock: true, expiryPaused: false, hasJournal: true },
      { propagated: true, counted: true, measured: false },
    ],
    [
      "FROM_FILE",
      { mayBlock: false, expiryPaused: true, hasJournal: false },
      { propagated: false, counted: false, measured: false },
    ],
    [
      "FROM_PRIMARY",
      { mayBlock: false, expiryPaused: true, hasJournal: true },
      { propagated: true, counted: true, measured: false },
    ],
  ])("%s", (mode, context, { counted, measured, propagated }) => {
    const { made, run, seen } = harness();
    run(mode, undefined, "change", "k");
    expect(seen).toEqual([{ touching: true, ...context } as Seen]);
    expect(made.propagated).toEqual(propagated ? ["SELECT 0 change k"] : []);
    expect(made.persistence.changes).toEqual(propagated ? 1 : 0);
    expect(made.dispatch.calls).toEqual(counted ? 1 : 0);
    expect(made.table.commands.get("change")!.calls).toEqual(measured ? 1 : 0);
    expect(made.keyspace.expiryPaused).toEqual(false);
  });

  test.each(ALL)("%s: the access clock is set, unless this client says NO-TOUCH", (mode) => {
    const { made, run, seen } = harness();
    const noTouch = made.client();
    noTouch.noTouch = true;
    run("FROM_CLIENT", noTouch, "change");
    run(mode, undefined, "change");
    run("FROM_CLIENT", noTouch, "change");
    expect(seen.map(({ touching }) => touching)).toEqual([false, true, false]);
  });

  test.each(ALL)("%s: a secret is not shown with the next command", (mode) => {
    const { made, run } = harness();
    made.slowlog.thresholdUsec = 0;
    run(mode, undefined, "secret", "word");
    run("FROM_CLIENT", undefined, "change", "shown");
    run("IN_EXEC", undefined, "change", "shown");
    expect(made.slowlog.entries.slice(0, 2).map(({ args }) => args)).toEqual([
      ["change", "shown"],
      ["change", "shown"],
    ]);
  });
});

describe("a handler that throws", () => {
  test.each<Mode>(["FROM_CLIENT", "IN_EXEC", "AFTER_WAIT"])("%s: an error reply", (mode) => {
    const { made, run } = harness();
    run(mode, undefined, "crash", "word");
    expect(made.takeReply()).toEqual("-ERR internal error, see the server's log\r\n");
    expect(made.log.join()).toContain("crash failed: Error: a bug");
    expect(made.table.commands.get("crash")!.failed).toEqual(1);
  });

  test.each<Mode>(["FROM_FILE", "FROM_PRIMARY"])(
    "%s: throws, and leaves nothing behind",
    (mode) => {
      const { made, run, seen } = harness();
      expect(() => run(mode, undefined, "crash", "word")).toThrow("a bug");
      expect(made.keyspace.expiryPaused).toEqual(false);
      expect(made.takeReply()).toEqual("");
      made.slowlog.thresholdUsec = 0;
      run("FROM_CLIENT", undefined, "change", "shown");
      expect(seen[0]).toEqual({
        mayBlock: true,
        touching: true,
        expiryPaused: false,
        hasJournal: true,
      });
      expect(made.slowlog.entries[0]!.args).toEqual(["change", "shown"]);
    },
  );
});

test("a reply that nobody gets is taken back, its error is told, and others' replies stay", () => {
  const { made, run } = harness();
  run("FROM_CLIENT", undefined, "change");
  expect(run("FROM_PRIMARY", undefined, "fail")).toEqual("-ERR no");
  expect(run("FROM_FILE", undefined, "change")).toEqual("");
  expect(made.takeReply()).toEqual("+OK\r\n");
  expect(made.dispatch.unexpectedErrors).toEqual(1);
  expect(made.table.commands.get("fail")!.failed).toEqual(0);
});

test("EXEC's commands do not disturb what EXEC's own context holds", () => {
  const contexts = new Set<Context>();
  const made: Harness = new Harness([
    specOf("outer", "write", (c) => {
      contexts.add(c);
      const { args } = c;
      c.secrets.push(1);
      const request = requestOf("inner", "x");
      made.dispatch.executeQueued(client, made.dispatch.find(request)!, request);
      expect([c.args, c.mayBlock, c.secrets]).toEqual([args, true, [1]]);
      c.reply.text(c.args.text(1));
    }),
    specOf("inner", "write", (c) => {
      contexts.add(c);
      c.dirty++;
      c.reply.ok();
    }),
  ]);
  const client = made.client();
  expect(made.call(client, "outer", "y")).toEqual("+OK\r\n$1\r\ny\r\n");
  expect(contexts.size).toEqual(2);
  expect(made.propagated).toEqual(["SELECT 0 inner x"]);
});

describe("a command from the append-only file", () => {
  function fileClient() {
    const { made } = harness();
    const client = new FileClient(made.keyspace.databases[0]!, made.dispatch, {
      warning: (message: string) => made.log.push(message),
    } as never);
    return { made, client };
  }

  test("about a connection is skipped, and logged once", () => {
    const { client, made } = fileClient();
    client.run(requestOf("about", "c"));
    client.run(requestOf("about", "c"));
    expect(made.log).toEqual([
      "Skipped 'about' in the append only file: it is not about data but about a connection or the process",
    ]);
    expect(made.table.commands.get("about")!.calls).toEqual(0);
  });

  test("that would block does not", () => {
    const { client } = fileClient();
    client.run(requestOf("wait", "k"));
    expect(client.isWaiting).toEqual(false);
  });

  test("that failed may fail again, but not SELECT", () => {
    const { client } = fileClient();
    client.run(requestOf("fail"));
    expect(() => client.run(requestOf("select", "99"))).toThrow("there is no database '99'");
  });

  test("that is none ends the replay", () => {
    const { client } = fileClient();
    expect(() => client.run(requestOf("no\x01ne"))).toThrow("unknown command 'no?ne'");
    expect(() => client.run(requestOf("once", "x"))).toThrow(
      "wrong number of arguments for 'once'",
    );
  });
});

test("a command of the primary that cannot be run is logged and leaves the others alone", () => {
  const { made } = harness();
  const log = { warning: (message: string) => made.log.push(message) } as never;
  const client = new PrimaryClient(
    made.keyspace.databases[0]!,
    () => made.dispatch,
    log,
    () => 0,
  );
  for (const name of ["none", "about", "fail", "change"]) client.run(requestOf(name));
  made.propagation.flush();
  expect(made.log).toEqual([
    "The master sent a command that is unknown here: 'none'. The data is not the same any more.",
    "The master sent a 'about' that cannot be repeated.",
    "This replica fails to repeat 'fail': -ERR no",
  ]);
  expect(made.propagated).toEqual(["SELECT 0 change"]);
});
