/**
 * Gives memory back to the operating system: libc's `madvise`, on Linux and macOS. Elsewhere (on
 * Windows, or without a libc that can be opened) nothing is given back, and freed memory stays
 * with the process until it is used again.
 */
import { dlopen, ptr } from "bun:ffi";

/** By platform: how its libc may be called, and the advice that says "the content is not needed". */
const LIBRARIES: Readonly<Record<string, { names: readonly string[]; advice: number }>> = {
  // MADV_DONTNEED: the pages leave the process at once.
  linux: {
    names: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"],
    advice: 4,
  },
  // MADV_FREE: the system takes the pages when it needs them.
  darwin: { names: ["libSystem.B.dylib"], advice: 5 },
};

type Advise = (address: number, bytes: number) => boolean;

/** Undefined until it is first needed, for opening a library takes a millisecond. */
let advise: Advise | null | undefined;

function openAdvise(): Advise | null {
  const { names = [], advice = 0 } = LIBRARIES[process.platform] ?? {};
  for (const name of names) {
    try {
      const { symbols } = dlopen(name, {
        madvise: { args: ["usize", "usize", "int"], returns: "int" },
      });
      return (address, bytes) => symbols.madvise(address, bytes, advice) === 0;
    } catch {
      // Another libc.
    }
  }
  return null;
}

/** Whether `giveBack` has any effect here, as far as is known. */
export function canGiveBack(): boolean {
  if (advise === undefined) advise = openAdvise();
  return advise !== null;
}

/**
 * Gives `bytes` bytes of shared memory back, from the byte offset `from` on; both are multiples of
 * the system's page. What is read there afterwards may be anything. Returns false if the system
 * refuses, and then it is not asked again.
 */
export function giveBack(memory: Uint8Array, from: number, bytes: number): boolean {
  if (!canGiveBack()) return false;
  if (advise!(ptr(memory) + from, bytes)) return true;
  advise = null;
  return false;
}
