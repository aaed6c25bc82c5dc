/** Tests that run one script against redis-server and against StormDB. */
import { expect, test } from "bun:test";
import { type RunningServer, startRedis, startStormdb } from "../harness/processes.ts";
import { without } from "../harness/skips.ts";

/** What the script returns must be equal. Both servers are started with `args`. */
export function sameAsRedis(
  name: string,
  args: readonly string[],
  script: (server: RunningServer) => Promise<unknown>,
): void {
  test.skipIf(without("redis-server"))(name, async () => {
    await using redis = await startRedis(...args);
    await using storm = await startStormdb(...args);
    const expected = await script(redis);
    expect(await script(storm)).toEqual(expected);
  });
}

/**
 * Sends bytes over a connection of their own and returns what comes until the server closes it,
 * or until as many replies have come.
 */
export async function exchange(
  server: RunningServer,
  bytes: string | Uint8Array,
  replies = Number.POSITIVE_INFINITY,
): Promise<{ readonly received: string; readonly closed: boolean }> {
  const client = await server.connect();
  client.write(bytes);
  let received = "";
  try {
    for (let i = 0; i < replies; i++) received += await client.read();
  } catch {
    received += client.unread;
  }
  const closed = client.isClosed;
  client.close();
  return { received, closed };
}
