/** Real Flower with our workers, in a browser, with the permissions of the definitions. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { applyDefinitions } from "../../../cli/rabbitmq/apply.ts";
import { renderDefinitions } from "../../../cli/rabbitmq/render.ts";
import { startBrowser } from "../../support/browser.ts";
import { celeryStack, PYTHON_ENVIRONMENT } from "../../support/celery_stacks.ts";
import { eventually } from "../../support/eventually.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { freePorts } from "../../support/ports.ts";
import { Process } from "../../support/process.ts";
import { unprovisioned } from "../../support/provisioned.ts";
import { startWorker, testApp } from "../../support/roles.ts";
import { CeleryShell } from "../control/shell.ts";

const NODE = "celeriac@flower";
const WITHIN = { within: 60 };
/** Folder for the browser's screenshots. */
const PICTURES = new URL("../../../report/flower/", import.meta.url).pathname;

/** A page that records failed requests and script errors. */
function watch(page: Page): string[] {
  const faults: string[] = [];
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  page.on("pageerror", (error) => faults.push(error.message));
  return faults;
}

Deno.test("Flower (c57) shows our workers and tasks, and its buttons work", async (t) => {
  await using stack = new AsyncDisposableStack();
  const celery = await celeryStack("c57");
  const fixture = stack.use(unprovisioned(["celeriac.default"]));
  const options = { ...fixture.options, defaultQueueType: "classic" } as const;
  await applyDefinitions(fixture.management, await renderDefinitions(options));
  const database = stack.use(await freshMigrated());

  const [port = 0] = freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const flower = stack.use(Process.start(celery.python, [
    ...["-m", "celery", "-A", "app", "flower"],
    ...["--address=127.0.0.1", `--port=${port}`, "--inspect_timeout=3000"],
    `--broker_api=${fixture.managementUrlOf("flower")}/api/`,
  ], {
    cwd: fileURLToPath(new URL("../control/", import.meta.url)),
    env: {
      ...PYTHON_ENVIRONMENT,
      BROKER: fixture.url("flower"),
      FLOWER_UNAUTHENTICATED_API: "true",
    },
    ownGroup: true,
  }));
  const get = async (path: string) => {
    const answer = await fetch(url + path);
    return { status: answer.status, text: await answer.text() };
  };
  await eventually("Flower to answer", () => get("/").then(() => true, () => false), WITHIN);

  const worker = stack.use(
    await startWorker({
      env: {
        ...testApp,
        AMQP_URL: fixture.url("worker"),
        DATABASE_URL: database.url,
        CELERIAC_NODE: NODE,
        CELERIAC_PROCESSES: "1",
      },
    }),
  );
  const shell = stack.use(await CeleryShell.start(celery, fixture.url("python")));
  const stateOf = async (id: string) => {
    const { status, text } = await get(`/api/task/info/${id}`);
    return status === 200 ? JSON.parse(text).state as string : undefined;
  };
  const becomes = (id: string, state: string) =>
    eventually(`${id} to be ${state}`, async () => await stateOf(id) === state, WITHIN);

  const browser = await startBrowser();
  stack.defer(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(60_000);
  await Deno.mkdir(PICTURES, { recursive: true });
  const faults = watch(page);
  /** Reloads a page until it shows the expected content: Flower queries the worker only when the page is opened. */
  const look = async (path: string, name: string, shown: RegExp) => {
    await eventually(`${path} to show ${shown}, without ${faults}`, async () => {
      faults.length = 0;
      await page.goto(url + path, { waitUntil: "networkidle" });
      return shown.test(await page.innerText("body")) && faults.length === 0;
    }, WITHIN);
    await page.screenshot({ path: `${PICTURES}${name}.png`, fullPage: true });
  };

  const running = await shell.send("test.sleep", { seconds: 600 });
  const blocking = await shell.send("test.block");
  await becomes(blocking, "STARTED");
  const waiting = await shell.send("test.sleep_process", { seconds: 0 });
  const failed = await shell.send("test.fail", { message: "out of ink" });
  const done = await eventually("a task seen from end to end", async () => {
    const id = await shell.send("test.echo", { value: "paper" });
    await becomes(id, "SUCCESS");
    return id;
  }, WITHIN);

  await t.step("API endpoints", async () => {
    for (const path of ["/workers?json=1", "/metrics", "/healthcheck", "/api/tasks"]) {
      assertEquals((await get(path)).status, 200, path);
    }
    const told = await eventually("Flower to know the worker", async () => {
      const workers = await get("/api/workers?refresh=1");
      assertEquals(workers.status, 200, workers.text);
      return JSON.parse(workers.text)[NODE];
    }, WITHIN);
    assertEquals(told.active_queues[0].name, "celeriac.default");
    assertEquals(told.stats.pid, worker.pid);
    assert(told.registered.includes("test.echo"));
    const lengths = await get("/api/queues/length");
    assertEquals(lengths.status, 200, lengths.text);
    assertMatch(lengths.text, /celeriac\.default/);
    assertMatch((await get("/metrics")).text, /flower_worker_online\{worker="celeriac@flower"\} 1/);
  });

  await t.step("HTML pages", async () => {
    await look("/workers", "workers", /eriac@flower[^]*Online/);
    await look("/tasks", "tasks", /test\.echo[^]*SUCCESS|SUCCESS[^]*test\.echo/);
    await look(`/task/${done}`, "task", /SUCCESS[^]*paper|paper[^]*SUCCESS/);
    await look(`/task/${failed}`, "failed", /out of ink/);
    await look("/broker", "broker", /celeriac\.default/);
    await look(`/worker/${NODE}`, "worker", /Prefetch Count/);
    for (const tab of ["broker", "queues", "tasks", "limits", "config", "system", "other"]) {
      const link = page.locator(`#worker-tab-${tab}`);
      if (await link.count() === 0) continue;
      await link.click();
      await page.locator(`#tab-${tab}`).waitFor({ state: "visible" });
      await page.screenshot({ path: `${PICTURES}worker-${tab}.png`, fullPage: true });
    }
    assertEquals(faults, []);
  });

  await t.step("revoke and terminate", async () => {
    await look(`/task/${waiting}`, "waiting", /RECEIVED/);
    await page.click("#task-revoke");
    await page.getByText(/Revoked/).first().waitFor();
    for (const id of [running, blocking]) {
      await look(`/task/${id}`, "running", /STARTED/);
      await page.click("#task-terminate");
      await becomes(id, "REVOKED");
    }
    await becomes(waiting, "REVOKED");
  });

  await t.step("rate limit, pool and queues", async () => {
    await look(`/worker/${NODE}`, "worker", /Prefetch Count/);
    await page.click("#worker-tab-limits");
    const row = page.locator("#limits-table tr", { hasText: /^\s*test\.echo\b(?!_)/ });
    await row.locator("input").first().fill("7");
    await row.getByRole("button", { name: "Apply" }).click();
    const registered = async () => await shell.inspect(NODE, "registered") as string[];
    await eventually(
      "the limit to be set",
      async () => (await registered()).includes("test.echo [rate_limit=7]"),
      WITHIN,
    );
    await page.click("#worker-tab-pool");
    await page.click("#worker-pool-grow");
    await eventually("the pool to grow", async () => {
      const { pool } = await shell.inspect(NODE, "stats") as { pool: Record<string, number> };
      return pool["max-concurrency"] === 33;
    }, WITHIN);
    await page.screenshot({ path: `${PICTURES}grown.png` });
    assertEquals(faults, []);
  });

  await t.step("shutdown", async () => {
    await page.click("#worker-group");
    await page.click("#worker-shutdown");
    assertEquals((await worker.exit()).code, 0);
    await eventually("Flower to show it offline", async () => {
      await page.goto(`${url}/workers`);
      return /offline/i.test(await page.innerText("body"));
    }, WITHIN);
    await page.screenshot({ path: `${PICTURES}gone.png` });
  });

  assert(flower.running);
  assert(!/Traceback|Uncaught exception/.test(flower.output), flower.output);
});
