/** Dispatch with a table of commands of a test's own, and the parts that it needs. */

import { latin1, latin1Text } from "../../../../src/base/bytes.ts";
import { Clock } from "../../../../src/base/clock.ts";
import { Hash } from "../../../../src/base/key-hash.ts";
import { Log } from "../../../../src/base/log.ts";
import { Random } from "../../../../src/base/random.ts";
import type { Services } from "../../../../src/commands/services/services.ts";
import type { CommandSpec, Handler } from "../../../../src/commands/spec/command.ts";
import { CommandTable } from "../../../../src/commands/spec/command-table.ts";
import { ReplyWriter } from "../../../../src/protocol/reply-writer.ts";
import { Request } from "../../../../src/protocol/request.ts";
import { Connection } from "../../../../src/server/connections/connection.ts";
import { Output } from "../../../../src/server/connections/output.ts";
import { Blocking } from "../../../../src/server/execution/blocking.ts";
import { Dispatch } from "../../../../src/server/execution/dispatch.ts";
import { Monitors } from "../../../../src/server/execution/monitors.ts";
import { Pause } from "../../../../src/server/execution/pause.ts";
import { Propagation } from "../../../../src/server/execution/propagation.ts";
import { Refusals } from "../../../../src/server/execution/refusals.ts";
import { Timing } from "../../../../src/server/execution/timing.ts";
import { LatencyMonitor } from "../../../../src/server/figures/latency-monitor.ts";
import { Slowlog } from "../../../../src/server/figures/slowlog.ts";
import { Keyspace } from "../../../../src/store/keyspace.ts";

export function specOf(
  name: string,
  flags: string,
  handler: Handler,
  more: Partial<CommandSpec> = {},
): CommandSpec {
  return {
    name,
    group: "generic",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "",
    arity: -1,
    flags,
    handler,
    ...more,
  };
}

export function requestOf(...words: string[]): Request {
  const request = new Request();
  request.bytes = latin1(words.join(""));
  let at = 0;
  for (const { length } of words) {
    request.push(at, length);
    at += length;
  }
  return request;
}

export class Harness {
  readonly clock = new Clock(true);
  readonly keyspace = new Keyspace({
    databases: 2,
    segments: 1,
    clock: this.clock,
    random: new Random(1),
  });
  /** What was propagated, as words with spaces between. */
  readonly propagated: string[] = [];
  readonly persistence = { loading: false, aofEnabled: true, refusal: "", changes: 0 };
  readonly log: string[] = [];
  readonly slowlog = new Slowlog();
  readonly pause = new Pause(this.clock, () => this.refusals.refresh());
  readonly refusals: Refusals;
  readonly propagation = new Propagation();
  readonly monitors: Monitors;
  readonly table: CommandTable;
  readonly dispatch: Dispatch;
  readonly #writer = new ReplyWriter();

  constructor(specs: readonly CommandSpec[]) {
    const { clock, keyspace, persistence, propagation } = this;
    const outlet = {
      get loading() {
        return persistence.loading;
      },
      get aofEnabled() {
        return persistence.aofEnabled;
      },
      get changes() {
        return persistence.changes;
      },
      set changes(changes: number) {
        persistence.changes = changes;
      },
      append: (commands: Uint8Array) => {
        const words = latin1Text(commands, 0, commands.length).match(/(?<=\n)\w+(?=\r\n)/g);
        if (words !== null) this.propagated.push(words.join(" "));
      },
    };
    propagation.connect(outlet, { wantsCommands: false, offset: null, feed() {} });
    const log = new Log();
    log.silent = true;
    log.warning = (message) => {
      this.log.push(message);
    };
    const output = new Output(
      this.#writer,
      () => {},
      () => {},
      () => {},
      () => {},
    );
    this.monitors = new Monitors(clock, output);
    this.refusals = new Refusals(keyspace, persistence, this.pause);
    this.table = new CommandTable(specs);
    const blocking = new Blocking({
      clock,
      hash: new Hash(1, 2),
      onTimeout() {},
      onReleased() {},
      onAnyWaiting() {},
    });
    this.dispatch = new Dispatch({
      commands: this.table,
      keyspace,
      // The tests' commands use no other service.
      services: { transactions: { discard() {} }, blocking } as unknown as Services<Connection>,
      writer: this.#writer,
      log,
      persistence,
      propagation,
      refusals: this.refusals,
      timing: new Timing(clock, this.slowlog, new LatencyMonitor()),
      output,
      blocking,
      monitors: this.monitors,
      refuseHttp() {},
    });
  }

  client(more: { readonly authenticated?: boolean } = {}): Connection {
    return new Connection({
      id: 1,
      socket: { readyState: 0, write: (_bytes, _from, length) => length, shutdown() {}, end() {} },
      address: "",
      localAddress: "",
      isLocal: true,
      isUnix: false,
      database: this.keyspace.databases[0]!,
      authenticated: more.authenticated ?? true,
      nowMs: 0,
    });
  }

  /** Runs a request as a batch of its own; returns the reply, or null if the client was paused. */
  call(client: Connection, ...words: string[]): string | null {
    const { dispatch } = this;
    dispatch.beginBatch();
    const done = dispatch.call(client, requestOf(...words));
    dispatch.endBatch();
    this.propagation.flush();
    return done ? this.takeReply() : null;
  }

  takeReply(): string {
    const reply = latin1Text(this.#writer.bytes, 0, this.#writer.at);
    this.#writer.at = 0;
    return reply;
  }
}
