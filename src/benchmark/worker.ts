/** A thread of the load: performs its share of each run. An entry point of its own in the build. */
import { type Plan, type Progress, Run } from "./run.ts";

/** What the main thread says. */
export type Order =
  | { readonly kind: "prepare"; readonly plan: Plan; readonly progress: Progress }
  | { readonly kind: "perform" }
  | { readonly kind: "stop" };

/** What the thread answers; an outcome's histogram is packed. */
export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "error"; readonly text: string }
  | {
      readonly kind: "outcome";
      readonly histogram: Float64Array;
      readonly seconds: number;
      readonly errors: number;
      readonly failure: { readonly isReply: boolean; readonly text: string } | null;
    };

declare const self: Worker;

function answer(message: Answer): void {
  self.postMessage(message);
}

let run: Run | undefined;

self.onmessage = async ({ data: order }: MessageEvent<Order>) => {
  switch (order.kind) {
    case "prepare":
      run = new Run(order.plan, order.progress, (text) => answer({ kind: "error", text }));
      await run.prepare();
      answer({ kind: "ready" });
      break;
    case "perform": {
      const { errors, failure, histogram, seconds } = await run!.perform();
      answer({ kind: "outcome", histogram: histogram.pack(), seconds, errors, failure });
      break;
    }
    case "stop":
      run?.stop();
      break;
  }
};
