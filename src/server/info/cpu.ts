/** INFO's section CPU. There are no child processes. */
import { counter, type Figure } from "../../base/figure.ts";

export function cpuFigures(): Figure[] {
  const all = process.cpuUsage();
  const main = process.threadCpuUsage();
  const seconds = (name: string, usec: number) => counter(name, usec / 1e6, 6);
  return [
    seconds("used_cpu_sys", all.system),
    seconds("used_cpu_user", all.user),
    seconds("used_cpu_sys_children", 0),
    seconds("used_cpu_user_children", 0),
    seconds("used_cpu_sys_main_thread", main.system),
    seconds("used_cpu_user_main_thread", main.user),
  ];
}
