/** `cli.ts top` in a real terminal, against an API that a test controls. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type PtyStep, runInTerminal } from "../../support/pty.ts";
import { Process } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

const AT = "2030-01-02T03:04:05.000Z";
const QUEUES = [{ name: "celeriac.images", ready: 3, consumers: 1, problem: null }];
const BODIES: Readonly<Record<string, object>> = {
  "/v1/queues": { at: AT, queues: QUEUES },
  "/v1/workers": { at: AT, workers: [] },
  "/v1/series": { until: AT, series: [] },
};

/** An API.
 *
 * @param options.reads how often queues can be read, before it answers 503. Default: no limit
 * @param options.unavailable path that it always answers with 503 */
function startApi(
  { reads = Infinity, unavailable }: { reads?: number; unavailable?: string } = {},
) {
  let count = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/v1/queues") count++;
    return count > reads || pathname === unavailable
      ? Response.json({ detail: "Cannot reach the broker" }, { status: 503 })
      : Response.json(BODIES[pathname]);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const command = (url: string, ...flags: string[]) => [
  Deno.execPath(),
  "run",
  "-A",
  `${checkout}cli.ts`,
  "top",
  `--url=${url}`,
  ...flags,
];

const RESTORED = "\x1b[?7h\x1b[?25h\x1b[?1049l";

const ENDS: readonly (readonly [why: string, step: PtyStep])[] = [
  ["q", { type: "q" }],
  ["Ctrl-C", { type: "\x03" }],
  ["SIGTERM", { signal: "SIGTERM" }],
  ["SIGINT", { signal: "SIGINT" }],
  ["SIGHUP", { signal: "SIGHUP" }],
];

for (const [why, step] of ENDS) {
  Deno.test(`top restores the terminal after ${why}`, async () => {
    await using api = startApi();
    const steps = [{ until: "celeriac.images" }, step];
    const { code, restored, output } = await runInTerminal(command(api.url), steps);
    assertEquals([code, restored], [0, true], output);
    assert(output.endsWith(RESTORED), output.slice(-200));
    assertEquals(output.split("\x1b[?1049h").length, 2);
  });
}

/** Ends of a process that skip `using`, and their exit codes. */
const SUDDEN_ENDS: readonly (readonly [code: string, exit: number])[] = [
  ["Deno.exit(5)", 5],
  ["setTimeout(() => { throw new Error('a bug'); })", 1],
  ["Promise.reject(new Error('a bug'))", 1],
];

for (const [code, exit] of SUDDEN_ENDS) {
  Deno.test(`a screen restores the terminal after ${code}`, async () => {
    const screen = new URL("../../../cli/top/screen.ts", import.meta.url);
    const program = `import { Screen } from "${screen}";
      const screen = new Screen();
      screen.open();
      screen.draw(["drawn"]);
      ${code};
      await screen.ended;`;
    const steps = [{ until: "drawn" }];
    const session = await runInTerminal([Deno.execPath(), "eval", program], steps);
    assertEquals([session.code, session.restored], [exit, true], session.output);
    assertStringIncludes(session.output, RESTORED);
  });
}

Deno.test("top needs only the permissions that are printed for it", async () => {
  await using api = startApi();
  const [program = "", run = "", , cli = "", ...args] = command(api.url);
  await using permissions = Process.start(program, [run, "-A", cli, "permissions", ...args]);
  await permissions.exit();
  const limited = [program, run, ...permissions.stdout.trim().split("\n"), cli, ...args];
  const session = await runInTerminal(limited, [{ until: "celeriac.images" }, { type: "q" }]);
  assertEquals([session.code, session.restored], [0, true], session.output);
});

Deno.test("top fits a terminal that becomes smaller, and is refreshed each second", async () => {
  await using api = startApi();
  const { output } = await runInTerminal(command(api.url), [
    { until: "celeriac.images" },
    { size: [10, 6] },
    { until: "celeriac …" },
    { until: "\x1b[?2026h" },
    { until: "\x1b[?2026h" },
    { type: "q" },
  ]);
  const frame = output.split("\x1b[?2026h").at(-1)!.split("\x1b[J")[0]!;
  assertEquals(frame.split("\r\n").length, 6);
});

Deno.test("top shows errors of the API while it runs, and continues", async () => {
  await using api = startApi({ reads: 1 });
  const { code, restored } = await runInTerminal(command(api.url), [
    { until: "503 Cannot reach the broker" },
    { until: "celeriac.images" },
    { type: "q" },
  ]);
  assertEquals([code, restored], [0, true]);
});

Deno.test("top leaves the terminal alone when the API is away from the start", async () => {
  const { code, restored, output } = await runInTerminal(command("http://127.0.0.1:9"), []);
  assertEquals([code, restored], [3, true]);
  assertStringIncludes(output, "celeriac: Cannot reach the API at http://127.0.0.1:9 because ");
  assert(!output.includes("\x1b[?"));
});

Deno.test("top prints one view without a terminal, and with --once", async () => {
  await using api = startApi();
  const [program = "", ...args] = command(api.url);
  await using piped = Process.start(program, args);
  assertEquals((await piped.exit()).code, 0, piped.output);
  assertStringIncludes(piped.stdout, "\nceleriac.images      3          1      0.0");
  assert(!piped.stdout.includes("\x1b"));
  const once = await runInTerminal(command(api.url, "--once"), []);
  assertEquals([once.code, once.restored], [0, true]);
  assert(!once.output.includes("\x1b[?"), once.output);
});

Deno.test("top --json ends with 3 if a part cannot be read", async () => {
  await using api = startApi({ unavailable: "/v1/workers" });
  const [program = "", ...args] = command(api.url, "--json");
  await using process = Process.start(program, args);
  assertEquals((await process.exit()).code, 3, process.output);
  const { queues, workers, errors } = JSON.parse(process.stdout);
  assertEquals([queues.length, workers], [1, null]);
  assertEquals(errors, [{ part: "workers", message: "503 Cannot reach the broker" }]);
});
