/** The slow log and latencies. */
import { directive, flag, INT64_MAX, integer, words } from "./directive.ts";

function checkPercentiles(given: readonly string[]): string {
  const name = "latency-tracking-info-percentiles";
  for (const word of given) {
    if (!/^-?[0-9.]+$/.test(word) || Number.isNaN(Number(word)))
      return `Invalid ${name} parameters`;
    if (Number(word) < 0 || Number(word) > 100) {
      return `${name} parameters should sit between [0.0,100.0]`;
    }
  }
  return "";
}

export const OBSERVABILITY = {
  "slowlog-log-slower-than": directive(
    integer(10000, { min: -1, max: INT64_MAX }),
    "microseconds above which a command enters the slow log; 0 for every command, -1 for none",
    { aliases: ["commandlog-execution-slower-than"] },
  ),
  "slowlog-max-len": directive(
    integer(128, { max: INT64_MAX }),
    "entries that the slow log keeps",
    {
      aliases: ["commandlog-slow-execution-max-len"],
    },
  ),
  "latency-monitor-threshold": directive(
    integer(0, { max: INT64_MAX }),
    "milliseconds from which LATENCY records an event; 0 for never",
  ),
  "latency-tracking": directive(flag(true), "records the distribution of each command's latency"),
  "latency-tracking-info-percentiles": directive(
    words("50 99 99.9", checkPercentiles),
    "percentiles that INFO latencystats shows",
  ),
};
