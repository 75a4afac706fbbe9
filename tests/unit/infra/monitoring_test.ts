/** The page explains the alert rules, and the dashboard is in order. tests/audit/monitoring_test.ts checks both with promtool. */
import { assert, assertEquals } from "@std/assert";
import { alertRules, panels } from "../../support/monitoring.ts";
import { checkout } from "../../support/roles.ts";

Deno.test("docs/run/monitoring.md explains each alert, and no other", async () => {
  const page = await Deno.readTextFile(`${checkout}docs/run/monitoring.md`);
  const explained = [...page.matchAll(/^\| `(Celeriac\w+)`/gm)].map(([, name]) => name!);
  const alerts = (await alertRules()).map(({ alert }) => alert);
  assertEquals(explained.toSorted(), alerts.toSorted());
});

Deno.test("the panels of the dashboard have unique ids and do not overlap", async () => {
  const all = await panels();
  assertEquals(new Set(all.map(({ id }) => id)).size, all.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos: { x, y, w, h } } of all) {
    assert(x >= 0 && x + w <= 24, title);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        const before = taken.get(`${column} ${row}`);
        assert(before === undefined, `'${title}' overlaps '${before}'`);
        taken.set(`${column} ${row}`, title);
      }
    }
  }
});
