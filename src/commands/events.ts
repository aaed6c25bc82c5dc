/** Classes of keyspace events: `notify-keyspace-events` in Redis's letters. */

export const KEYSPACE_EVENTS = 1;
export const KEYEVENT_EVENTS = 2;
export const GENERIC_EVENT = 4;
export const STRING_EVENT = 8;
export const LIST_EVENT = 16;
export const ZSET_EVENT = 1024;
export const SET_EVENT = 256;
export const HASH_EVENT = 512;
export const EXPIRED_EVENT = 32;
export const MISS_EVENT = 64;
export const NEW_EVENT = 128;

/** Classes of what is not there yet have bits too, so that the directive reads as it was set. */
const LETTERS: readonly (readonly [string, number])[] = [
  ["g", GENERIC_EVENT],
  ["$", STRING_EVENT],
  ["l", LIST_EVENT],
  ["s", SET_EVENT],
  ["h", HASH_EVENT],
  ["z", ZSET_EVENT],
  ["x", EXPIRED_EVENT],
  ["e", 2048],
  ["t", 4096],
  ["d", 8192],
];
const ALL = LETTERS.reduce((sum, [, bit]) => sum | bit, 0);

const OTHER_LETTERS: readonly (readonly [string, number])[] = [
  ["K", KEYSPACE_EVENTS],
  ["E", KEYEVENT_EVENTS],
  ["m", MISS_EVENT],
];

/** The classes that the letters name; -1 where one names none. */
export function parseEventClasses(letters: string): number {
  const bits = new Map([...LETTERS, ...OTHER_LETTERS, ["A", ALL], ["n", NEW_EVENT]] as const);
  let classes = 0;
  for (const letter of letters) {
    const bit = bits.get(letter);
    if (bit === undefined) return -1;
    classes |= bit;
  }
  return classes;
}

/** The letters that name the classes, each once and in Redis's order. */
export function formatEventClasses(classes: number): string {
  const named = (letters: typeof LETTERS) =>
    letters.map(([letter, bit]) => (classes & bit ? letter : "")).join("");
  const values = (classes & ALL) === ALL ? "A" : named(LETTERS);
  return values + (classes & NEW_EVENT ? "n" : "") + named(OTHER_LETTERS);
}
