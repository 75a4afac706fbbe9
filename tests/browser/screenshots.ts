/** Makes the screenshots of `docs/run/page.md`: `deno task screenshots`. It needs no server, but Chromium.
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { startBrowser } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import type { Process } from "../support/process.ts";
import { checkout, startDev } from "../support/roles.ts";

/** Folder of the pictures; the first argument names another one. */
const [folder = `${checkout}docs/run/pictures`] = Deno.args;

/** Bytes that a picture may have. */
const MAX_BYTES = 150_000;

const TOKEN = "token-of-the-screenshots";

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A picture of a page. */
interface Picture {
  /** Of its file. */
  readonly name: string;
  /** Path of the page. */
  readonly path: string;
  readonly theme: "light" | "dark";
  readonly width: number;
  readonly height: number;
}

async function submit(url: string, task: string, kwargs: object, options: object = {}) {
  const answer = await fetch(`${url}/v1/tasks/${task}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ kwargs, options }),
  });
  if (!answer.ok) throw new Error(`Cannot submit ${task}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).id as string;
}

/** Gives the shop a little history. @returns the id of a task that failed all of its attempts */
async function trade(url: string): Promise<string> {
  const labels = { customer: "ada", order: "4711" };
  const failed = await submit(url, "payments.capture", { order: 4711, amount: "42.00" }, {
    labels,
  });
  for (let order = 4701; order < 4712; order++) {
    await submit(url, "orders.confirm", { order, customer: "ada" });
    await submit(url, "payments.capture", { order, amount: `${order % 90 + 10}.00` });
    await submit(url, "invoices.render", { order });
  }
  await submit(url, "mail.send", { to: "ada@example.org", template: "welcome" });
  await submit(url, "mail.send", { to: "no address", template: "welcome" });
  await submit(url, "stock.sync", { warehouse: "berlin" });
  await submit(url, "stock.sync", { warehouse: "oslo" });
  await submit(url, "search.reindex", { index: "products" });
  await submit(url, "mail.send", { to: "later@example.org", template: "reminder" }, {
    countdown: 3600,
  });
  await eventually("the last failure", async () => {
    const answer = await fetch(`${url}/v1/tasks/${failed}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return (await answer.json()).state === "FAILURE";
  });
  await eventually("the points of the charts", async () => {
    const answer = await fetch(`${url}/v1/series`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const { series }: { series: { points: unknown[] }[] } = await answer.json();
    return series.some(({ points }) => points.length > 0);
  });
  return failed;
}

async function take(browser: Browser, url: string, picture: Picture): Promise<void> {
  const context = await browser.newContext({
    colorScheme: picture.theme,
    viewport: { width: picture.width, height: picture.height },
    locale: "en",
    deviceScaleFactor: 1,
  });
  const page = await context.newPage();
  await page.goto(`${url}/sign-in?next=${encodeURIComponent(picture.path)}`);
  await page.locator("#key").fill(TOKEN);
  await page.locator("main button.primary").click();
  await page.waitForURL(url + picture.path);
  await page.waitForLoadState("load");
  const path = `${folder}/${picture.name}.png`;
  await page.screenshot({ path, animations: "disabled" });
  const { size } = await Deno.stat(path);
  console.log(`${path}: ${size} bytes`);
  if (size > MAX_BYTES) {
    console.error(`${path} has more than ${MAX_BYTES} bytes: show less on it`);
    Deno.exitCode = 1;
  }
  await context.close();
}

async function main(): Promise<void> {
  const { dev, url }: { dev: Process; url: string } = await startDev({
    env: {
      CELERIAC_CONTRACTS: file("shop/contracts.ts"),
      CELERIAC_HANDLERS: file("shop/handlers.ts"),
      CELERIAC_EPHEMERAL: "1",
      CELERIAC_API_TOKEN: TOKEN,
      CELERIAC_UI_ENVIRONMENT: "staging",
    },
  });
  await using stack = new AsyncDisposableStack();
  stack.use(dev);
  const failed = await trade(url);
  const browser = await startBrowser();
  stack.defer(() => browser.close());
  await Deno.mkdir(folder, { recursive: true });
  const pages = { overview: "/", tasks: "/tasks", task: `/tasks/${failed}` };
  for (const [name, path] of Object.entries(pages)) {
    for (const theme of ["light", "dark"] as const) {
      await take(browser, url, {
        name: `${name}-${theme}`,
        path,
        theme,
        width: 1280,
        height: name === "tasks" ? 600 : 720,
      });
    }
  }
  await take(browser, url, {
    name: "phone",
    path: "/tasks",
    theme: "light",
    width: 375,
    height: 720,
  });
}

await main();
