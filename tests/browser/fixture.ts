/** One pipeline under load and one browser, for all tests of the page.
 * @module
 */
import axe from "axe-core/axe.min.js" with { type: "text" };
import { assertEquals } from "@std/assert";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { startBrowser } from "../support/browser.ts";
import { freshPipeline, type Pipeline, submit, type TaskAnswer } from "../support/pipeline.ts";
import type { Process } from "../support/process.ts";
import { startApi, startBeat, startWorker } from "../support/roles.ts";

/** The operator's token. */
export const TOKEN = "token-of-the-browser-tests";

/** Name of the session's cookie on a loopback host. */
export const COOKIE = "celeriac";

/** Milliseconds between two tasks of the load. */
const LOAD_EVERY_MS = 50;

/** Milliseconds until a browser's wait fails. Several checks run at once, on machines with few processors. */
const PATIENCE_MS = 60_000;

/** The running system. */
export interface Fixture extends AsyncDisposable {
  readonly url: string;
  readonly api: Process;
  readonly pipeline: Pipeline;
  readonly browser: Browser;
  /** A folder that the worker may read. */
  readonly folder: string;
  /** Variables of the API. */
  readonly env: Readonly<Record<string, string>>;
  /** Submits a task. */
  submit(task: string, kwargs: object, options?: object): Promise<TaskAnswer>;
  /** Sends a request to the API and returns the JSON of its response.
   *
   * @throws if the status is not 2xx */
  call<Answer>(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Opens a page. */
  open(options?: OpenOptions): Promise<OpenPage>;
}

/** A check of the page. */
export type Check = (fixture: Fixture) => Promise<void>;

/** Options of a page. */
export interface OpenOptions extends BrowserContextOptions {
  /** Path of the page; default `/`. */
  readonly path?: string;
  /** Key to be signed in with; default the operator's token, `null`: none. */
  readonly key?: string | null;
  /** Default that of the fixture. */
  readonly url?: string;
  /** Statuses of responses that are no faults; default none. */
  readonly expected?: readonly number[];
}

/** A page in a context of its own. Disposing fails if anything was wrong on it. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, violations of the Content Security Policy, failed responses. */
  readonly faults: readonly string[];
}

/** Starts all parts, and submits tasks until it is disposed. */
export async function startFixture(): Promise<Fixture> {
  await using stack = new AsyncDisposableStack();
  const pipeline = stack.use(await freshPipeline());
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const env = {
    ...pipeline.env,
    CELERIAC_API_TOKEN: TOKEN,
    CELERIAC_UI_ENVIRONMENT: "tests of the page",
    CELERIAC_UI_LOG_URL: "https://logs.example/?task={task_id}",
  };
  const [{ api, url }, worker, { beat }, browser] = await Promise.all([
    startApi({ env }),
    startWorker({ env: pipeline.env, permissions: [`--allow-read=${folder}`] }),
    startBeat({ env: pipeline.env }),
    startBrowser(),
  ]);
  for (const process of [api, worker, beat]) stack.use(process);
  stack.defer(() => browser.close());

  const authorization = `Bearer ${TOKEN}`;
  const send: Fixture["submit"] = (task, kwargs, options) =>
    submit(url, task, { kwargs, ...(options && { options }) }, { authorization });
  const call: Fixture["call"] = async (method, path, body) => {
    const answer = await fetch(url + path, {
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };

  const refused: unknown[] = [];
  const sending = new Set<Promise<void>>();
  const load = setInterval(() => {
    const one = send("test.echo", { value: "load" })
      .then(() => {}, (error) => void refused.push(error))
      .finally(() => sending.delete(one));
    sending.add(one);
  }, LOAD_EVERY_MS);
  stack.defer(async () => {
    clearInterval(load);
    await Promise.all(sending);
    assertEquals(refused, []);
  });
  const owned = stack.move();
  return {
    url,
    api,
    pipeline,
    browser,
    folder,
    env,
    submit: send,
    call,
    open: (options = {}) => openPage(browser, { url, ...options }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openPage(
  browser: Browser,
  { path = "/", key = TOKEN, url = "", expected = [], ...options }: OpenOptions,
): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  if (key !== null) {
    await context.addCookies([{ name: COOKIE, value: key, url, httpOnly: true }]);
  }
  await context.addInitScript(
    `addEventListener("securitypolicyviolation", (e) => console.error("CSP: " + e.violatedDirective + " " + e.blockedURI))`,
  );
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    const isStatus = message.text().startsWith("Failed to load resource"); // reported below
    if (["error", "warning"].includes(message.type()) && !isStatus) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("response", (response) => {
    if (response.status() >= 400 && !expected.includes(response.status())) {
      faults.push(`${response.status()} ${response.url()}`);
    }
  });
  await page.goto(url + path);
  return {
    page,
    context,
    faults,
    async [Symbol.asyncDispose]() {
      await context.close();
      assertEquals(faults, []);
    },
  };
}

/** Path of the page of a task. */
export function taskPath({ id }: Pick<TaskAnswer, "id">): string {
  return `/tasks/${id}`;
}

/** What axe-core finds wrong on a page, one line for each element. Of each table it reads eight rows, because the others are alike. */
export async function violations(page: Page): Promise<string[]> {
  // Not as a script element, which the policy of the page forbids.
  if (await page.evaluate("typeof axe") === "undefined") await page.evaluate(`${axe};0`);
  return await page.evaluate(
    `axe.run({ exclude: ["tbody tr:nth-child(n+9)"] }, { resultTypes: ["violations"] }).then((found) =>
    found.violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => id + ": " + node.html.slice(0, 200) + " " + node.failureSummary)))`,
  );
}
