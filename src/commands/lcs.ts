/** The longest common subsequence of two byte strings, by the usual table of lengths. */

/** A run that both strings have. */
export interface CommonRun {
  readonly inA: number;
  readonly inB: number;
  readonly length: number;
}

export interface CommonSubsequence {
  readonly length: number;
  /** From the last to the first, as Redis lists them. */
  readonly matches: readonly CommonRun[];
}

/** Takes (a.length + 1) * (b.length + 1) * 4 bytes meanwhile. */
export function longestCommonSubsequence(a: Uint8Array, b: Uint8Array): CommonSubsequence {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const up = lengths[(i - 1) * width + j]!;
      const left = lengths[i * width + j - 1]!;
      lengths[i * width + j] =
        a[i - 1] === b[j - 1] ? lengths[(i - 1) * width + j - 1]! + 1 : Math.max(up, left);
    }
  }
  const matches: CommonRun[] = [];
  let run = 0;
  let i = a.length;
  let j = b.length;
  // A run ends where the path leaves the diagonal; it then starts at (i, j).
  const endRun = () => {
    if (run > 0) matches.push({ inA: i, inB: j, length: run });
    run = 0;
  };
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      run++;
      i--;
      j--;
      continue;
    }
    endRun();
    if (lengths[(i - 1) * width + j]! > lengths[i * width + j - 1]!) i--;
    else j--;
  }
  endRun();
  return { length: lengths[a.length * width + b.length]!, matches };
}
