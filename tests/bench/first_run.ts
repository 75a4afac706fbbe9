/** Measures the downloads of the first `deno task dev`: npm archives, and the size of Deno's cache afterwards.
 *
 *     deno run -A tests/bench/first_run.ts
 * @module
 */
import { copyCheckout } from "../support/checkout_copy.ts";
import { Process } from "../support/process.ts";
import { table } from "./table.ts";

async function megabytesOf(folder: string): Promise<number> {
  return await bytesOf(folder) / 1_000_000;
}

async function bytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? await bytesOf(path) : (await Deno.lstat(path)).size;
  }
  return bytes;
}

const parent = await Deno.makeTempDir();
try {
  const folder = await copyCheckout(parent);
  const cache = `${parent}/cache`;
  const began = performance.now();
  await using dev = Process.start(Deno.execPath(), ["task", "dev"], {
    cwd: folder,
    env: { DENO_DIR: cache, PORT: "0", NO_COLOR: "1" },
    ownGroup: true,
  });
  await dev.said(/^ *curl .*\n/m, { timeoutMs: 600_000 });
  const seconds = (performance.now() - began) / 1000;
  const archives = dev.output.match(/^Download \S+\.tgz$/gm) ?? [];
  dev.kill("SIGTERM");
  await dev.exit();
  console.log(table([
    {
      what: "npm archives",
      measured: archives.length,
      unit: "archives",
      target: { atMost: 28 },
    },
    {
      what: "unpacked archives",
      measured: await megabytesOf(`${cache}/npm`),
      unit: "MB",
      target: { atMost: 56 },
    },
    { what: "cache, with compiled modules", measured: await megabytesOf(cache), unit: "MB" },
    { what: "time until ready", measured: seconds, unit: "s" },
  ]));
} finally {
  await Deno.remove(parent, { recursive: true });
}
