/** CPU time and memory of process trees. */
import { assert, assertEquals } from "@std/assert";
import { parseStat, readCpu, readMemory, treesOf } from "../../bench/kit/process_usage.ts";
import { Process } from "../../support/process.ts";

Deno.test("parseStat() reads ids and the four times behind a name with spaces and parentheses", () => {
  const text = "42 (tmux: (server) 1) S 7 42 42 0 -1 4194560 5 6 7 8 100 20 3 4 20 0 1 0 99 1 2";
  assertEquals(parseStat(text), { pid: 42, parent: 7, ticks: 127 });
});

Deno.test("treesOf() returns roots with all descendants, each once", () => {
  const all = [[1, 0], [2, 1], [3, 2], [4, 1], [5, 9]].map(([pid = 0, parent = 0]) => ({
    pid,
    parent,
    ticks: 0,
  }));
  assertEquals(treesOf(all, [2, 3, 5]).map(({ pid }) => pid).sort(), [2, 3, 5]);
  assertEquals(treesOf(all, [1]).map(({ pid }) => pid).sort(), [1, 2, 3, 4]);
});

Deno.test("readCpu() counts a child that has ended, because its parent has reaped it", async () => {
  const loop = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
  const script = `sh -c '${loop}'; echo done; sleep 60; :`;
  await using shell = Process.start("sh", ["-c", script], { ownGroup: true });
  await shell.said(/done/);
  const { all = 0, none } = await readCpu({ all: [shell.pid], none: [] });
  assert(all > 0, `${all} s`);
  assertEquals(none, 0);
});

Deno.test("readMemory() returns mebibytes", async () => {
  const { own = 0 } = await readMemory({ own: [Deno.pid] });
  assert(own > 10 && own < 10_000, `${own} MiB`);
});
