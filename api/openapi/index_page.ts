/** The page at `/`: tasks and links. */
import { html, raw } from "hono/html";
import type { Registry } from "../../shared/contracts/registry.ts";
import { anchor } from "./schema_fields.ts";
import { STYLE } from "./style.ts";

/** Tasks that the page lists; the reference has all. */
const SHOWN = 100;

const LINKS = {
  "/docs": "Reference: every task and route, with commands to paste",
  "/openapi.json": "OpenAPI 3.1 document",
  "/v1/tasks": "Newest records as JSON",
  "/readyz": "Whether tasks can be accepted",
  "/livez": "Whether the process is alive",
  "/metrics": "Metrics for Prometheus",
};

function namesOf(registry: Registry): string[] {
  return Array.from(registry, ({ name }) => name).sort();
}

/** The same for programs. */
export function indexBody(registry: Registry, version: string) {
  return { name: "Celeriac", version, tasks: namesOf(registry), links: links() };
}

function links(): Record<string, string> {
  const paths = Object.keys(LINKS);
  const name = (path: string) => path.slice(path.lastIndexOf("/") + 1).replace(/\..*/, "");
  return Object.fromEntries(paths.map((path) => [name(path), path]));
}

/** Draws the page. */
export function indexPage(registry: Registry, version: string): ReturnType<typeof html> {
  const names = namesOf(registry);
  const rest = names.length - SHOWN;
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Celeriac</title>
        <link rel="icon" href="data:,">
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <main>
    <h1>Celeriac <span class="soft">${version}</span></h1>
    <p>This API accepts ${names.length} ${names.length === 1
      ? "task"
      : "tasks"} and answers with their records.</p>
    <h2>Tasks</h2>
    <ul>${names.slice(0, SHOWN).map((name) => {
      const summary = registry.get(name)?.summary;
      return html`<li><a href="/docs#${anchor(`submit.${name}`)}">${name}</a>${
        summary
          ? html`
            <span class="soft">${summary}</span>
          `
          : ""
      }</li>`;
    })}</ul>
    ${rest > 0 ? html`<p>${rest} more are in the <a href="/docs">reference</a>.</p>` : ""}
    <h2>More</h2>
    <ul>${Object.entries(LINKS).map(([path, text]) =>
      html`<li><a href="${path}">${path}</a> <span class="soft">${text}</span></li>`
    )}</ul>
        </main>
      </body>
    </html>
  `;
}
