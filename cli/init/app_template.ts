/** The files of a new app. */
import { VERSION } from "../../shared/version.ts";

const CONTRACTS =
  `// What tasks are called, take and return. The API loads this module, and so do workers.
import { defineTask, z } from "@celeriac/celeriac";

export const greet = defineTask({
  name: "greet",
  summary: "Greets somebody",
  input: z.object({ who: z.string().min(1) }),
  output: z.string(),
  retry: { maxAttempts: 5 },
  example: { who: "world" },
});
`;

const HANDLERS = `// What tasks do. Only workers load this module.
import { handle } from "@celeriac/celeriac/worker";
import { greet } from "./contracts.ts";

export const greetHandler = handle(greet, ({ who }, { log, attempt }) => {
  log.info("Greeting {who}, attempt {attempt}", { who, attempt });
  return \`Hello, \${who}!\`;
});
`;

const TEST = `import assert from "node:assert/strict";
import type { Context } from "@celeriac/celeriac/worker";
import { greet } from "./contracts.ts";
import { greetHandler } from "./handlers.ts";

const context = { attempt: 1, log: console } as unknown as Context;

Deno.test("greet greets by name", async () => {
  const input = greet.input.parse({ who: "Ada" });
  assert.equal(await greetHandler.run(input, context), "Hello, Ada!");
});

Deno.test("greet refuses an empty name", () => {
  assert.equal(greet.input.safeParse({ who: "" }).success, false);
});
`;

const README = `# Tasks

\`contracts.ts\` defines the tasks, \`handlers.ts\` implements them.

\`\`\`sh
deno task test
deno task dev                     # API, worker and scheduler in one process; reloads what you save
deno task call greet who=world    # in another terminal
\`\`\`

With servers, set \`AMQP_URL\` and \`DATABASE_URL\`, then:

\`\`\`sh
deno task migrate
deno task api
deno task worker
deno task beat                    # if the app has schedules
\`\`\`

\`deno task cli --help\` lists the other commands.
`;

/** Folders without sources. */
const GITIGNORE = `.celeriac/
node_modules/
`;

/** Returns the files of a new app by name.
 *
 * @param checkout path of a checkout that the app is to use; without one the package comes from its registry */
export function appTemplate(checkout: string | undefined): Record<string, string> {
  const cli = "@celeriac/celeriac/cli";
  // A role is started with its own permissions, so what starts it needs few.
  const run = "deno run --no-prompt --allow-env --allow-read";
  const children = "--allow-run=$(deno eval -p 'Deno.execPath()'),/bin/sh";
  const start = `${run} ${children} ${cli} start`;
  const config = {
    ...(checkout === undefined ? {} : { links: [checkout] }),
    imports: { "@celeriac/celeriac": `jsr:@celeriac/celeriac@^${VERSION}` },
    tasks: {
      dev: `${run} --allow-net=127.0.0.1:0 ${children} ${cli} dev`,
      test: "deno test -A",
      call: `deno run -A ${cli} call`,
      api: `${start} api`,
      worker: `${start} worker`,
      beat: `${start} beat`,
      migrate: `${start} migrate`,
      cli: `deno run -A ${cli}`,
    },
  };
  return {
    "contracts.ts": CONTRACTS,
    "handlers.ts": HANDLERS,
    "handlers_test.ts": TEST,
    "deno.json": `${JSON.stringify(config, null, 2)}\n`,
    "README.md": README,
    ".gitignore": GITIGNORE,
  };
}
