/** Whether output goes to a terminal, found out without the cost of opening it as a stream. */
import { fstatSync } from "node:fs";

/** /dev/null: a character device as terminals are. */
const NULL_DEVICE = (1 << 8) | 3;

export function isTerminalOutput(): boolean {
  try {
    const output = fstatSync(1);
    if (!output.isCharacterDevice() || output.rdev === NULL_DEVICE) return false;
  } catch {
    return false;
  }
  return Boolean(process.stdout.isTTY);
}
