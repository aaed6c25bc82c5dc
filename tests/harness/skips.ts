/** What is skipped says why: the runner of the tests shows these lines at its end. */

const told = new Set<string>();

/** For `skipIf`: whether there is a reason to skip ("" is none), which is told once. */
export function skips(reason: string): boolean {
  if (reason === "") return false;
  if (!told.has(reason)) console.log(`Skipped: ${reason}.`);
  told.add(reason);
  return true;
}

/** For `skipIf`: whether one of the programs is not there. */
export function without(...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => Bun.which(program) === null);
  return skips(missing.length === 0 ? "" : `${missing.join(", ")} not installed`);
}
