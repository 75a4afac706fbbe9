/** Markup in the data of others. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Check, taskPath } from "./fixture.ts";

const MARKUP =
  `<img src=x onerror="globalThis.isHacked = true"><script>globalThis.isHacked = true</script>`;

/** Checks of this file. */
export const markupChecks: Readonly<Record<string, Check>> = {
  async "markup in names, arguments, results, errors, labels and events is shown as text"(fixture) {
    const { submit, call, pipeline, open, url } = fixture;
    const labels = { markup: MARKUP };
    const [echoed, failed, rejected, progressing] = await Promise.all([
      submit("test.echo", { value: { [MARKUP]: MARKUP } }, { labels }),
      submit("test.fail", { message: MARKUP }),
      submit("test.reject", { message: MARKUP }),
      submit("test.echo", { value: MARKUP }),
    ]);
    for (const { id } of [echoed, failed, rejected, progressing]) await pipeline.final(id);
    const [letter] = await pipeline.letters(rejected.id);
    // A worker of another system can give its tasks any name.
    await pipeline.rows(
      "UPDATE celeriac.task SET name = $1, queue = $1, worker = $1 WHERE id = $2",
      [
        MARKUP,
        progressing.id,
      ],
    );
    const { id: key } = await call<{ id: string }>("POST", "/v1/keys", {
      name: MARKUP,
      scopes: ["tasks:read"],
    });
    const { key: event } = await call<{ key: string }>("POST", "/v1/events", {
      type: "test.eu.happened",
      subject: MARKUP,
      data: { value: MARKUP },
    });
    const paths = [
      ...[echoed, failed, rejected, progressing].map(taskPath),
      `/tasks?${new URLSearchParams({ q: `id:${progressing.id}` })}`,
      `/dead-letters?task_id=${rejected.id}`,
      `/dead-letters/${letter!.id}`,
      "/keys",
      `/audit?target=${key}`,
      `/events/${event}`,
    ];
    await using opened = await open({ path: "/" });
    const { page } = opened;
    for (const path of paths) {
      await page.goto(url + path);
      assertStringIncludes(await page.locator("main").innerText(), "onerror=", path);
      assertEquals(await page.locator("img, main script").count(), 0, path);
      assertEquals(await page.evaluate("globalThis.isHacked"), undefined, path);
    }
  },
};
