/** An app of one's own in the image: the commands of infra/Dockerfile and infra/entrypoint.sh, in a folder instead of a container. */
import { assertEquals, assertMatch } from "@std/assert";
import { dirname } from "node:path";
import { copyTree } from "../../support/checkout_copy.ts";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { Process, run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

const contracts = `
import { defineTask, z } from "@celeriac/celeriac";
const input = z.object({});
export const inline = defineTask({ name: "inline", input, output: z.string() });
export const child = defineTask({ name: "child", input, output: z.string(), run: "process" });
`;

const handlers = `
import { handle } from "@celeriac/celeriac/worker";
import { NIL } from "ids";
import { child, inline } from "./contracts.ts";
export const inlineHandler = handle(inline, () => NIL);
export const childHandler = handle(child, () => NIL);
`;

/** As `cli init` makes it in a folder far from the image, with a name of the app's own for a package. */
const config = {
  links: ["../../celeriac"],
  imports: {
    "@celeriac/celeriac": "jsr:@celeriac/celeriac@^0.1.0",
    ids: "npm:uuid@^14.0.3",
  },
};

/** The files that the Dockerfile copies, and what it does to them, in `folder` instead of `/app`. */
async function buildImage(folder: string): Promise<void> {
  const dockerfile = await Deno.readTextFile(`${checkout}infra/Dockerfile`);
  const copied = [...dockerfile.matchAll(/^COPY (?!--)(.*) \S+$/gm)].flatMap(([, files = ""]) =>
    files.split(" ")
  ).filter((file) => !file.startsWith("infra/"));
  await Deno.mkdir(folder);
  for (const file of copied) {
    const { isDirectory } = await Deno.stat(checkout + file);
    if (isDirectory) await copyTree(checkout + file, `${folder}/${file}`);
    else await Deno.copyFile(checkout + file, `${folder}/${file}`);
  }
  const [, command = ""] = /^RUN (mkdir app [^]*?[^\\])\n/m.exec(dockerfile) ?? [];
  await run("sh", ["-c", command], { cwd: folder, env: path, timeoutMs: 120_000 });
}

const path = { PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`, NO_COLOR: "1" };

Deno.test("a user's app runs in the image with its own import map", async () => {
  await using stack = new AsyncDisposableStack();
  const parent = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(parent, { recursive: true }));
  const folder = `${await Deno.realPath(parent)}/the image`;
  await buildImage(folder);
  const app = `${folder}/app`;
  for (
    const [name, text] of Object.entries({
      "contracts.ts": contracts,
      "handlers.ts": handlers,
      "deno.json": JSON.stringify(config),
    })
  ) await Deno.writeTextFile(`${app}/${name}`, text);
  await run(Deno.execPath(), ["cache", `${app}/contracts.ts`, `${app}/handlers.ts`], {
    timeoutMs: 120_000,
  });
  const entrypoint = await Deno.readTextFile(`${checkout}infra/entrypoint.sh`);
  await Deno.writeTextFile(
    `${parent}/celeriac`,
    entrypoint.replaceAll("/app/cli.ts", `"${folder}/cli.ts"`),
  );

  await using pipeline = await freshPipeline();
  const start = (role: string) =>
    stack.use(Process.start("sh", [`${parent}/celeriac`, role], {
      cwd: folder,
      env: {
        ...pipeline.env,
        ...path,
        CELERIAC_CONTRACTS: `${app}/contracts.ts`,
        CELERIAC_HANDLERS: `${app}/handlers.ts`,
        PORT: "0",
        HEALTH_PORT: "0",
      },
    }));
  const worker = start("worker");
  const api = start("api");
  const [, url = ""] = await api.said(/ready at (http:\S+)/, { timeoutMs: 120_000 });
  await worker.said(/ready: consuming/, { timeoutMs: 120_000 });
  for (const task of ["inline", "child"]) {
    const { result } = await submit(url, task, { kwargs: {} }, { prefer: "wait=20" });
    assertMatch(String(result), /^0{8}-/, `${task}: ${worker.output}`);
  }
  for (const role of [api, worker]) {
    role.kill("SIGTERM");
    assertEquals((await role.exit()).code, 0, role.output);
  }
});
