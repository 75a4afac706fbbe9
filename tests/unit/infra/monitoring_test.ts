/** The alert rules and the dashboard use metrics that exist. tests/audit/monitoring_test.ts checks them with promtool. */
import { assert, assertEquals } from "@std/assert";
import { alertRules, dashboardExpressions, panels } from "../../support/monitoring.ts";
import { checkout } from "../../support/roles.ts";

/** Names of all metrics in the sources. */
async function metricNames(): Promise<Set<string>> {
  const names = new Set<string>();
  const read = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) await read(`${folder}/${name}`);
      else if (name.endsWith(".ts")) {
        const text = await Deno.readTextFile(`${folder}/${name}`);
        for (const [, metric] of text.matchAll(/"(celeriac_[a-z_]+)"/g)) names.add(metric!);
      }
    }
  };
  for (const role of ["api", "beat", "workers", "shared"]) await read(`${checkout}${role}`);
  return names;
}

function metricsOf(expression: string): string[] {
  return [...expression.matchAll(/\bceleriac_[a-z_]+/g)]
    .map(([name]) => name.replace(/_seconds_(bucket|sum|count)$/, "_seconds"));
}

Deno.test("alert rules and the dashboard use metrics that the processes have", async () => {
  const known = await metricNames();
  const expressions = [
    ...(await alertRules()).map(({ expr }) => expr),
    ...await dashboardExpressions(),
  ];
  const used = new Set(expressions.flatMap(metricsOf));
  assert(used.size > 10, `${used.size} metrics`);
  assertEquals([...used].filter((name) => !known.has(name)), []);
});

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
