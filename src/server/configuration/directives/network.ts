/** Where the server listens, and what connections it takes. */
import {
  choice,
  directive,
  filePath,
  fixed,
  flag,
  integer,
  Refusal,
  single,
  words,
} from "./directive.ts";

const fileMode = single<number>(
  0,
  (word) =>
    /^0*[0-7]{1,3}$/.test(word)
      ? Number.parseInt(word, 8)
      : new Refusal("argument must be an octal file mode"),
  (mode) => mode.toString(8),
);

const ACCESS = ["no", "yes", "local"] as const;

export const NETWORK = {
  port: directive(
    integer(6379, { max: 65535n }),
    "TCP port; 0 for none, or at the start, without a Unix socket, for any free one",
  ),
  bind: directive(
    words("* -::*"),
    "addresses to listen on; one with a - before it may be missing on this machine",
  ),
  unixsocket: fixed(filePath(""), "path of a Unix socket to listen on as well"),
  unixsocketperm: fixed(fileMode, "file mode of the Unix socket, octal; 0 leaves it to the umask"),
  "tcp-backlog": fixed(
    integer(511),
    "accepted for compatibility; the runtime sets the queue length",
    { isIdle: true },
  ),
  "tcp-keepalive": directive(
    integer(300),
    "seconds of silence after which TCP checks that a client is still there; 0 for never",
  ),
  timeout: directive(integer(0), "seconds after which an idle client is closed; 0 for never"),
  "protected-mode": directive(
    flag(true),
    "without a password, only clients on this machine may connect",
  ),
  "enable-protected-configs": fixed(
    choice("no", ...ACCESS),
    "who may set the directives that are protected",
  ),
  "enable-debug-command": fixed(choice("no", ...ACCESS), "who may use DEBUG"),
};
