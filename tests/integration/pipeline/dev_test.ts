import { assert, assertEquals } from "@std/assert";
import { copyCheckout } from "../../support/checkout_copy.ts";
import { Process, run } from "../../support/process.ts";

/** Starts it as the README says, and reports how long it took. */
async function startDev(folder: string, stack: AsyncDisposableStack): Promise<Process> {
  const start = performance.now();
  const dev = stack.use(Process.start(Deno.execPath(), ["task", "dev"], {
    cwd: folder,
    env: { PORT: "0", NO_COLOR: "1" },
  }));
  await dev.said(/^ *curl .*\n/m, { timeoutMs: 180_000 });
  console.log(`deno task dev: ready after ${Math.round(performance.now() - start)} ms`);
  return dev;
}

function printed(dev: Process, pattern: RegExp): string {
  return pattern.exec(dev.output)?.[1] ?? "";
}

async function stop(dev: Process): Promise<void> {
  dev.kill("SIGTERM");
  assertEquals((await dev.exit()).code, 0, dev.output);
}

Deno.test("deno task dev in a fresh copy prints a curl line that works, and keeps its data", async () => {
  await using stack = new AsyncDisposableStack();
  const parent = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(parent, { recursive: true }));
  const folder = await copyCheckout(parent);

  const first = await startDev(folder, stack);
  const answer = JSON.parse(await run("sh", ["-c", printed(first, /^ *(curl .*)$/m)]));
  assertEquals({ state: answer.state, result: answer.result }, { state: "SUCCESS", result: 5 });
  await stop(first);

  const second = await startDev(folder, stack);
  const url = printed(second, /ready at (http:\S+)/);
  const kept = await (await fetch(`${url}/v1/tasks/${answer.id}`)).json();
  assertEquals({ id: kept.id, result: kept.result }, { id: answer.id, result: 5 });
  await stop(second);
  assert((await Deno.stat(`${folder}/.celeriac`)).isDirectory);
});
