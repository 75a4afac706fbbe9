/** Settings of the web page. */
import { flag, setting, text } from "./setting.ts";

/** Settings of the web page at `/`. */
export const PAGE_SETTINGS = {
  uiBasePath: setting({
    env: "CELERIAC_UI_BASE_PATH",
    schema: text.regex(
      /^(\/[\w.~-]+)+$/,
      "expected a path such as /celeriac, without a slash at its end",
    )
      .optional(),
    defaultText: "none",
    value: "PATH",
    roles: ["api", "dev"],
    help:
      "path below which a proxy publishes the page; links start with it, and the proxy removes it from requests",
  }),
  uiEnvironment: setting({
    env: "CELERIAC_UI_ENVIRONMENT",
    schema: text.max(40, "it has more than 40 characters: use a short name").optional(),
    defaultText: "none",
    value: "NAME",
    roles: ["api", "dev"],
    help: "name of the environment, such as `production`, that every page shows",
  }),
  uiReadOnly: setting({
    env: "CELERIAC_UI_READ_ONLY",
    schema: flag.default(false),
    roles: ["api", "dev"],
    help: "refuse changes from the page and from sessions of browsers; keys still work for the API",
  }),
  uiTimeZone: setting({
    env: "CELERIAC_UI_TIME_ZONE",
    schema: text.refine(isTimeZone, "expected an IANA name such as Asia/Seoul").default(
      "Asia/Seoul",
    ),
    value: "ZONE",
    roles: ["api", "dev"],
    help: "time zone of the page for readers who choose none",
  }),
} as const;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
