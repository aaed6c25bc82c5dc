/** Of terminal-kit, which comes without types, what the monitor uses. */
declare module "terminal-kit" {
  export interface MouseEvent {
    readonly x: number;
    readonly y: number;
  }

  export interface Terminal {
    /** False: gives the keyboard and the mouse back. */
    grabInput(options: false | { readonly mouse?: "button" }): Promise<void>;
    fullscreen(on: boolean): void;
    hideCursor(hide?: boolean): void;
    /** Writes as it is. */
    raw(text: string): boolean;
    on(event: "key", listener: (name: string) => void): void;
    on(event: "mouse", listener: (name: string, event: MouseEvent) => void): void;
    on(event: "resize", listener: (width: number, height: number) => void): void;
  }

  export const terminal: Terminal;
}
