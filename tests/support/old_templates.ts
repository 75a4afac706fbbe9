/** Removes the copies of migrated databases that no test run uses any more.
 *
 * Their names contain the day, and a hash of the migrations. Other runs may use those of the same
 * day, and those of the day before around midnight.
 * @module
 */
import type { Sql } from "../../shared/database/database.ts";

const DAY_MS = 24 * 3600_000;

const LIST = "select datname as name from pg_database where datname like 'celeriac\\_template\\_%'";

/** Whether the name of a template is older than yesterday.
 *
 * @param name ends with the day and a hash, such as `celeriac_template_20300102_0a1b2c`
 *
 * @example
 * ```ts
 * import { isOldTemplate } from "./old_templates.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const now = new Date("2030-01-03T00:10:00Z");
 * const names = ["pglite-20300101_0a1b", "pglite-20300102_0a1b", "pglite-20300103_0a1b", "pglite-abc"];
 * assertEquals(names.filter((name) => isOldTemplate(name, now)), ["pglite-20300101_0a1b"]);
 * ```
 */
export function isOldTemplate(name: string, now: Date): boolean {
  const day = /[-_](\d{8})_[0-9a-f]+$/.exec(name)?.[1];
  return day !== undefined && day < dayOf(new Date(now.getTime() - DAY_MS));
}

/** A day in the name of a template. */
export function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10).replaceAll("-", "");
}

/** Drops the old templates of a server, except those that a connection uses. */
export async function dropOldTemplates(server: Sql, now: Date): Promise<void> {
  for (const { name } of await server.query<{ name: string }>(LIST)) {
    if (isOldTemplate(name, now)) await server.script(`drop database ${name}`).catch(() => {});
  }
}

/** Removes the old templates in a folder. */
export async function removeOldTemplates(folder: string, now: Date): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.startsWith("pglite-") || !isOldTemplate(name, now)) continue;
    await Deno.remove(`${folder}/${name}`, { recursive: true }).catch(() => {});
  }
}
