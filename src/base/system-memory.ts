/**
 * Advice to the operating system about memory: libc's `madvise`, on Linux and macOS. Elsewhere (on
 * Windows, or without a libc that can be opened) nothing is given back, and freed memory stays
 * with the process until it is used again.
 */
import { dlopen, ptr } from "bun:ffi";

interface Platform {
  /** What its libc may be called. */
  readonly libraries: readonly string[];
  /** The advice that says "the content is not needed". */
  readonly giveBack: number;
  /** The advice "use huge pages"; absent where there is none. */
  readonly hugePages?: number;
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  // MADV_DONTNEED (the pages leave the process at once), MADV_HUGEPAGE.
  linux: {
    libraries: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"],
    giveBack: 4,
    hugePages: 14,
  },
  // MADV_FREE: the system takes the pages when it needs them.
  darwin: { libraries: ["libSystem.B.dylib"], giveBack: 5 },
};
const PLATFORM = PLATFORMS[process.platform];

type Advise = (address: number, bytes: number, advice: number) => boolean;

/** Undefined until it is first needed. */
let advise: Advise | null | undefined;

function openAdvise(): Advise | null {
  for (const name of PLATFORM?.libraries ?? []) {
    try {
      const { symbols } = dlopen(name, {
        madvise: { args: ["usize", "usize", "int"], returns: "int" },
      });
      return (address, bytes, advice) => symbols.madvise(address, bytes, advice) === 0;
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
  if (advise!(ptr(memory) + from, bytes, PLATFORM!.giveBack)) return true;
  advise = null;
  return false;
}

/**
 * Has the memory from the byte offset `from` on made of pages of 2 MB where the system is willing to: in
 * millions of keys almost every access misses the cache of addresses, whose entries reach further then.
 */
export function useHugePages(memory: Uint8Array, from: number): void {
  const hugePages = PLATFORM?.hugePages;
  if (hugePages === undefined || !canGiveBack()) return;
  advise!(ptr(memory) + from, memory.length - from, hugePages);
}
