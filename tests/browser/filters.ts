/** Filters of the list of tasks, in the URL. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { submit } from "../support/pipeline.ts";
import { type Check, type Fixture, TOKEN } from "./fixture.ts";

/** Opens the list with a filter. */
async function search(page: Page, { url }: Fixture, filter: string): Promise<void> {
  await page.goto(`${url}/tasks?${new URLSearchParams({ q: filter })}`);
  assertEquals(await page.locator("#filter").inputValue(), filter);
}

/** Ids of the tasks that the list shows. */
function ids(page: Page): Promise<string[]> {
  return page.locator("tr[data-row] code").allTextContents();
}

const HOSTILE = [
  "<script>globalThis.isHacked = true</script>",
  `"><img src=x onerror="globalThis.isHacked = true">`,
  `'"\`; DROP TABLE celeriac.task; --`,
  'name:"unclosed',
  "state:",
  ":::,,,",
  "-",
  "label.:x label.a:%00 name:%",
  "name:" + "(a+)+$".repeat(20),
  "🦆 한국어 \u202e",
];

/** Checks of this file. */
export const filterChecks: Readonly<Record<string, Check>> = {
  async "a filter in the URL selects the tasks that match all of its conditions"(fixture) {
    const labels = { of: "filters", text: "with space, and comma" };
    const success = await fixture.submit("test.flaky", { failures: 0 }, { labels });
    const key = await fixture.call<{ id: string; token: string }>(
      "POST",
      "/v1/keys",
      { name: "of filters", scopes: ["tasks:submit"] },
    );
    const failure = await submit(
      fixture.url,
      "test.fail",
      { kwargs: { message: "no" }, options: { labels } },
      { authorization: `Bearer ${key.token}` },
    );
    for (const { id } of [success, failure]) await fixture.pipeline.final(id);
    const [a, b] = [success.id, failure.id];
    const expected: Readonly<Record<string, readonly string[]>> = {
      "": [a, b],
      "state:failure": [b],
      "state:failure,success": [a, b],
      "-state:failure": [a],
      "name:test.flaky": [a],
      "name:test.f*": [a, b],
      "-name:*.fail": [a],
      "flaky": [a],
      [a]: [a],
      [`id:${b}`]: [b],
      "queue:celeriac.default": [a, b],
      "queue:other": [],
      "worker:celeriac@*": [a, b],
      [`by:key:${key.id}`]: [b],
      'label.text:"with space, and comma"': [a, b],
      "label.of:other": [],
      "since:1h": [a, b],
      "until:1h": [],
      "since:2020-01-01": [a, b],
      "since:2020-01-01T00:00:00Z until:2020-01-02T00:00:00+09:00": [],
    };
    await using opened = await fixture.open({ path: "/tasks" });
    for (const [filter, wanted] of Object.entries(expected)) {
      await search(opened.page, fixture, `label.of:filters ${filter}`.trim());
      assertEquals((await ids(opened.page)).sort(), wanted.toSorted(), filter);
    }
    await opened.page.locator("#filter").fill("label.of:filters state:failure");
    await opened.page.keyboard.press("Enter");
    await opened.page.waitForURL("**/tasks?q=label.of%3Afilters+state%3Afailure");
    assertEquals(await ids(opened.page), [b]);
  },

  async "conditions are suggested, and a filter is saved as a view"(fixture) {
    await using opened = await fixture.open({ path: "/tasks?q=state:failure" });
    const { page } = opened;
    const suggested = () =>
      page.locator("#suggestions option").evaluateAll((all) =>
        all.map((one) => one.getAttribute("value"))
      );
    await page.locator("#filter").fill("state:failure na");
    assert((await suggested()).includes("state:failure name:test.fail"));
    await page.locator("#filter").fill("state:failure");
    await page.locator("#views summary").press("Enter");
    await page.getByLabel("Name of the view").fill("<b>failed</b>");
    await page.keyboard.press("Enter");
    const view = page.locator("#views li a");
    assertEquals(await view.innerText(), "<b>failed</b>");
    await page.goto(`${fixture.url}/tasks`);
    await view.click();
    await page.waitForURL("**/tasks?q=state%3Afailure");
    assertEquals(await view.getAttribute("aria-current"), "true");
    await page.getByRole("button", { name: "Remove the view: <b>failed</b>" }).click();
    assertEquals(await view.count(), 0);
  },

  async "a mistake in a filter is explained"(fixture) {
    const explained: Readonly<Record<string, string>> = {
      "nmae:x": "Unknown condition 'nmae': did you mean 'name'?",
      "state:done": "Unknown state 'done': use one of pending",
      "since:yesterday": "Cannot read the time 'yesterday'",
      "since:2026-13-45": "Cannot read the time '2026-13-45'",
      "label:x": "A label needs a name and a value",
      "queue:": "The condition 'queue' has no value",
    };
    await using opened = await fixture.open({ path: "/tasks" });
    for (const [filter, text] of Object.entries(explained)) {
      await search(opened.page, fixture, filter);
      assertStringIncludes(await opened.page.getByRole("alert").innerText(), text);
      assertEquals(await opened.page.locator("#filter").getAttribute("aria-invalid"), "true");
    }
  },

  async "hostile filters are text"(fixture) {
    await using opened = await fixture.open({ path: "/tasks" });
    const { page } = opened;
    for (const filter of HOSTILE) {
      await search(page, fixture, filter);
      assertEquals(await page.evaluate("globalThis.isHacked"), undefined, filter);
      assertEquals(await page.locator("h1").innerText(), "Tasks");
    }
    // Too long, with NUL, and as invalid UTF-8.
    const queries: [string, number][] = [
      [`q=${"a".repeat(10_000)}`, 422],
      ["q=a%00b", 200],
      ["q=%ff%fe", 200],
      ["q=%E0%A4%A", 200],
    ];
    for (const [query, status] of queries) {
      const answer = await fetch(`${fixture.url}/tasks?${query}`, {
        headers: { authorization: `Bearer ${TOKEN}`, accept: "text/html" },
      });
      const text = await answer.text();
      assertEquals(answer.status, status, `${query.slice(0, 20)}: ${text.slice(0, 500)}`);
      if (status === 200) assert(text.includes("<h1>Tasks</h1>"));
    }
  },
};
