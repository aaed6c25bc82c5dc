/** `--pipe`: sends the protocol that comes from standard input, and counts the replies. */
import { fstatSync } from "node:fs";
import { humanBytes } from "../../base/human-bytes.ts";
import { encodeCommand } from "../../protocol/command-encoder.ts";
import { ReplyParser } from "../../protocol/reply-parser.ts";
import type { Run } from "../invocation.ts";
import { print, warn } from "../print.ts";

const BAR_COLUMNS = 30;
const BAR_EVERY_MS = 100;

/** `[#####.....]  50% 5.00M`, or without a whole what went already. */
export function progressBar(done: number, whole: number | null): string {
  if (whole === null || whole === 0) return `${humanBytes(done)} sent`;
  const share = Math.min(1, done / whole);
  const filled = Math.round(share * BAR_COLUMNS);
  const bar = "#".repeat(filled) + ".".repeat(BAR_COLUMNS - filled);
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)}% ${humanBytes(done)}`;
}

class Progress {
  readonly #whole: number | null;
  #shownMs = Number.NEGATIVE_INFINITY;

  constructor() {
    const input = fstatSync(0);
    this.#whole = input.isFile() ? input.size : null;
  }

  show(done: number, replies: number): void {
    if (!process.stderr.isTTY || performance.now() - this.#shownMs < BAR_EVERY_MS) return;
    this.#shownMs = performance.now();
    process.stderr.write(`\r\x1b[K${progressBar(done, this.#whole)}, ${replies} replies`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}

export async function runPipe(run: Run): Promise<number> {
  const { options, session } = run;
  if (!(await session.open()) || session.refused) return 1;
  const { client } = session;
  const progress = new Progress();
  const parser = new ReplyParser();
  /** Its reply is the last one. */
  const marker = Buffer.from(crypto.getRandomValues(new Uint8Array(20))).toString("latin1");
  let sent = 0;
  let replies = 0;
  let errors = 0;
  let receivedMs = performance.now();
  let timer: Timer | undefined;

  let isMalformed = false;
  const over = new Promise<"last" | "lost" | "late">((done) => {
    client.onEnd = (reason) => {
      progress.end();
      // The server has said why, where what we sent is no protocol.
      if (!isMalformed) warn(`Error reading from the server: ${reason}`);
      done("lost");
    };
    client.takeBytes((chunk) => {
      receivedMs = performance.now();
      parser.feed(chunk);
      try {
        for (let reply = parser.next(); reply !== undefined; reply = parser.next()) {
          if (reply.kind === "bulk" && reply.text === marker) {
            done("last");
            return;
          }
          replies++;
          if (reply.kind !== "error") continue;
          errors++;
          isMalformed ||= reply.text.startsWith("ERR Protocol error");
          progress.end();
          warn(reply.text);
        }
        progress.show(sent, replies);
      } catch (error) {
        warn(`Error reading from the server: ${(error as Error).message}`);
        done("lost");
      }
    });
  });
  let isOver = false;
  const end = over.finally(() => {
    isOver = true;
  });

  const send = async () => {
    for await (const chunk of Bun.stdin.stream()) {
      if (isOver) return;
      sent += chunk.length;
      await client.send(chunk);
      progress.show(sent, replies);
    }
    if (isOver) return;
    // The empty line ends an inline command that lacks its end.
    await client.send(Buffer.from("\r\n"));
    await client.send(encodeCommand(["ECHO", marker]));
    progress.end();
    print("All data transferred. Waiting for the last reply...\n");
  };
  const late = new Promise<"late">((done) => {
    send().then(() => {
      if (options.pipeTimeoutSeconds <= 0) return;
      receivedMs = performance.now();
      timer = setInterval(() => {
        if (performance.now() - receivedMs < options.pipeTimeoutSeconds * 1000) return;
        warn(`No replies for ${options.pipeTimeoutSeconds} seconds: exiting.`);
        done("late");
      }, 50);
    });
  });
  const how = await Promise.race([end, late]);
  clearInterval(timer);
  progress.end();
  if (how === "lost") return 1;
  if (how === "last") print("Last reply received from server.\n");
  else errors++;
  print(`errors: ${errors}, replies: ${replies}\n`);
  return errors > 0 ? 1 : 0;
}
