import { assertEquals } from "@std/assert";
import { appFolder } from "../../support/app_folder.ts";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { Process, run } from "../../support/process.ts";

const contracts = `
import { defineTask, z } from "@celeriac/celeriac";

export const greet = defineTask({
  name: "greet",
  input: z.object({ who: z.string() }),
  output: z.string(),
});

export const shout = defineTask({
  name: "shout",
  input: z.object({ what: z.string() }),
  run: "process",
});
`;

const handlers = `
import { handle } from "@celeriac/celeriac/worker";
import { greet, shout } from "./contracts.ts";

export const greetHandler = handle(greet, ({ who }) => "Hello, " + who);
export const shoutHandler = handle(shout, ({ what }) => what.toUpperCase());
`;

const cli = "@celeriac/celeriac/cli";

Deno.test("an app in its own folder runs on the package", async () => {
  await using pipeline = await freshPipeline();
  await using stack = new AsyncDisposableStack();
  const { folder } = stack.use(
    await appFolder({ "contracts.ts": contracts, "handlers.ts": handlers }),
  );
  const { AMQP_URL, DATABASE_URL } = pipeline.env;
  const options = {
    cwd: folder,
    env: { AMQP_URL, DATABASE_URL, PORT: "0", HEALTH_PORT: "0", NO_COLOR: "1" } as Record<
      string,
      string
    >,
  };
  const start = async (role: string, flags: string[]) => {
    const asked = ["run", "-A", cli, "permissions", role, ...flags];
    const permissions = (await run(Deno.execPath(), asked, options)).trim().split(/\s+/);
    const args = ["run", ...permissions, cli, role, ...flags];
    return stack.use(Process.start(Deno.execPath(), args, options));
  };
  const api = await start("api", ["--contracts", "./contracts.ts"]);
  const [, url = ""] = await api.said(/ready at (http:\S+)/);
  const both = ["--contracts", "./contracts.ts", "--handlers", "./handlers.ts"];
  const worker = await start("worker", both);
  await worker.said(/ready: consuming/);

  const greeting = await submit(url, "greet", { kwargs: { who: "you" } }, { prefer: "wait=30" });
  assertEquals(greeting.result, "Hello, you");
  const shouted = await submit(url, "shout", { kwargs: { what: "hey" } }, { prefer: "wait=30" });
  assertEquals(shouted.result, "HEY");
});
