/** The terminal while a command owns it: full screen, keys, size and signals. */

/** What a screen needs of the process. */
export interface TerminalPort {
  /** Writes text to the terminal. */
  write(text: string): void;
  /** Whether keys arrive one by one, and the terminal neither shows nor interprets them. */
  setRaw(raw: boolean): void;
  /** Resolves with the next keys; `null` when the input has ended. */
  read(): Promise<Uint8Array | null>;
  size(): { readonly columns: number; readonly rows: number };
  /** @returns a function that removes the listener */
  onSignal(name: Deno.Signal, listener: () => void): () => void;
  /** Calls back before the process ends, whatever ends it.
   *
   * @returns a function that removes the listener */
  onExit(listener: () => void): () => void;
}

/** Alternate screen, hidden cursor, no line wrap. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/** Around a frame, so that terminals that support it show the frame at once. */
const BEGIN_FRAME = "\x1b[?2026h\x1b[H";
const END_FRAME = "\x1b[J\x1b[?2026l";
const END_LINE = "\x1b[K";

/** Ctrl-C, Ctrl-D and q. */
const QUIT_KEYS = ["\x03", "\x04", "q", "Q"];

/** Size of a terminal that reports 0. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

const END_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Takes over the terminal until it is disposed of. Disposing restores the terminal, also before the process ends. */
export class Screen implements Disposable {
  readonly #terminal: TerminalPort;
  readonly #resources = new DisposableStack();
  readonly #ended = Promise.withResolvers<void>();
  #isOpen = false;
  /** Called when the terminal has another size, or shows something else. */
  onChange: () => void = () => {};

  constructor(terminal: TerminalPort = systemTerminal()) {
    this.#terminal = terminal;
  }

  /** Resolves when the user quits, a signal asks the process to end, or the terminal is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Size of the terminal; 80 x 24 if it does not know its own, as some containers and serial lines. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#terminal.size();
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  }

  /** Takes over the terminal. */
  open(): void {
    const terminal = this.#terminal;
    const restore = () => this.#restore();
    this.#resources.defer(terminal.onExit(restore));
    for (const signal of END_SIGNALS) {
      this.#resources.defer(terminal.onSignal(signal, () => this.#ended.resolve()));
    }
    this.#resources.defer(terminal.onSignal("SIGWINCH", () => this.onChange()));
    this.#resources.defer(terminal.onSignal("SIGCONT", () => {
      this.#enter();
      this.onChange();
    }));
    // Disposed of first, while signals are still handled.
    this.#resources.defer(restore);
    this.#enter();
    this.#readKeys();
  }

  /** Shows lines from the top. They must not be longer or more than the terminal has. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const frame = lines.map((line) => line + END_LINE).join("\r\n");
    this.#terminal.write(BEGIN_FRAME + frame + END_FRAME);
  }

  /** Restores the terminal. */
  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  #enter(): void {
    this.#isOpen = true;
    this.#terminal.setRaw(true);
    this.#terminal.write(ENTER);
  }

  #restore(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#terminal.write(LEAVE);
      this.#terminal.setRaw(false);
    } catch {
      // The terminal is gone.
    }
  }

  async #readKeys(): Promise<void> {
    try {
      while (true) {
        const keys = await this.#terminal.read();
        if (keys === null) break;
        const text = new TextDecoder().decode(keys);
        if (QUIT_KEYS.some((key) => text.includes(key))) break;
      }
    } catch {
      // The terminal is gone.
    }
    this.#ended.resolve();
  }
}

/** Whether both ends of this process are a terminal. */
export function hasTerminal(): boolean {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
}

/** The terminal of this process. */
export function systemTerminal(): TerminalPort {
  const buffer = new Uint8Array(64);
  return {
    write(text) {
      const bytes = new TextEncoder().encode(text);
      for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
    },
    setRaw: (raw) => Deno.stdin.setRaw(raw),
    async read() {
      const length = await Deno.stdin.read(buffer);
      return length === null ? null : buffer.slice(0, length);
    },
    size: () => Deno.consoleSize(),
    onSignal(name, listener) {
      Deno.addSignalListener(name, listener);
      return () => Deno.removeSignalListener(name, listener);
    },
    onExit(listener) {
      const events = ["unload", "error", "unhandledrejection"];
      for (const event of events) globalThis.addEventListener(event, listener);
      return () => {
        for (const event of events) globalThis.removeEventListener(event, listener);
      };
    },
  };
}
