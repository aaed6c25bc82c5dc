/** Cuts a torn tail off a file, and keeps what is cut. */
import { dirname } from "node:path";
import { OpenFile, removeQuietly, syncFolder } from "../files.ts";

const PIECE_BYTES = 1 << 20;

/**
 * Cuts the file to `bytes` bytes. What is cut off lies in a file beside it before that, and its
 * name is returned. Throws what the system says, and has then cut nothing off.
 */
export function cutTail(path: string, bytes: number): string {
  const kept = createBeside(`${path}.cut-at-${bytes}`);
  try {
    copyFrom(path, bytes, kept);
    kept.sync();
    syncFolder(dirname(path));
  } catch (error) {
    kept.close();
    removeQuietly(kept.path);
    throw error;
  }
  kept.close();
  const file = OpenFile.change(path);
  try {
    file.truncate(bytes);
    file.sync();
  } finally {
    file.close();
  }
  return kept.path;
}

/** Creates a file with this name, or with a number behind it if the name is taken. */
function createBeside(path: string): OpenFile {
  for (let i = 1; ; i++) {
    try {
      return OpenFile.create(i === 1 ? path : `${path}.${i}`);
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
  }
}

function copyFrom(path: string, offset: number, to: OpenFile): void {
  const from = OpenFile.read(path);
  try {
    const piece = new Uint8Array(PIECE_BYTES);
    for (let at = offset; ; ) {
      const count = from.read(piece, at);
      if (count === 0) return;
      to.write(piece.subarray(0, count));
      at += count;
    }
  } finally {
    from.close();
  }
}
