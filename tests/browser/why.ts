/** The reason why a task is not running, on its page. */
import { assertEquals } from "@std/assert";
import type { Check } from "./fixture.ts";

/** Checks by their names. */
export const why: Readonly<Record<string, Check>> = {
  async "the page of a waiting task shows the reason, and no longer once the task is revoked"(
    { submit, call, open, url },
  ) {
    const { id } = await submit("test.echo", { value: 1 }, { countdown: 3600 });
    await using opened = await open({ url, path: `/tasks/${id}` });
    const { page } = opened;
    await page.locator('#answer [data-reason="not-due"] time').waitFor();
    await call("DELETE", `/v1/tasks/${id}`);
    await page.locator("#why").waitFor({ state: "detached" });
    assertEquals(await page.locator("#task [data-state=REVOKED]").count(), 1);
  },
};
