/** The monitor with a fault: `faulty-monitor.ts exception|rejection|exit [options]`. */
import { runMonitor } from "../../src/monitor/main.ts";

const [fault, ...args] = process.argv.slice(2);

process.on("SIGUSR2", () => {
  if (fault === "exit") process.exit(7);
  if (fault === "rejection") void Promise.reject(new Error("nobody waits for this"));
  else {
    setTimeout(() => {
      throw new Error("nobody catches this");
    });
  }
});

process.exit(await runMonitor(args));
