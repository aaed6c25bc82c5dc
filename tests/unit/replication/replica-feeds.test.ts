/** Full syncs by file, on a disk that fails: the replicas are closed, and connect again. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { latin1Text } from "../../../src/base/bytes.ts";
import { Clock } from "../../../src/base/clock.ts";
import { Log } from "../../../src/base/log.ts";
import { Random } from "../../../src/base/random.ts";
import { OpenFile, setFailpoint } from "../../../src/persistence/files.ts";
import { Backlog } from "../../../src/replication/backlog.ts";
import { type Peer, ReplicaFeeds } from "../../../src/replication/replica-feeds.ts";

const REPLID = "0123456789abcdef0123456789abcdef01234567";

let folder = "";
let logFile = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-feeds-"));
  logFile = `${folder}.log`;
});
afterEach(() => {
  setFailpoint(null);
  rmSync(folder, { recursive: true });
  rmSync(logFile, { force: true });
});

class RecordingPeer implements Peer {
  readonly address = "127.0.0.1:1";
  readonly isOwed = false;
  sent = "";
  isOpen = true;
  readonly id: number;
  readonly #onClosed: (id: number) => void;

  constructor(id: number, onClosed: (id: number) => void) {
    this.id = id;
    this.#onClosed = onClosed;
  }

  write(bytes: Uint8Array, from: number, length: number): number {
    if (!this.isOpen) return 0;
    this.sent += latin1Text(bytes, from, from + length);
    return length;
  }

  end(): void {
    this.terminate();
  }

  terminate(): void {
    this.isOpen = false;
    this.#onClosed(this.id);
  }
}

/** Two replicas ask for a full sync, whose data is `data`. */
function sync(data: string): { readonly peers: RecordingPeer[]; readonly feeds: ReplicaFeeds } {
  const log = new Log();
  log.file = logFile;
  const backlog = new Backlog(0, 1024);
  let finish = () => {};
  const feeds = new ReplicaFeeds({
    clock: new Clock(),
    log,
    secrets: new Random(1),
    settings: () => ({
      diskless: false,
      disklessDelayMs: 0,
      disklessReplicasMax: 0,
      timeoutMs: 60000,
      pingPeriodMs: 10000,
      maxLagMs: 10000,
      hardBytes: 0,
      softBytes: 0,
      softMs: 0,
    }),
    backlog: () => backlog,
    replid: () => REPLID,
    snapshot: () => false,
    snapshotFile: (path, done) => {
      const file = OpenFile.create(path);
      file.write(Buffer.from(data));
      file.close();
      finish = () => done("");
      return true;
    },
    temporaryPath: () => join(folder, "temp-sync"),
    mark() {},
    onAck() {},
  });
  const peers = [1, 2].map((id) => new RecordingPeer(id, (closed) => feeds.forget(closed)));
  const replicas = peers.map((peer) => feeds.announce(peer));
  replicas[0]!.state = "waiting";
  feeds.requestFullSync(replicas[1]!);
  finish();
  return { peers, feeds };
}

describe("a full sync by file", () => {
  test("sends the file, which then has no name any more", () => {
    const { feeds, peers } = sync("data");
    for (const { sent } of peers) expect(sent).toEqual(`+FULLRESYNC ${REPLID} 0\r\n$4\r\ndata`);
    expect(feeds.replicas.map(({ state }) => state)).toEqual(["online", "online"]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that cannot be written closes the replicas", () => {
    setFailpoint((operation) => {
      if (operation === "open") throw new Error("no open");
    });
    const { feeds, peers } = sync("data");
    expect(peers.map(({ isOpen }) => isOpen)).toEqual([false, false]);
    expect(feeds.count).toEqual(0);
    expect(readFileSync(logFile, "latin1")).toContain("Can't write the data for replicas: no open");
  });

  test.each([
    ["opened", (operations: number) => operations === 2],
    ["read", (operations: number) => operations === 3],
  ])("whose file cannot be %s closes the replicas, and removes it", (what, isNow) => {
    let operations = 0;
    setFailpoint((operation) => {
      if (operation === "open" || operation === "read") operations++;
      if (isNow(operations)) {
        operations--;
        throw new Error("it is gone");
      }
    });
    const { feeds, peers } = sync("data");
    expect([what, ...peers.map(({ isOpen }) => isOpen)]).toEqual([what, false, false]);
    expect(feeds.count).toEqual(0);
    expect(readFileSync(logFile, "latin1")).toContain(
      "Can't read the data for replicas: it is gone",
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test("whose file has become shorter closes the replicas", () => {
    const { peers } = sync("data");
    expect(peers).toHaveLength(2);
    let cut = false;
    setFailpoint((operation, path) => {
      if (operation !== "read" || cut) return;
      cut = true;
      writeFileSync(path, "");
    });
    const { feeds, peers: others } = sync("data");
    expect(others.map(({ isOpen }) => isOpen)).toEqual([false, false]);
    expect(feeds.count).toEqual(0);
  });
});

test("an acknowledgement of more than there is counts as one of all there is", () => {
  const { feeds } = sync("data");
  feeds.acknowledge(1, Number.MAX_SAFE_INTEGER);
  expect(feeds.of(1)!.ackOffset).toEqual(0);
});
