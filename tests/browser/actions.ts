/** Every action of the page, with and without scripts. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Locator, Page } from "playwright-core";
import { eventually } from "../support/eventually.ts";
import { startWorker } from "../support/roles.ts";
import type { Check, Fixture } from "./fixture.ts";

/** Opens an action's question and confirms it. */
async function act(within: Page | Locator, title: string, confirm: string): Promise<void> {
  const action = within.locator(`.action:has(> summary:text-is("${title}"))`);
  await action.locator("summary").click();
  await action.getByRole("button", { name: confirm }).click();
}

/** Waits for the notice after an action. */
async function notice(page: Page, text: string): Promise<void> {
  await page.locator(".notice", { hasText: text }).waitFor();
}

/** A record in the API. */
interface Kept {
  readonly labels: Record<string, string>;
  readonly input: { readonly kwargs: unknown };
  readonly finished_at: string;
}

async function taskActions({ submit, call, pipeline, url }: Fixture, page: Page): Promise<void> {
  const kept = (id: string) => call<Kept>("GET", `/v1/tasks/${id}?wait=20`);
  const state = async (id: string) => (await pipeline.final(id)).state;
  const [later, sleeping, rejected, failed] = await Promise.all([
    submit("test.echo", { value: 1 }, { countdown: 3600 }),
    submit("test.sleep", { seconds: 600 }),
    submit("test.reject", { message: "set aside" }),
    submit("test.fail", { message: "again" }),
  ]);
  await page.goto(`${url}/tasks/${later.id}`);
  await act(page, "Cancel", "Cancel the task");
  await notice(page, "The task is revoked.");
  assertEquals(await state(later.id), "REVOKED");

  await eventually("the start of the task", async () => {
    await page.goto(`${url}/tasks/${sleeping.id}`);
    return await page.locator('.state[data-state="STARTED"]').count() > 0;
  });
  await act(page, "Terminate", "Terminate the task");
  await notice(page, "The worker terminates the task.");
  assertEquals(await state(sleeping.id), "REVOKED");

  await pipeline.letters(rejected.id);
  await page.goto(`${url}/tasks/${rejected.id}`);
  await act(page, "Retry", "Send again");
  await notice(page, "The task is sent again.");

  // Records of failed tasks keep the input.
  assertEquals(await state(failed.id), "FAILURE");
  await page.goto(`${url}/tasks/${failed.id}`);
  await act(page, "Run again", "Submit a new task");
  await notice(page, "This is the new task.");
  const copy = new URL(page.url()).pathname.slice("/tasks/".length);
  assert(copy !== failed.id);
  const { labels, input } = await kept(copy);
  assertEquals([labels, input.kwargs], [{ rerun_of: failed.id }, { message: "again" }]);

  await page.goto(`${url}/tasks/${failed.id}`);
  await page.getByRole("link", { name: "Edit and run again" }).click();
  await page.getByLabel("message").fill("edited");
  await page.getByRole("button", { name: "Submit the task" }).click();
  await notice(page, "This is the new task.");
  const edited = new URL(page.url()).pathname.slice("/tasks/".length);
  assertEquals((await kept(edited)).input.kwargs, { message: "edited" });

  await page.goto(`${url}/tasks/${failed.id}`);
  const { finished_at: before } = await kept(failed.id);
  await act(page, "Retry", "Send again");
  await notice(page, "The task is sent again.");
  await eventually("the repeated attempt", async () => {
    const { finished_at: after } = await kept(failed.id);
    return after !== before;
  });
}

/** Cancels the selected one of two tasks, then all that match. */
async function bulkActions({ submit, pipeline, url }: Fixture, page: Page, name: string) {
  const labels = { bulk: name };
  const [first, second] = await Promise.all(
    [1, 2].map((value) => submit("test.echo", { value }, { countdown: 3600, labels })),
  );
  const choose = async (which: string) => {
    await page.locator("details.bulk > summary").click();
    await page.getByLabel(which).check();
    await page.locator('.bulk select[name="action"]').selectOption("cancel");
    await page.getByRole("button", { name: "Count the tasks" }).click();
    await page.getByText("Cancel these tasks").click();
    await eventually("the end of the job", async () => {
      await page.reload();
      return await page.getByRole("status").getByText("done: 1 of 1").count() > 0;
    });
  };
  await page.goto(`${url}/tasks?q=label.bulk%3A${name}+state%3Apending`);
  await page.getByLabel(`Select task ${first!.id}`).check();
  await choose("The selected tasks");
  assertEquals((await pipeline.final(first!.id)).state, "REVOKED");
  await page.goto(`${url}/tasks?q=label.bulk%3A${name}+state%3Apending`);
  await choose("All tasks that match the filter");
  assertEquals((await pipeline.final(second!.id)).state, "REVOKED");
}

async function letterActions({ submit, pipeline, url }: Fixture, page: Page): Promise<void> {
  const { id } = await submit("test.reject", { message: "set aside" });
  const [first] = await pipeline.letters(id);
  const path = `${url}/dead-letters?task_id=${id}`;
  await page.goto(path);
  await page.getByText("1 letter matches.").waitFor();
  await act(page, "Send again", "Send the letters again");
  await notice(page, "The letters are sent again.");
  await eventually("the next letter", async () => {
    const letters = await pipeline.letters(id);
    return letters.length === 1 && letters[0]!.id !== first!.id;
  });
  await page.goto(path);
  await act(page, "Delete", "Delete the letters");
  await notice(page, "The letters are deleted.");
  await page.goto(path);
  await page.getByText("No dead letter matches these conditions.").waitFor();
}

async function scheduleActions(
  { call, pipeline, url }: Fixture,
  page: Page,
  name: string,
): Promise<void> {
  await call("POST", "/v1/schedules", {
    name,
    task: "test.echo",
    kwargs: { value: "planned" },
    every: 3600,
  });
  await page.goto(`${url}/schedules/${name}`);
  await act(page, "Run now", "Submit the task");
  await notice(page, "The task is submitted.");
  const task = new URL(page.url()).pathname.slice("/tasks/".length);
  assertEquals((await pipeline.final(task)).result, "planned");
  await page.goto(`${url}/schedules/${name}`);
  await act(page, "Pause", "Pause the schedule");
  await notice(page, "The schedule is paused.");
  await act(page, "Resume", "Resume the schedule");
  await notice(page, "The schedule is resumed.");
  await act(page, "Remove", "Remove the schedule");
  await notice(page, "The schedule is removed.");
  assertEquals(await page.getByRole("link", { name, exact: true }).count(), 0);
}

async function subscriptionActions(
  { call, url }: Fixture,
  page: Page,
  name: string,
): Promise<void> {
  await call("POST", "/v1/subscriptions", {
    name,
    patterns: ["test.eu.happened"],
    task: "test.echo",
    where: { tenant: "nobody" },
  });
  await page.goto(`${url}/subscriptions/${name}`);
  await act(page, "Pause", "Pause the subscription");
  await notice(page, "The subscription is paused.");
  await act(page, "Resume", "Resume the subscription");
  await notice(page, "The subscription is resumed.");
  await act(page, "Remove", "Remove the subscription");
  await notice(page, "The subscription is removed.");
}

async function keyActions({ url }: Fixture, page: Page, name: string): Promise<void> {
  const status = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/v1/tasks`, { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  const shownToken = async () => {
    const token = await page.locator("main pre.command").innerText();
    assertMatch(token, /^celk_/);
    return token;
  };
  await page.goto(`${url}/keys`);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.locator('[name="scopes"]').fill("tasks:read");
  await page.getByRole("button", { name: "Create the key" }).click();
  const first = await shownToken();
  assertEquals(await status(first), 200);

  const row = page.locator("tr[data-row]", { hasText: name });
  await page.goto(`${url}/keys`);
  await act(row, "Rotate", "Create the successor");
  const second = await shownToken();
  assertEquals([await status(first), await status(second)], [200, 200]);
  await page.goto(`${url}/keys`);
  await act(row.filter({ hasText: "active" }), "Revoke", "Revoke the key");
  await notice(page, "The key is revoked.");
  await eventually("the end of the key", async () => (await status(second)) === 401);

  await page.locator('[name="name"]').fill(name);
  await page.locator('[name="scopes"]').fill("tasks:raed");
  await page.getByRole("button", { name: "Create the key" }).click();
  assertStringIncludes(await page.locator("main").innerText(), "scopes");
}

/** Resizes and shuts down a worker, which consumes a queue of its own so that it takes no task of other checks. */
async function workerActions({ pipeline, url }: Fixture, page: Page, name: string): Promise<void> {
  const node = `celeriac@${name}`;
  const env = { ...pipeline.env, CELERIAC_NODE: node, CELERIAC_CONCURRENCY: "3" };
  await using worker = await startWorker({
    env: { ...env, CELERIAC_QUEUES: `celeriac.${name}` },
  });
  await page.goto(`${url}/workers`);
  const row = page.locator("tr[data-row]", { hasText: node });
  const resize = row.locator(".action", { hasText: "Resize" });
  await resize.locator("summary").click();
  await resize.getByLabel("Change").selectOption("pool_shrink");
  await resize.getByLabel("Slots").fill("2");
  await resize.getByRole("button", { name: "Resize the pool" }).click();
  await notice(page, "The worker resizes its pool.");
  assertEquals(await row.locator('[data-title="Concurrency"]').innerText(), "1");
  await act(row, "Shut down", "Shut down the worker");
  await notice(page, "The shutdown was sent.");
  assertEquals((await worker.exit()).code, 0, worker.output);
}

/** A button whose form is being sent already sends nothing. The events are synthetic: a browser may give up the first of two real requests. */
async function pressTwice(fixture: Fixture): Promise<void> {
  await using opened = await fixture.open({ path: "/keys" });
  const sent = await opened.page.evaluate(`
    const submitter = document.querySelector("form.narrow[method=post] button.primary");
    const event = { submitter, bubbles: true, cancelable: true };
    [1, 2].map(() => submitter.form.dispatchEvent(new SubmitEvent("submit", event)));
  `);
  assertEquals(sent, [true, false]);
}

async function everyAction(fixture: Fixture, javaScriptEnabled: boolean): Promise<void> {
  const name = javaScriptEnabled ? "with-scripts" : "without-scripts";
  const parts = [
    taskActions,
    bulkActions,
    letterActions,
    scheduleActions,
    subscriptionActions,
    keyActions,
    ...(javaScriptEnabled ? [workerActions] : []), // once: to start a worker takes seconds
  ];
  await Promise.all(parts.map(async (part) => {
    await using opened = await fixture.open({ path: "/audit", javaScriptEnabled, expected: [422] });
    await part(fixture, opened.page, name);
  }));
}

/** Checks of this file. */
export const actionChecks: Readonly<Record<string, Check>> = {
  "a second press of a button sends nothing": pressTwice,
  "every action works with scripts": (fixture) => everyAction(fixture, true),
  "every action works without scripts": (fixture) => everyAction(fixture, false),

  async "the audit log shows an action with its caller"({ submit, call, open }) {
    const { id } = await submit("test.echo", { value: 1 }, { countdown: 3600 });
    await call("DELETE", `/v1/tasks/${id}`);
    await using opened = await open({ path: `/audit?action=tasks%3Acancel&target=${id}` });
    const rows = opened.page.locator("tr[data-row]");
    assertEquals(await rows.count(), 1);
    assertStringIncludes(await rows.innerText(), "CELERIAC_API_TOKEN");
  },
};
