/** What a client that waited gets and may do when its time is over or somebody ends its wait. */
import type { RunningServer } from "../harness/processes.ts";
import { until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { readInfo } from "./info.ts";
import { sameAsRedis } from "./same-as-redis.ts";

async function untilBlocked(control: RawClient): Promise<void> {
  await until("it is blocked", async () =>
    (await control.call("INFO", "clients")).includes("blocked_clients:1\r\n"),
  );
}

/** Ways in which a wait for the list `none` ends. */
const ENDS: Readonly<Record<string, (control: RawClient, id: string) => Promise<unknown>>> = {
  "its time is over": async () => {},
  "CLIENT UNBLOCK": (control, id) => control.call("CLIENT", "UNBLOCK", id),
  "CLIENT UNBLOCK ERROR": (control, id) => control.call("CLIENT", "UNBLOCK", id, "ERROR"),
  "it is served": (control) => control.call("RPUSH", "none", "x"),
};

for (const [name, end] of Object.entries(ENDS)) {
  sameAsRedis(`CLIENT REPLY holds for a wait as for any command: ${name}`, [], async (server) => {
    const control = await server.connect();
    const seen: string[] = [];
    for (const mode of ["ON", "SKIP", "OFF"]) {
      const client = await server.connect();
      const id = (await client.call("CLIENT", "ID")).slice(1, -2);
      const isTimed = name === "its time is over";
      const seconds = isTimed ? "0.05" : "0";
      client.write(`CLIENT REPLY ${mode}\r\nBLPOP none ${seconds}\r\nECHO behind\r\n`);
      if (!isTimed) await untilBlocked(control);
      await end(control, id);
      await until("it is not blocked", async () =>
        (await control.call("INFO", "clients")).includes("blocked_clients:0\r\n"),
      );
      client.write("CLIENT REPLY ON\r\nPING\r\n");
      for (let reply = ""; reply !== "+PONG\r\n"; seen.push(`${mode}: ${reply}`)) {
        reply = await client.read();
      }
      client.close();
    }
    return seen;
  });
}

sameAsRedis("the wait of a client in every protocol and for every command ends", [], waits);

async function waits(server: RunningServer): Promise<string[]> {
  const control = await server.connect();
  const seen: string[] = [];
  for (const protocol of ["2", "3"]) {
    const client = await server.connect();
    await client.call("HELLO", protocol);
    const id = (await client.call("CLIENT", "ID")).slice(1, -2);
    for (const line of [
      "BLPOP none other 0",
      "BRPOP none 0",
      "BLMOVE none other LEFT LEFT 0",
      "BRPOPLPUSH none other 0",
      "BLMPOP 0 2 none other LEFT",
    ]) {
      for (const how of ["TIMEOUT", "ERROR"]) {
        const reply = client.call(...line.split(" "));
        await untilBlocked(control);
        seen.push(await control.call("CLIENT", "UNBLOCK", id, how), await reply);
        seen.push(await control.call("CLIENT", "UNBLOCK", id));
      }
    }
    client.close();
  }
  const { errorstat_UNBLOCKED, total_error_replies } = await readInfo(control, "all");
  seen.push(`UNBLOCKED ${errorstat_UNBLOCKED}, errors ${total_error_replies}`);
  return seen;
}
