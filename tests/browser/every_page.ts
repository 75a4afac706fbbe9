/** Every page in both languages and themes, on a large and on a narrow screen. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { PAGE_SCOPES } from "../../api/access/page_scopes.ts";
import { eventually } from "../support/eventually.ts";
import { type Check, type Fixture, violations } from "./fixture.ts";

/** Pixels of a large screen and of a phone. */
const WIDE = 1280;
const NARROW = 375;

/** The theme at each width. Every page is read in each language and theme, and in each theme at each width, with half of the readings
 * that all combinations take. */
const READINGS = {
  en: [[WIDE, "light"], [NARROW, "dark"]],
  ko: [[WIDE, "dark"], [NARROW, "light"]],
} as const;

/** Routes that browsers do not show as pages. */
const NO_PAGES = [
  "GET /assets/:file",
  "GET /new-tasks",
  "GET /changes",
  "GET /tasks/:task/changes",
];

/** Makes one of each thing, and returns the paths of all pages. */
async function allPaths(fixture: Fixture): Promise<string[]> {
  const { submit, call, pipeline } = fixture;
  const labels = { order: "7" };
  const [success, failure, rejected, running, waiting] = await Promise.all([
    submit("test.flaky", { failures: 1 }, { labels }),
    submit("test.fail", { message: "refused" }),
    submit("test.reject", { message: "set aside" }),
    submit("test.progress", { steps: 1000, milliseconds: 1000 }),
    submit("test.echo", { value: "later" }, { countdown: 3600 }),
  ]);
  await call("POST", "/v1/schedules", {
    name: "every-hour",
    task: "test.echo",
    kwargs: { value: 1 },
    every: 3600,
  });
  await call("POST", "/v1/subscriptions", {
    name: "added",
    patterns: ["test.eu.happened"],
    task: "test.echo",
  });
  const keys = await Promise.all(
    ["a key", "a rotated key", "a revoked key"].map((name) =>
      call<{ id: string }>("POST", "/v1/keys", { name, scopes: ["tasks:read"] })
    ),
  );
  await call("POST", `/v1/keys/${keys[1]!.id}/rotate`, {});
  await call("DELETE", `/v1/keys/${keys[2]!.id}`);
  const event = await call<{ key: string }>("POST", "/v1/events", {
    type: "test.eu.happened",
    data: { value: 1 },
  });
  const echo = { name: "test.echo", kwargs: { value: 1 } };
  const workflow = await call<{ id: string; tasks: { id: string }[] }>("POST", "/v1/workflows", {
    chain: [{ group: [echo, echo] }, { ...echo, immutable: true }],
  });
  const [letter] = await pipeline.letters(rejected.id);
  const job = await call<{ id: string }>("POST", "/v1/tasks:retry", {
    filter: { ids: [success.id] },
  });
  const body = workflow.tasks.at(-1)!;
  await Promise.all([success, failure, body].map(({ id }) => pipeline.final(id)));
  await eventually("the progress", async () => (await pipeline.count("PROGRESS")) > 0);
  return [
    "/",
    "/tasks",
    "/tasks?q=state%3Afailure+nmae%3Ax+since%3Ayesterday",
    `/tasks/${success.id}`,
    `/tasks/${failure.id}`,
    `/tasks/${running.id}`,
    `/tasks/${waiting.id}`,
    `/tasks/${waiting.id}/why`,
    `/tasks/${body.id}`,
    "/try",
    "/try/test.echo",
    "/charts",
    "/charts?range=72h&task=test.echo",
    "/jobs",
    `/jobs/${job.id}`,
    "/queues",
    "/pauses",
    "/workers",
    "/schedules",
    "/schedules/every-hour",
    "/dead-letters",
    `/dead-letters/${letter!.id}`,
    "/events",
    `/events/${event.key}`,
    "/subscriptions",
    "/subscriptions/added",
    "/workflows",
    `/workflows/${workflow.id}`,
    "/keys",
    "/audit",
    "/sign-in",
    "/tasks/unknown",
  ];
}

/** Fails if the list lacks a page of the API. */
function assertComplete(paths: readonly string[]): void {
  const missing = Object.keys(PAGE_SCOPES)
    .filter((route) => route.startsWith("GET ") && !NO_PAGES.includes(route))
    .filter((route) => {
      const pattern = new URLPattern({ pathname: route.slice("GET ".length) });
      return !paths.some((path) => pattern.test(`http://x${path}`));
    });
  assertEquals(missing, []);
}

async function overflow(page: Page, width: number): Promise<string[]> {
  const found = await page.evaluate<number>("document.documentElement.scrollWidth");
  return found <= width ? [] : [`has ${found} px, not ${width}`];
}

async function checkInLanguage(
  { open }: Fixture,
  language: keyof typeof READINGS,
  paths: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  await using opened = await open({ locale: language, expected: [404] });
  const { page } = opened;
  for (const path of paths) {
    await page.goto(new URL(path, page.url()).href);
    assertEquals(await page.locator("html").getAttribute("lang"), language);
    for (const [width, theme] of READINGS[language]) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme: theme });
      const wrong = [...await violations(page), ...await overflow(page, width)];
      found.push(...wrong.map((one) => `${path} ${language} ${theme} ${width}: ${one}`));
    }
  }
  return found;
}

/** Checks of this file. */
export const everyPage: Readonly<Record<string, Check>> = {
  async "every page is accessible and fits its screen, in both themes and languages"(fixture) {
    const paths = await allPaths(fixture);
    assertComplete(paths);
    const found = await Promise.all(
      (["en", "ko"] as const).map((language) => checkInLanguage(fixture, language, paths)),
    );
    assertEquals(found.flat(), []);
  },
};
