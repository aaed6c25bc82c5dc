/**
 * Guards the blocks of one value while a walk reads the value in slices.
 *
 * A structure that is being changed calls its guard before a block changes, is linked anew, or
 * leaves the value, so that the walk still finds the value as it was when the walk began. Only
 * blocks that the walk has yet to read are kept, and each of them once.
 */
export interface BlockGuard {
  /** The content of the block is about to change. */
  beforeChange(block: number): void;
  /** The block is about to be followed by another one; its content stays. */
  beforeRelink(block: number): void;
  /** The block is new: the walk passes it by. */
  added(block: number): void;
  /**
   * The block has left the value. Returns true if the walk still needs it: then the guard frees it
   * later; else the caller frees it.
   */
  takes(block: number): boolean;
  /** The block, which names the value, has left it. The guard frees it when the walk has ended. */
  takesRoot(block: number): void;
}
