/** A client's line in CLIENT LIST. */

/** What differs from one client to the next; the rest is the same for all. */
export interface ClientLine {
  readonly id: number;
  /** The socket's file descriptor; -1 where the runtime tells none. */
  readonly fd: number;
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
  /** Bytes of the arguments of the command that runs, or that waits. */
  readonly argumentBytes: number;
  /** Bytes of replies that leave when the tick ends. */
  readonly replyBytes: number;
  /** What the socket has not accepted yet: pieces, and the memory that they take. */
  readonly unsentPieces: number;
  readonly outputBytes: number;
  /** Memory of the connection and all its buffers. */
  readonly totalBytes: number;
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
    `fd=${line.fd}`,
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
    `argv-mem=${line.argumentBytes}`,
    `multi-mem=${line.queuedBytes}`,
    // The buffer of replies is one for all clients, and so none has a size or a peak of its own.
    "rbs=0",
    "rbp=0",
    `obl=${line.replyBytes}`,
    `oll=${line.unsentPieces}`,
    `omem=${line.outputBytes}`,
    `tot-mem=${line.totalBytes}`,
    `events=${line.unsentPieces > 0 ? "rw" : "r"}`,
    `cmd=${line.command}`,
    "user=default",
    "redir=-1",
    `resp=${line.protocol}`,
    `lib-name=${line.libraryName}`,
    `lib-ver=${line.libraryVersion}`,
  ].join(" ");
}
