/** The process: its log, folder, title, and how it is started and stopped. */

import { resolve } from "node:path";
import { byteText, fromByteText } from "../../../base/byte-text.ts";
import { LOG_LEVELS } from "../../../base/log.ts";
import {
  choice,
  directive,
  filePath,
  fixed,
  flag,
  integer,
  type Kind,
  list,
  Refusal,
  text,
} from "./directive.ts";

/** A relative folder starts at the one before it: at first, where the process was started. */
const folder: Kind<string> = {
  ...filePath(byteText(process.cwd())),
  defaultText: "",
  parse: ([path], { value }) =>
    path!.includes("\0")
      ? new Refusal("a path can't contain a NUL byte")
      : byteText(resolve(fromByteText(value), fromByteText(path!))),
};

const TITLE_VARIABLES = [
  "title",
  "listen-addr",
  "server-mode",
  "port",
  "tls-port",
  "unixsocket",
  "config-file",
];

function checkTitle(template: string): string {
  const rest = template.replace(/\{([^{}]*)\}/g, (all, name) =>
    TITLE_VARIABLES.includes(name) ? "" : all,
  );
  // A title that may turn out empty is none, as in Redis.
  const mayBeEmpty = template.replace(/\{(title|server-mode)\}| /g, "") === "";
  return /[{}]/.test(rest) || mayBeEmpty
    ? "template format is invalid or contains unknown variables"
    : "";
}

const SHUTDOWN_OPTIONS = ["default", "save", "nosave", "now", "force"] as const;
export type ShutdownOption = (typeof SHUTDOWN_OPTIONS)[number];

/** What a signal adds to a shutdown; "default" adds nothing. */
const shutdownOptions: Kind<readonly ShutdownOption[]> = {
  ...list<readonly ShutdownOption[]>(
    ["default"],
    (given) => {
      const options = SHUTDOWN_OPTIONS.filter((option) =>
        given.some((word) => word.toLowerCase() === option),
      );
      const isKnown = (word: string) => SHUTDOWN_OPTIONS.some((o) => o === word.toLowerCase());
      if (given.length === 0 || !given.every(isKnown)) {
        return new Refusal(
          `argument(s) must be one of the following: ${SHUTDOWN_OPTIONS.join(", ")}`,
        );
      }
      if (options.includes("save") && options.includes("nosave")) {
        return new Refusal("shutdown options SAVE and NOSAVE can't be used simultaneously");
      }
      const others = options.filter((option) => option !== "default");
      return others.length === 0 ? ["default"] : others;
    },
    (options) => options,
  ),
  choices: SHUTDOWN_OPTIONS,
};

export const PROCESS = {
  databases: fixed(integer(16, { min: 1, max: 1024n }), "number of databases"),
  loglevel: directive(choice("notice", ...LOG_LEVELS), "lowest level that is logged"),
  logfile: fixed(filePath(""), "file of the log; empty for standard output"),
  dir: directive(
    folder,
    "folder of the data files; without it the folder in which the server is started",
    { settable: "protected" },
  ),
  hz: directive(
    integer(10, { least: 1, most: 500 }),
    "how many times a second background work runs",
  ),
  "shutdown-timeout": directive(integer(10), "seconds that a shutdown waits for replicas"),
  "shutdown-on-sigint": directive(shutdownOptions, "how SIGINT shuts the server down"),
  "shutdown-on-sigterm": directive(shutdownOptions, "how SIGTERM shuts the server down"),
  daemonize: fixed(flag(false), "starts a server in the background and returns when it is ready"),
  pidfile: fixed(filePath(""), "file that holds the process id while the server runs"),
  supervised: fixed(
    choice("no", "upstart", "systemd", "auto", "no"),
    "who is told when the server is ready; auto finds out by UPSTART_JOB and NOTIFY_SOCKET",
  ),
  "set-proc-title": fixed(flag(true), "shows address and port in the list of processes (Linux)"),
  "proc-title-template": directive(
    text("{title} {listen-addr} {server-mode}", checkTitle),
    "what the list of processes shows",
  ),
};
