/** The commands of the pages, as they are shown, in a copy of the checkout, on real servers. */
import { assertEquals, assertMatch } from "@std/assert";
import { dirname } from "node:path";
import { copyCheckout, copyTree, readmeApp } from "../../support/checkout_copy.ts";
import { blocksOf } from "../../support/documentation.ts";
import { eventually } from "../../support/eventually.ts";
import { submit } from "../../support/pipeline.ts";
import { Process } from "../../support/process.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";
import { freshDatabase, freshVhost, management } from "../../support/servers.ts";
import { type ExecutedCommand, ON_SERVERS } from "../../support/shown_commands.ts";

const UNKNOWN_TASK = "shop.unknown";
const READY_MS = 60_000;

/** Variables that the README exports before it starts the roles. */
async function exported(checkout: string): Promise<Record<string, string>> {
  const readme = await Deno.readTextFile(`${checkout}/README.md`);
  const block = blocksOf("README.md", readme).find(({ text }) => /^deno task migrate/m.test(text));
  const assigned = block?.text.replaceAll(/\\\n/g, "").match(/^export (.*)$/m)?.[1] ?? "";
  return Object.fromEntries(
    assigned.matchAll(/(\w+)=(\S+)/g).map(([, name, value]) => [name, value]),
  );
}

/** Where the commands run, and what stands for the examples of the pages. */
class Shell implements AsyncDisposable {
  readonly fills = new Map<string, string>();
  readonly env: Record<string, string>;
  readonly #folders: { checkout: string; project: string };
  readonly #running = new AsyncDisposableStack();

  constructor(folders: { checkout: string; project: string }, env: Record<string, string>) {
    this.#folders = folders;
    this.env = env;
  }

  /** Runs a command until it has ended, or is ready. */
  async run(command: ExecutedCommand): Promise<string> {
    const { fill = {}, says, stays, project, env = {}, code = 0 } = command;
    let text = command.shown;
    for (const [example, name] of Object.entries(fill)) {
      text = text.replaceAll(example, this.fills.get(name) ?? name);
    }
    const process = Process.start("sh", ["-c", text], {
      cwd: project ? this.#folders.project : this.#folders.checkout,
      env: { ...this.env, ...env },
      ownGroup: true,
    });
    if (stays) {
      await this.#running.use(process).said(says, { timeoutMs: READY_MS });
      return process.output;
    }
    await using ended = process;
    const status = await ended.exit({ timeoutMs: READY_MS });
    assertEquals(status.code, code, ended.output);
    assertMatch(ended.output, says);
    return ended.output;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#running.disposeAsync();
  }
}

Deno.test("the commands of the documentation work with real servers", async (t) => {
  await using stack = new AsyncDisposableStack();
  const parent = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(parent, { recursive: true }));
  const checkout = await copyCheckout(parent);
  const project = `${parent}/project`;
  await copyTree(`${checkout}/examples/django`, project);
  const app = await readmeApp();
  await Deno.writeTextFile(`${project}/deno.json`, app.get("deno.json")!);
  await Deno.mkdir(`${checkout}/overlays/mine`, { recursive: true });
  await Deno.mkdir(`${checkout}/app`);
  for (const [name, text] of app) {
    if (name.endsWith(".ts")) await Deno.writeTextFile(`${checkout}/app/${name}`, text);
  }
  await Deno.writeTextFile(`${checkout}/authority.pem`, "-----BEGIN CERTIFICATE-----\n");

  const vhost = stack.use(await freshVhost());
  const database = stack.use(await freshDatabase());
  const amqp = stack.use(await rawChannel(vhost.url));
  await amqp.channel.assertQueue("celery", { durable: true });
  const unique = crypto.randomUUID();
  stack.defer(async () => {
    await management(vhost.managementUrl, "DELETE", `/api/vhosts/shop-${unique}`);
    await management(vhost.managementUrl, "DELETE", `/api/users/shop-${unique}`);
  });

  const shell = stack.use(
    new Shell({ checkout, project }, {
      ...await exported(checkout),
      AMQP_URL: vhost.url,
      DATABASE_URL: database.url,
      MANAGEMENT_URL: vhost.managementUrl,
      CELERIAC_BROKER_PASSWORD_PROJECT: unique,
      CELERIAC_BROKER_PASSWORD_API: unique,
      CELERIAC_BROKER_PASSWORD_WORKER: unique,
      CELERIAC_MAX_WAIT: "5",
      CELERIAC_UNKNOWN_TASK_WAIT: "0", // no other worker is to take it
      HEALTH_PORT: "0",
      NO_COLOR: "1",
      PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
      PORT: "0",
      TOKEN: unique,
    }),
  );
  shell.fills.set("kubectl", "cat")
    .set("vhost", `=shop-${unique}`)
    .set("user", `=shop-${unique}`)
    .set("unknown task", UNKNOWN_TASK);

  /** What follows a command, by its text. */
  const after: Readonly<Record<string, (output: string) => Promise<void>>> = {
    "deno task api": async (output) => {
      const url = readyAt(output);
      shell.env.CELERIAC_URL = url;
      const body = { kwargs: { x: 1, y: 1 }, options: { countdown: 600 } };
      const { id } = await submit(url, "add", body);
      shell.fills.set("waiting task", id).set("path of the waiting task", `tasks/${id}`);
    },
    "deno task cli key create shop --scopes=tasks:submit,tasks:read --tasks='orders.*'": (
      output,
    ) => {
      shell.fills.set("key", /key (\w+) \(shop\)/.exec(output)![1]!);
      return Promise.resolve();
    },
    "deno task worker": async () => {
      const stray = rawTask(UNKNOWN_TASK, crypto.randomUUID(), {});
      await publishRaw(amqp, "", "celeriac.default", [stray]);
      const letter = await eventually("the dead letter", async () => {
        const answer = await fetch(`${shell.env.CELERIAC_URL}/v1/dead-letters`);
        return (await answer.json()).dead_letters[0];
      });
      shell.fills.set("dead letter", letter.id);
    },
  };
  for (const command of ON_SERVERS) {
    await t.step(command.shown, async () => {
      const output = await shell.run(command);
      await after[command.shown]?.(output);
      const project = command.project && readyAt(output);
      if (project) shell.fills.set("project's API", project);
    });
  }

  await t.step(
    "a silent node is named, together with the nodes that answer",
    async () => {
      const cli = (args: string, says: RegExp, code: number) =>
        shell.run({ shown: `deno task cli ${args}`, says, code });
      const choice = /Cannot inspect 'nobody' because no answer .*\(.*celeriac@web-1.*\)/;
      await cli("inspect ping --node=nobody", choice, 4);
      await cli("inspect ping --node=celeriac@web-1,nobody", /"ok": "pong"[\s\S]*'nobody'/, 4);
      await cli("control shutdown --node=nobody", /Cannot control 'nobody'/, 4);
      await cli("control shutdown --node=celeriac@web-1", /sent shutdown to celeriac@web-1/, 0);
      await eventually("the node is gone", async () => {
        return await cli("inspect ping --node=celeriac@web-1", /Cannot/, 4).catch(() => undefined);
      });
      const empty = await freshVhost();
      await using _empty = empty;
      shell.env.AMQP_URL = empty.url;
      await cli("inspect ping", /Cannot inspect any node .* start a worker/, 4);
    },
  );
});

function readyAt(output: string): string {
  return /ready at (http:\S+)/.exec(output)?.[1] ?? "";
}
