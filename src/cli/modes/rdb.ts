/** `--rdb FILE`: asks for a full synchronization as a replica would, and keeps the snapshot. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import type { Client } from "../../client/client.ts";
import type { Run } from "../invocation.ts";
import { warn, write } from "../print.ts";

import { withServer } from "./scan.ts";
import { SnapshotStream } from "./snapshot-stream.ts";

/** Tells the server what this replica can do; false where it does not know it. */
export async function tellReplica(client: Client, ...words: string[]): Promise<boolean> {
  warn(`sending REPLCONF ${words.join(" ")}`);
  const reply = await client.call(["REPLCONF", ...words]);
  if (reply.kind !== "error") return true;
  warn(`REPLCONF ${words[0]} error: ${reply.text}`);
  return false;
}

export function runRdb(run: Run): Promise<number> {
  const { session, options } = run;
  return withServer(run, "Error: ", async () => {
    const { client } = session;
    await tellReplica(client, "capa", "eof");
    await tellReplica(client, "rdb-only", "1");
    if (options.mode === "functions-rdb") {
      if (!(await tellReplica(client, "rdb-filter-only", "functions"))) {
        warn("Failed requesting functions only RDB from server, aborting");
        return 1;
      }
    }
    return new Promise<number>((done) => receive(client, options.file, done));
  });
}

function receive(client: Client, file: string, done: (code: number) => void): void {
  let descriptor = -1;
  const over = (code: number) => {
    client.onEnd = () => {};
    client.close();
    done(code);
  };
  client.onEnd = () => {
    warn("I/O error reading RDB payload from socket");
    over(1);
  };
  const stream = new SnapshotStream({
    begin: (length) => {
      const what = length === null ? "bytes of bulk transfer until EOF marker" : `${length} bytes`;
      warn(`SYNC sent to master, writing ${what} to '${file}'`);
      if (file === "-") {
        descriptor = 1;
        return;
      }
      try {
        descriptor = openSync(file, "w", 0o644);
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        const reason = code === "ENOENT" ? "No such file or directory" : message;
        warn(`Error opening '${file}': ${reason}`);
        over(1);
      }
    },
    bytes: (chunk) => {
      if (descriptor < 0) return;
      try {
        write(descriptor, chunk);
      } catch (error) {
        warn(`Error writing data to disk: ${(error as Error).message}`);
        over(1);
      }
    },
    failed: (reason) => {
      warn(`SYNC with master failed: ${reason}`);
      over(1);
    },
    end: (total) => {
      if (descriptor < 0) return;
      warn(
        stream.isMarked
          ? `Transfer finished with success after ${total} bytes`
          : "Transfer finished with success.",
      );
      if (descriptor !== 1) {
        fsyncSync(descriptor);
        closeSync(descriptor);
      }
      over(0);
    },
  });
  client.takeBytes((chunk) => stream.feed(chunk));
  client.send(Buffer.from("SYNC\r\n"));
}
