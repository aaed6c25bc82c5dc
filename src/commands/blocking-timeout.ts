/** The timeout of commands that wait. */
import { ceilThousandfold, INFINITE, parseExtended } from "../base/extended-float.ts";
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";

const MINUS = 45;

/** The seconds in argument `index` as ms, rounded up; 0 is for ever; NaN with the error replied. */
export function readTimeout(c: Context, index: number): number {
  const seconds = parseExtended(c.args.bytes, c.args.start[index]!, c.args.length[index]!);
  if (seconds === null) {
    c.reply.error(errors.TIMEOUT_NOT_A_FLOAT);
    return Number.NaN;
  }
  const isNegative = c.args.bytes[c.args.start[index]!] === MINUS;
  const ms =
    seconds === INFINITE
      ? Number.POSITIVE_INFINITY * (isNegative ? -1 : 1)
      : Number(ceilThousandfold(seconds));
  if (ms < 0) {
    c.reply.error(errors.TIMEOUT_NEGATIVE);
    return Number.NaN;
  }
  // As in Redis 7.2; 7.0 calls such times negative.
  if (ms > 2 ** 63 - c.nowMs) {
    c.reply.error(errors.TIMEOUT_OUT_OF_RANGE);
    return Number.NaN;
  }
  return ms + 0;
}
