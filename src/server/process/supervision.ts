/** Tells systemd or upstart that the server is ready: `supervised`. */
import { dlopen, FFIType, ptr } from "bun:ffi";
import type { Log } from "../../base/log.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const LIBC = "libc.so.6";

export type Supervised = "no" | "upstart" | "systemd" | "auto";
export type Supervisor = "no" | "upstart" | "systemd";

/** Who supervises the process, as `supervised` and the environment say. */
export function supervisorOf(supervised: Supervised): Supervisor {
  if (supervised !== "auto") return supervised;
  if (process.env.UPSTART_JOB) return "upstart";
  return process.env.NOTIFY_SOCKET ? "systemd" : "no";
}

/** To be called when the server is ready. */
export function tellSupervisor(supervisor: Supervisor, log: Log): void {
  if (supervisor === "upstart") {
    if (process.env.UPSTART_JOB === undefined) {
      log.warning("upstart supervision requested, but UPSTART_JOB not found");
      return;
    }
    log.notice("supervised by upstart, will stop to signal readiness");
    delete process.env.UPSTART_JOB;
    process.kill(process.pid, "SIGSTOP");
  } else if (supervisor === "systemd") {
    const path = process.env.NOTIFY_SOCKET;
    if (path === undefined) {
      log.warning("systemd supervision requested, but NOTIFY_SOCKET not found");
      return;
    }
    const message = "STATUS=Ready to accept connections\nREADY=1\n";
    if (!sendDatagram(path, message)) log.warning(`Can't tell systemd by ${path} that it is ready`);
  }
}

/** One datagram to a Unix socket; the runtime itself has none of these. False: it was not sent. */
function sendDatagram(path: string, message: string): boolean {
  try {
    const { close, symbols } = dlopen(LIBC, {
      socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      sendto: {
        args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
        returns: FFIType.i64,
      },
      close: { args: [FFIType.i32], returns: FFIType.i32 },
    });
    const fd = symbols.socket(AF_UNIX, SOCK_DGRAM, 0);
    const bytes = Buffer.from(message);
    // An address that begins with @ is no file: its first byte is zero.
    const name = Buffer.from(path.replace(/^@/, "\0"));
    const address = Buffer.concat([Buffer.from(Uint16Array.of(AF_UNIX).buffer), name]);
    const sent = symbols.sendto(fd, ptr(bytes), bytes.length, 0, ptr(address), address.length);
    symbols.close(fd);
    close();
    return Number(sent) === bytes.length;
  } catch {
    // No such library: not Linux with glibc.
    return false;
  }
}
