/** Pages that change while they are shown. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { eventually } from "../support/eventually.ts";
import type { TaskAnswer } from "../support/pipeline.ts";
import { type Check, taskPath } from "./fixture.ts";

/** Makes a reload of the page noticeable. */
const MARK = "globalThis.isSamePage = true";
const isMarked = "globalThis.isSamePage === true";

/** Answers requests of the scripts of a page with 503, as an API without its database does. */
async function refuse(page: Page, path: string) {
  const pattern = (url: URL) => url.pathname === path;
  const refused = { count: 0, end: () => page.unroute(pattern) };
  await page.route(pattern, (route) => {
    if (route.request().isNavigationRequest()) return route.continue();
    refused.count++;
    return route.fulfill({ status: 503, contentType: "text/html", body: "<h1>Unavailable</h1>" });
  });
  return refused;
}

/** Checks of this file. */
export const liveChecks: Readonly<Record<string, Check>> = {
  async "the page of a task follows it to its end without a reload"(fixture) {
    const file = `${fixture.folder}/end`;
    const task = await fixture.submit("test.hold", { file });
    await using opened = await fixture.open({ path: taskPath(task) });
    const { page } = opened;
    await page.evaluate(MARK);
    await page.locator('.state[data-state="STARTED"]').waitFor();
    await Deno.writeTextFile(file, "");
    await page.locator('.state[data-state="SUCCESS"]').waitFor();
    assertEquals(await page.evaluate(isMarked), true);
    assertEquals(await page.getByText("Updates live").count(), 0);
  },

  async "progress is shown as it comes, and an open question stays open"(fixture) {
    const task = await fixture.submit("test.progress", { steps: 1000, milliseconds: 200 });
    await using opened = await fixture.open({ path: taskPath(task), expected: [503] });
    const { page } = opened;
    const progress = page.locator("pre", { hasText: '"step":' });
    await page.locator('.state[data-state="PROGRESS"]').waitFor();
    await page.locator(".action summary").click();
    const before = await progress.innerText();
    await eventually("progress", async () => (await progress.innerText()) !== before);
    await page.getByRole("button", { name: "Terminate the task" }).click();
    await page.locator('.state[data-state="REVOKED"]').waitFor();
  },

  async "a part that could not be read stays, and is read again"(fixture) {
    const file = `${fixture.folder}/again`;
    const task = await fixture.submit("test.hold", { file });
    await eventually("the start", async () => {
      const { state } = await fixture.call<TaskAnswer>("GET", `/v1/tasks/${task.id}`);
      return state === "STARTED";
    });
    await using opened = await fixture.open({ path: "/sign-in", expected: [503] });
    const { page } = opened;
    // Before the page is opened: a read that is under way would show the end of the task.
    const refused = await refuse(page, taskPath(task));
    await page.goto(fixture.url + taskPath(task));
    await eventually("a refused read", () => refused.count > 0);
    await Deno.writeTextFile(file, "");
    await fixture.pipeline.final(task.id);
    // The opened stream and the end of the task cause one read each. The third one is a retry, after which no event follows.
    await eventually("a refused retry", () => refused.count > 2);
    assertEquals(await page.locator('.state[data-state="STARTED"]').count(), 1);
    await refused.end();
    await page.locator('.state[data-state="SUCCESS"]').waitFor();
  },

  async "a stream is opened although a script arrives late"(fixture) {
    await using opened = await fixture.open({ path: "/keys" });
    const { page } = opened;
    let scripts = 0;
    await page.route("**/assets/*.js", async (route) => {
      await page.waitForTimeout(500 * scripts++);
      await route.continue();
    });
    const stream = page.waitForRequest("**/changes");
    await page.goto(`${fixture.url}/tasks`);
    await stream;
  },

  async "a stream that was refused is opened again"(fixture) {
    const file = `${fixture.folder}/refused`;
    const task = await fixture.submit("test.hold", { file });
    await using opened = await fixture.open({ path: "/tasks?q=name:none", expected: [503] });
    const { page } = opened;
    const refused = await refuse(page, `${taskPath(task)}/changes`);
    await page.goto(fixture.url + taskPath(task));
    await eventually("a refused stream", () => refused.count > 0);
    await refused.end();
    await Deno.writeTextFile(file, "");
    await page.locator('.state[data-state="SUCCESS"]').waitFor();
  },

  async "new tasks are counted above the list, and no row moves"(fixture) {
    const { open, submit, pipeline } = fixture;
    const labels = { of: "news" };
    const first = await submit("test.flaky", { failures: 0 }, { labels });
    await pipeline.final(first.id);
    await using opened = await open({ path: "/tasks?q=name%3Atest.flaky+label.of%3Anews" });
    const { page } = opened;
    await page.evaluate(MARK);
    assertEquals(await page.locator("tr[data-row]").count(), 1);
    for (let count = 1; count <= 2; count++) {
      await submit("test.flaky", { failures: 0 }, { labels });
    }
    const news = page.getByRole("link", { name: "2 new: show" });
    await news.waitFor();
    assertEquals(await page.locator("tr[data-row]").count(), 1);
    assertEquals(await page.evaluate(isMarked), true);
    await news.click();
    await eventually("three rows", async () => await page.locator("tr[data-row]").count() === 3);
  },

  async "a hidden page sends no requests, and follows again when it is shown"(fixture) {
    await using opened = await fixture.open({ path: "/tasks?q=name%3Atest.echo" });
    const { page } = opened;
    const requests: string[] = [];
    page.on("request", (request) => requests.push(new URL(request.url()).pathname));
    const setHidden = (isHidden: boolean) =>
      page.evaluate(`
        Object.defineProperty(document, "hidden", { configurable: true, get: () => ${isHidden} });
        document.dispatchEvent(new Event("visibilitychange"));
      `);
    // The load brings a change each second.
    await eventually("a request while shown", () => requests.includes("/new-tasks"));
    await setHidden(true);
    // A request that was due may follow.
    await eventually("2.5 s without a request", async () => {
      requests.length = 0;
      await page.waitForTimeout(2500);
      return requests.length === 0;
    }, { within: 5 });
    await setHidden(false);
    await eventually("the stream again", () => requests.includes("/changes"));
    await eventually("a request when shown", () => requests.includes("/new-tasks"));
  },
};
