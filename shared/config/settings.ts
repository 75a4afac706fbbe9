/** All settings: one table for environment, flags, `--help` and documentation.
 *
 * @module
 */
import type { z } from "zod";
import { ACCESS_SETTINGS } from "./settings/access.ts";
import { APP_SETTINGS } from "./settings/app.ts";
import { BEAT_SETTINGS } from "./settings/beat.ts";
import { DEV_SETTINGS } from "./settings/dev.ts";
import { HTTP_SETTINGS } from "./settings/http.ts";
import { LOG_SETTINGS } from "./settings/log.ts";
import { PAGE_SETTINGS } from "./settings/page.ts";
import { SERVER_SETTINGS } from "./settings/servers.ts";
import { WORKER_SETTINGS } from "./settings/worker.ts";
import type { Role, Setting } from "./settings/setting.ts";

export type { Role, Setting };

/** All settings. Durations are in seconds. */
export const SETTINGS = {
  ...SERVER_SETTINGS,
  ...HTTP_SETTINGS,
  ...ACCESS_SETTINGS,
  ...PAGE_SETTINGS,
  ...APP_SETTINGS,
  ...WORKER_SETTINGS,
  ...BEAT_SETTINGS,
  ...DEV_SETTINGS,
  ...LOG_SETTINGS,
} as const;

/** Key of a setting, as in {@linkcode SETTINGS}. */
export type SettingKey = keyof typeof SETTINGS;

/** Parsed settings. */
export type Config = {
  readonly [Key in SettingKey]: z.output<(typeof SETTINGS)[Key]["schema"]>;
};

/** The flag of a setting.
 *
 * @example
 * ```ts
 * import { flagOf } from "./settings.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(flagOf("amqpUrl"), "amqp-url");
 * ```
 */
export function flagOf(key: SettingKey): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Settings of one role, in the table's order. */
export function settingsOf(role: Role): [SettingKey, Setting][] {
  return (Object.entries(SETTINGS) as [SettingKey, Setting][]).filter(([, { roles }]) =>
    roles.includes(role)
  );
}
