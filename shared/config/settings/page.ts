/** Settings of the web page. */
import { linkTemplateFault, LOG_PLACEHOLDER, TRACE_PLACEHOLDER } from "./link_template.ts";
import { flag, setting, text } from "./setting.ts";

const linkTemplate = (placeholder: string) =>
  text.superRefine((given, context) => {
    const message = linkTemplateFault(given, placeholder);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  }).optional();

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
  uiLogUrl: setting({
    env: "CELERIAC_UI_LOG_URL",
    schema: linkTemplate(LOG_PLACEHOLDER),
    defaultText: "none",
    value: "URL",
    roles: ["api", "dev"],
    help:
      "link from a task to its log lines in another system; `{task_id}` stands for the id of the task",
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
  uiTraceUrl: setting({
    env: "CELERIAC_UI_TRACE_URL",
    schema: linkTemplate(TRACE_PLACEHOLDER),
    defaultText: "none",
    value: "URL",
    roles: ["api", "dev"],
    help:
      "link from a task to its trace in another system; `{trace_id}` stands for the id of the trace",
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
