/**
 * Holds idle connections in a process of its own, for the tests with more of them than the tests'
 * process may have: `hold-connections.ts PORT COUNT`. Says "held" when all are answered, and ends
 * with its standard input.
 */
import type { Socket } from "bun";

const AT_ONCE = 200;

const [port, count] = process.argv.slice(2).map(Number);

/** Resolves when the server has answered, so that it surely has the connection. */
function hold(): Promise<Socket> {
  return new Promise((done, fail) => {
    Bun.connect({
      hostname: "127.0.0.1",
      port: port!,
      socket: {
        open: (socket) => void socket.write("PING\r\n"),
        data: (socket) => done(socket),
        close: () => fail(new Error("the server closed a connection")),
        connectError: (_, error) => fail(error),
      },
    });
  });
}

const held: Socket[] = [];
while (held.length < count!) {
  const some = Math.min(AT_ONCE, count! - held.length);
  held.push(...(await Promise.all(Array.from({ length: some }, hold))));
}
process.stdout.write("held\n");
for await (const _ of Bun.stdin.stream());
process.exit(0);
