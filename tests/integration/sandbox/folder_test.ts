import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigurationError } from "../../../shared/errors.ts";
import { Folders } from "../../../workers/sandbox/folders/folders.ts";
import { eventually } from "../../support/eventually.ts";
import { Process } from "../../support/process.ts";

/** A folder for temporary files that workers share. */
async function shared() {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

const names = (path: string) => Array.from(Deno.readDirSync(path), ({ name }) => name);

Deno.test("make() removes the folders of killed workers, and none of running ones", async () => {
  await using parent = await shared();
  const path = fileURLToPath(new URL("held_folder.ts", import.meta.url));
  const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
  const start = async () => {
    const args = ["run", "-A", `--config=${config}`, path, parent.path];
    const process = Process.start(Deno.execPath(), args);
    const [, folder = ""] = await process.said(/folder (.*) is made/);
    return { process, folder, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
  };
  await using killed = await start();
  await using living = await start();
  killed.process.kill("SIGKILL");
  await killed.process.status;
  // Other folders with similar names.
  await Deno.writeTextFile(`${parent.path}/worker-notes.lock`, "");
  await Deno.mkdir(`${parent.path}/worker-0123456789abcdef`);

  const workers = Array.from({ length: 4 }, () => new Folders(parent.path));
  const made = await Promise.all(workers.map((folders) => folders.make()));
  await eventually("the folder of the killed worker is gone", async () => {
    return await Deno.lstat(killed.folder).then(() => undefined, () => true);
  });
  for (const { path } of made) assertEquals(names(path), []);
  assertEquals(await Deno.readTextFile(`${living.folder}/a/b/file`), "left");
  for (const folder of made) await folder.remove();
  for (const folders of workers) await folders.stop();
  const worker = basename(dirname(living.folder));
  const kept = [worker, `${worker}.lock`, "worker-0123456789abcdef", "worker-notes.lock"];
  // The running worker has swept as well: only now may it remove the lock of the killed one.
  await eventually("only what is in use is left", () => names(parent.path).length === kept.length);
  assertEquals(names(parent.path).sort(), kept.sort());
});

Deno.test("empty() empties a folder while a process is in it, and stop() leaves nothing", async () => {
  await using parent = await shared();
  const folders = new Folders(parent.path);
  const folder = await folders.make();
  for (let round = 0; round < 3; round++) {
    await Deno.mkdir(`${folder.path}/a/b/c`, { recursive: true });
    await Deno.writeTextFile(`${folder.path}/a\nfile`, "");
    await Deno.symlink("/", `${folder.path}/root`);
    await folder.empty();
    assertEquals(names(folder.path), []);
  }
  const busy = Array.from({ length: 1001 }, (_, index) => `${folder.path}/${index}`);
  for (const path of busy) await Deno.writeTextFile(path, "");
  await assertRejects(() => folder.empty(), Error, "more than 1000 names");
  await folder.remove();
  await folder.remove(); // twice is nothing
  await folders.stop();
  assertEquals(names(parent.path), []);
});

Deno.test("empty() fails when something writes to the folder meanwhile", async () => {
  await using parent = await shared();
  const folders = new Folders(parent.path);
  const folder = await folders.make();
  const script = "i=0; while :; do i=$((i + 1)); : > $((i % 500)); done";
  {
    await using _writer = Process.start("/bin/sh", ["-c", script], { cwd: folder.path });
    await eventually("files", () => names(folder.path).length > 5 || undefined);
    // On a busy machine the writer may not run during the first.
    await eventually("a failure", () => folder.empty().then(() => false, () => true));
  }
  await folder.remove();
  await folders.stop();
  assertEquals(names(parent.path), []);
});

Deno.test("make() names a missing folder, and works once it exists", async () => {
  await using parent = await shared();
  const folders = new Folders(`${parent.path}/file/folder`);
  await Deno.writeTextFile(`${parent.path}/file`, "");
  const error = await assertRejects(() => folders.make(), ConfigurationError);
  assertStringIncludes(error.message, "set CELERIAC_SANDBOX_FOLDER");
  await Deno.remove(`${parent.path}/file`);
  const folder = await folders.make();
  assert((await Deno.stat(folder.path)).isDirectory);
  await folder.remove();
  await folders.stop();
});
