/** The data folder of `cli dev`: one process at a time, intact after a SIGKILL at any moment. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { submit } from "../../support/pipeline.ts";
import type { Process } from "../../support/process.ts";
import { startDev, startRole, testApp } from "../../support/roles.ts";

/** Files of a database that is half initialised; a complete one has almost a thousand. */
const HALF = 300;
/** SIGKILLs under load. */
const ROUNDS = 2;

const data = await Deno.makeTempDir();
const env = { ...testApp, CELERIAC_DATA: data };
globalThis.addEventListener("unload", () => Deno.removeSync(data, { recursive: true }));

async function paths(folder: string): Promise<string[]> {
  const found = [folder];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) found.push(...await paths(path).catch(() => []));
    else found.push(path);
  }
  return found;
}

async function kill(process: Process): Promise<void> {
  process.kill("SIGKILL");
  await process.exit();
}

/** Starts `dev` where it must not start.
 *
 * @returns its output */
async function refused(own: Record<string, string>): Promise<string> {
  await using dev = await startRole("dev", { env: { ...env, ...own } });
  assertEquals((await dev.exit()).code, 2, dev.output);
  return dev.output;
}

/** Submits until the API is gone.
 *
 * @returns ids of the tasks that were accepted */
async function submitUntilGone(url: string, accepted: string[]): Promise<void> {
  try {
    while (true) {
      accepted.push((await submit(url, "test.sleep", { kwargs: { seconds: 0.01 } })).id);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

Deno.test("dev and its data folder", async (test) => {
  await using stack = new AsyncDisposableStack();
  const accepted: string[] = [];

  await test.step("recovers from a kill while it creates the database", async () => {
    await using first = await startRole("dev", { env: { ...env, PORT: "0" } });
    await eventually("half a database", async () => {
      const made = await paths(join(data, "postgres")).catch(() => []);
      return made.length > HALF;
    });
    await kill(first);
    assert(await Deno.stat(join(data, "postgres.unfinished")));
  });

  let { dev, url } = await startDev({ env });
  stack.defer(() => kill(dev));

  await test.step("rejects a second process, and names the one that uses the folder", async () => {
    for (const own of [{ PORT: "0", CELERIAC_RESET: "1" }, { PORT: new URL(url).port }]) {
      const said = await refused(own);
      assertStringIncludes(said, `process ${dev.pid} at ${url}`);
      assertStringIncludes(said, "--data=FOLDER");
    }
    const other = join(data, "other");
    const said = await refused({ PORT: new URL(url).port, CELERIAC_DATA: other });
    assertStringIncludes(said, "port");
    assertEquals(await Array.fromAsync(Deno.readDir(other), ({ name }) => name), ["lock"]);
  });

  await test.step("keeps every accepted task when it is killed under load", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const known = accepted.length;
      const load = Promise.all(Array.from({ length: 16 }, () => submitUntilGone(url, accepted)));
      await eventually("some load", () => accepted.length > known + 50 + Math.random() * 300);
      await kill(dev);
      await load;
      await Deno.chmod(join(data, "postgres"), 0o755);
      ({ dev, url } = await startDev({ env }));
    }
    await eventually("the end of every accepted task", async () => {
      const answers = await Promise.all(
        accepted.map(async (id) => await (await fetch(`${url}/v1/tasks/${id}`)).json()),
      );
      return answers.every(({ state }) => state === "SUCCESS");
    });
  });

  await test.step("makes its files readable for its own user only", async () => {
    for (const path of [join(data, "lock"), ...await paths(join(data, "postgres"))]) {
      assertEquals((await Deno.stat(path)).mode! & 0o077, 0, path);
    }
  });
});
