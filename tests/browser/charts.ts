/** The charts. */
import { assert, assertEquals } from "@std/assert";
import { BUCKETS } from "../../shared/series/histogram.ts";
import type { Check } from "./fixture.ts";

/** Counts of the last three hours. */
function entries() {
  const minute = Math.floor(Date.now() / 60_000);
  return Array.from({ length: 180 }, (_, ago) => ({
    minute: new Date((minute - ago) * 60_000).toISOString(),
    task: "test.echo",
    queue: "celeriac.other",
    succeeded: 200 + Math.round(80 * Math.sin(ago / 9)),
    failed: ago % 40 === 0 ? 12 : 1,
    retried: 3,
    rejected: ago % 50 === 0 ? 4 : 0,
    revoked: 0,
    runs: Array.from({ length: BUCKETS }, (_, bucket) => bucket < 8 ? 20 + (ago * bucket) % 7 : 0),
    waits: Array.from(
      { length: BUCKETS },
      (_, bucket) => bucket < 10 ? 9 + (ago * bucket) % 11 : 0,
    ),
    run_seconds: 3,
    wait_seconds: 5,
  }));
}

/** A depth for each minute of the last hour. */
const DEPTHS = `
  insert into celeriac.queue_depth (minute, queue, ready)
  select date_trunc('minute', now()) - ago * interval '1 minute', 'celeriac.other', 40 + 30 * sin(ago / 9.0)
  from generate_series(1, 59) as ago`;

/** Width of the first chart, and the number of its pixels that are not transparent. */
const INKED = `{
  const { width, height } = document.querySelector(".chart canvas");
  const { data } = document.querySelector(".chart canvas").getContext("2d").getImageData(0, 0, width, height);
  [width, data.filter((value, at) => at % 4 === 3 && value > 0).length];
}`;

/** Checks by their names. */
export const charts: Readonly<Record<string, Check>> = {
  async "the charts draw their tables, in both themes"({ pipeline, open, url }) {
    await pipeline.rows("select celeriac.add_series($1::text::json)", [JSON.stringify(entries())]);
    const recorded = await pipeline.rows(
      "select from celeriac.queue_depth where queue = 'celeriac.default'",
    );
    assert(recorded.length > 0, "the API records depths");
    await pipeline.rows(DEPTHS);
    const colours = new Set<string>();
    for (const colorScheme of ["light", "dark"] as const) {
      await using opened = await open({ url, path: "/charts?queue=celeriac.other", colorScheme });
      const { page } = opened;
      await page.locator(".chart canvas").nth(4).waitFor();
      assertEquals(await page.locator(".chart canvas").count(), 5);
      assertEquals(await page.locator(".legend").last().innerText(), "celeriac.other");
      const [width, inked] = await page.evaluate<[number, number]>(INKED);
      assert(width > 200 && inked > 500, `${width} ${inked}`);
      colours.add(
        await page.evaluate<string>("getComputedStyle(document.querySelector('.legend li')).color"),
      );
      await page.locator(".chart summary").first().click();
      assertEquals(await page.locator(".chart").first().locator("tbody tr").count(), 60);
    }
    assertEquals(colours.size, 2);
    await using overview = await open({ url });
    await overview.page.locator(".charts.small canvas").nth(2).waitFor();
    assertEquals(await overview.page.locator(".chart canvas").count(), 3);
    const plot = await overview.page.locator(".chart .plot").first().boundingBox();
    assertEquals(plot?.height, 144);
    await using other = await open({ url, path: "/tasks" });
    assertEquals(await other.page.locator('script[src*="uplot"]').count(), 0);
  },
};
