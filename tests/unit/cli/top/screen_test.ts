import { assert, assertEquals, assertFalse } from "@std/assert";
import { Screen } from "../../../../cli/top/screen.ts";
import { MemoryTerminal } from "./terminal.ts";

function opened() {
  const terminal = new MemoryTerminal();
  const screen = new Screen(terminal);
  screen.open();
  return { terminal, screen };
}

Deno.test("Screen takes over the terminal and restores it", () => {
  const { terminal, screen } = opened();
  assert(terminal.raw && terminal.written.startsWith("\x1b[?1049h\x1b[?25l"));
  screen.draw(["one", "two"]);
  assert(terminal.written.endsWith("\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J\x1b[?2026l"));
  assertFalse(terminal.isRestored);
  screen[Symbol.dispose]();
  assert(terminal.isRestored);
  assertEquals(terminal.listeners.size, 0);
  const { written } = terminal;
  screen.draw(["late"]);
  screen[Symbol.dispose]();
  assertEquals(terminal.written, written);
});

Deno.test("Screen.ended resolves at q, Ctrl-C, Ctrl-D and the end of the input", async () => {
  for (const keys of ["q", "Q", "\x03", "\x04", null]) {
    const { terminal, screen } = opened();
    terminal.type("x\x1b[A");
    terminal.type(keys);
    await screen.ended;
    screen[Symbol.dispose]();
    assert(terminal.isRestored);
  }
});

Deno.test("Screen.ended resolves at signals, while the terminal can still be restored", async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    const { terminal, screen } = opened();
    terminal.send(signal);
    await screen.ended;
    screen[Symbol.dispose]();
    assert(terminal.isRestored, signal);
  }
});

Deno.test("Screen restores the terminal before the process ends, and after an error", () => {
  const { terminal, screen } = opened();
  terminal.send("exit");
  assert(terminal.isRestored);
  screen[Symbol.dispose]();
  const failed = new MemoryTerminal();
  try {
    using other = new Screen(failed);
    other.open();
    throw new Error("a bug");
  } catch {
    assert(failed.isRestored);
  }
});

Deno.test("Screen ignores a terminal that is gone", () => {
  const { terminal, screen } = opened();
  terminal.isGone = true;
  screen[Symbol.dispose]();
});

Deno.test("Screen.onChange is called for a new size, and after a stop that another program used", () => {
  const { terminal, screen } = opened();
  let changes = 0;
  screen.onChange = () => changes++;
  terminal.rows = 10;
  terminal.send("SIGWINCH");
  assertEquals([changes, screen.size.rows], [1, 10]);
  terminal.raw = false;
  terminal.send("SIGCONT");
  assert(terminal.raw);
  assertEquals(changes, 2);
  screen[Symbol.dispose]();
});

Deno.test("Screen.size is 80 x 24 in a terminal that does not know its size", () => {
  const { terminal, screen } = opened();
  Object.assign(terminal, { columns: 0, rows: 0 });
  assertEquals(screen.size, { columns: 80, rows: 24 });
  screen[Symbol.dispose]();
});
