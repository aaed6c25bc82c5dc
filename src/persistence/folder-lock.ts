/**
 * Keeps a second server out of a folder of data. The lock is a Unix socket that the holder
 * listens on: it goes with its process, however that ends, and what a crash leaves behind is told
 * from a live holder by trying to connect. Works between containers that share a volume, too.
 */
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import type { UnixSocketListener } from "bun";

const NAME = ".stormdb.lock";

export class FolderLock {
  readonly #path: string;
  readonly #listener: UnixSocketListener<undefined>;

  private constructor(path: string, listener: UnixSocketListener<undefined>) {
    this.#path = path;
    this.#listener = listener;
  }

  /** Takes the lock; null where another server holds it. Throws where the folder cannot be written. */
  static async take(folder: string): Promise<FolderLock | null> {
    const path = join(folder, NAME);
    if (await isHeld(path)) return null;
    try {
      unlinkSync(path);
    } catch {
      // Nobody left one behind.
    }
    const socket = { data() {} };
    return new FolderLock(path, Bun.listen({ unix: path, socket }));
  }

  release(): void {
    this.#listener.stop(true);
    try {
      unlinkSync(this.#path);
    } catch {
      // The folder is gone, and the lock with it.
    }
  }
}

async function isHeld(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {}, connectError() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
