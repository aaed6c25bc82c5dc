/** `--replica`: synchronizes, and shows the commands that a replica gets. */
import { ReplyParser } from "../../protocol/reply-parser.ts";
import { formatReply } from "../format.ts";
import type { Run } from "../invocation.ts";
import { print, warn } from "../print.ts";
import { tellReplica } from "./rdb.ts";
import { withServer } from "./scan.ts";
import { SnapshotStream } from "./snapshot-stream.ts";

export function runReplica(run: Run): Promise<number> {
  return withServer(run, "Error: ", async () => {
    const { client } = run.session;
    await tellReplica(client, "capa", "eof");
    await tellReplica(client, "rdb-filter-only", "");
    const { left, stop } = run.leaving?.() ?? { left: new Promise<never>(() => {}), stop() {} };
    const ended = new Promise<number>((done) => {
      const parser = new ReplyParser();
      let isSynchronized = false;
      const show = (chunk: Uint8Array) => {
        parser.feed(chunk);
        for (let reply = parser.next(); reply !== undefined; reply = parser.next()) {
          print(formatReply(reply, "csv"));
        }
      };
      const stream = new SnapshotStream({
        begin: (length) => {
          const what =
            length === null
              ? "bytes of bulk transfer until EOF marker"
              : `${length} bytes of bulk transfer`;
          warn(`SYNC with master, discarding ${what}...`);
        },
        bytes: () => {},
        failed: (reason) => {
          warn(`SYNC with master failed: ${reason}`);
          done(1);
        },
        end: (total, rest) => {
          isSynchronized = true;
          warn(
            stream.isMarked
              ? `SYNC done after ${total} bytes. Logging commands from master.`
              : "SYNC done. Logging commands from master.",
          );
          // A server that ends its snapshot with a marker waits for this before it goes on.
          warn("sending REPLCONF ACK 0");
          client.send(Buffer.from("REPLCONF ACK 0\r\n"));
          show(rest);
        },
      });
      client.onEnd = (reason) => {
        warn(`Error: ${reason}`);
        done(1);
      };
      client.takeBytes((chunk) => {
        if (isSynchronized) show(chunk);
        else stream.feed(chunk);
      });
      client.send(Buffer.from("SYNC\r\n"));
    });
    const code = await Promise.race([ended, left.then(() => 0)]);
    stop();
    client.onEnd = () => {};
    run.session.close();
    return code;
  });
}
