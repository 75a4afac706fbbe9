/** A terminal in memory. */
import type { TerminalPort } from "../../../../cli/top/screen.ts";

/** Records what a screen does. */
export class MemoryTerminal implements TerminalPort {
  written = "";
  raw = false;
  columns = 80;
  rows = 24;
  /** Fails as a terminal that has been closed. */
  isGone = false;
  readonly listeners = new Map<string, () => void>();
  readonly #keys: PromiseWithResolvers<Uint8Array | null>[] = [Promise.withResolvers()];

  /** Types keys; `null` ends the input. */
  type(keys: string | null): void {
    const next = this.#keys.at(-1)!;
    this.#keys.push(Promise.withResolvers());
    next.resolve(keys === null ? null : new TextEncoder().encode(keys));
  }

  /** Sends a signal, or `exit`. */
  send(name: string): void {
    this.listeners.get(name)?.();
  }

  /** Whether it is as it was before: not raw, main screen, cursor and line wrap on. */
  get isRestored(): boolean {
    const state = (mode: string) =>
      this.written.match(new RegExp(`\\x1b\\[\\?${mode}[hl]`, "g"))?.at(-1);
    return !this.raw && state("1049") === "\x1b[?1049l" && state("25") === "\x1b[?25h" &&
      state("7") === "\x1b[?7h";
  }

  write(text: string): void {
    if (this.isGone) throw new Error("Input/output error (os error 5)");
    this.written += text;
  }

  setRaw(raw: boolean): void {
    this.raw = raw;
  }

  async read(): Promise<Uint8Array | null> {
    const keys = await this.#keys[0]!.promise;
    this.#keys.shift();
    return keys;
  }

  size(): { columns: number; rows: number } {
    return { columns: this.columns, rows: this.rows };
  }

  onSignal(name: Deno.Signal, listener: () => void): () => void {
    this.listeners.set(name, listener);
    return () => this.listeners.delete(name);
  }

  onExit(listener: () => void): () => void {
    this.listeners.set("exit", listener);
    return () => this.listeners.delete("exit");
  }
}
