/** A client's line in CLIENT LIST. */

/** What differs from one client to the next; the rest is the same for all. */
export interface ClientLine {
  readonly id: number;
  readonly address: string;
  readonly localAddress: string;
  readonly name: string;
  readonly createdMs: number;
  readonly lastActiveMs: number;
  /** Redis's letters. */
  readonly flags: string;
  readonly databaseIndex: number;
  readonly channels: number;
  readonly patterns: number;
  readonly shardChannels: number;
  /** Commands queued since MULTI; -1 without one. */
  readonly queuedCommands: number;
  readonly queuedBytes: number;
  readonly inputBytes: number;
  readonly inputFreeBytes: number;
  readonly unsentPieces: number;
  readonly unsentBytes: number;
  readonly bufferBytes: number;
  readonly command: string;
  readonly protocol: number;
  readonly libraryName: string;
  readonly libraryVersion: string;
}

export function clientLine(line: ClientLine, nowMs: number): string {
  return [
    `id=${line.id}`,
    `addr=${line.address}`,
    `laddr=${line.localAddress}`,
    "fd=-1",
    `name=${line.name}`,
    `age=${Math.floor((nowMs - line.createdMs) / 1000)}`,
    `idle=${Math.floor((nowMs - line.lastActiveMs) / 1000)}`,
    `flags=${line.flags === "" ? "N" : line.flags}`,
    `db=${line.databaseIndex}`,
    `sub=${line.channels}`,
    `psub=${line.patterns}`,
    `ssub=${line.shardChannels}`,
    `multi=${line.queuedCommands}`,
    `qbuf=${line.inputBytes}`,
    `qbuf-free=${line.inputFreeBytes}`,
    "argv-mem=0",
    `multi-mem=${line.queuedBytes}`,
    "rbs=0",
    "rbp=0",
    "obl=0",
    `oll=${line.unsentPieces}`,
    `omem=${line.unsentBytes}`,
    `tot-mem=${line.bufferBytes}`,
    `events=${line.unsentBytes > 0 ? "rw" : "r"}`,
    `cmd=${line.command}`,
    "user=default",
    "redir=-1",
    `resp=${line.protocol}`,
    `lib-name=${line.libraryName}`,
    `lib-ver=${line.libraryVersion}`,
  ].join(" ");
}
