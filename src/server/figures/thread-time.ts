/** The processor time of the server's thread. */
export class ThreadTime {
  #from = 0;

  /** Since the process began, in µs. */
  get usec(): number {
    const { system, user } = process.threadCpuUsage();
    return system + user;
  }

  usecSinceReset(): number {
    return Math.max(0, this.usec - this.#from);
  }

  reset(): void {
    this.#from = this.usec;
  }
}
