/** The OpenAPI document as a page to read: written here, without a script and without a request to anywhere.
 *
 * The libraries that draw such pages were looked at: they bring one to two megabytes of script each, and three of
 * the four bring analytics as well.
 * @module
 */
import { html, raw } from "hono/html";
import { exampleInput } from "../../shared/contracts/example_input.ts";
import type { Registry } from "../../shared/contracts/registry.ts";
import { shellQuote } from "../../shared/text/shell_quote.ts";
import { PROBLEMS } from "../http/problem.ts";
import type { OpenApiDocument } from "./document.ts";
import { anchor, fieldsOf, kindOf } from "./schema_fields.ts";
import type { Operation } from "./routes.ts";
import type { JsonSchema } from "./json_schema.ts";
import { STYLE } from "./style.ts";

type Markup = ReturnType<typeof html>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema: JsonSchema;
}

interface Entry {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

/** What the page is drawn from. */
export interface PageOptions {
  readonly document: OpenApiDocument;
  /** For examples, where contracts have none. */
  readonly registry: Registry;
  /** Where callers reach the API, for the lines to paste: origin and base path. */
  readonly base: string;
}

/** Draws the page. A large app takes seconds: others get their turn between. */
export async function referencePage({ document, registry, base }: PageOptions): Promise<string> {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Entry => ({ path, method, operation }))
  );
  const tasks = entries.filter(({ operation }) => tagOf(operation) === "tasks");
  const others = entries.filter(({ operation }) => tagOf(operation) !== "tasks");
  const secured = document.security.length > 0;
  const lineOf = ({ path }: Entry, kwargs: object | undefined) =>
    kwargs && curlLine(base + path, { kwargs }, secured);
  const parts: string[] = [String(begin(document, tasks, others))];
  for (const [index, entry] of tasks.entries()) {
    if (index % 10 === 9) await new Promise((resolve) => setTimeout(resolve));
    const contract = registry.get(nameOf(entry.path));
    const kwargs = contract && exampleInput(contract);
    parts.push(String(taskSection(entry, document, lineOf(entry, kwargs))));
  }
  parts.push(String(end(document, tasks, others)));
  return parts.join("");
}

function begin(
  { info }: OpenApiDocument,
  tasks: readonly Entry[],
  others: readonly Entry[],
): Markup {
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>${info.title}: reference</title>
        <link rel="icon" href="data:,">
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <div class="layout">
          <nav aria-label="Contents">
            <a href="./"><strong>${info.title}</strong> <span class="soft">${info
              .version}</span></a>
            <h2>Tasks</h2>
            <ul>${tasks.map(({ path, operation }) => link(operation, nameOf(path)))}</ul>
            <h2>Routes</h2>
            <ul>${others.map(({ method, path, operation }) =>
              link(operation, `${method.toUpperCase()} ${path}`)
            )}</ul>
            <h2>More</h2>
            <ul>
              <li><a href="#problems">Problems</a></li>
              <li><a href="#schemas">Schemas</a></li>
              <li><a href="openapi.json">openapi.json</a></li>
            </ul>
          </nav>
          <main>
            <h1>${info.title}</h1>
            <p>${info.description}</p>
            <h2 id="tasks">Tasks</h2>
  `;
}

function end(
  document: OpenApiDocument,
  tasks: readonly Entry[],
  others: readonly Entry[],
): Markup {
  // Those of a task are in its section, but for parts that contain themselves.
  const shown = new Set(
    tasks.flatMap(({ path }) =>
      ["input", "named", "positional", "output"].map((kind) => `${nameOf(path)}.${kind}`)
    ),
  );
  const schemas = Object.entries(document.components.schemas).filter(([name]) => !shown.has(name));
  return html`<h2 id="routes">Routes</h2>
${others.map((entry) => routeSection(entry, document))}
<h2 id="problems">Problems</h2>
<p>Whatever goes wrong is answered as <code>application/problem+json</code> (RFC 9457): <code>type</code>, <code>title</code>, <code>status</code>, <code>detail</code>, and <code>errors</code> with each <code>field</code>, its <code>message</code> and what is <code>allowed</code>.</p>
<table><tr><th>type</th><th>status</th><th>title</th></tr>
${
    Object.entries(PROBLEMS).map(([kind, { status, title }]) =>
      html`
        <tr id="problem-${kind}">
          <td><code>/problems/${kind}</code></td>
          <td>${status}</td>
          <td>${title}</td>
        </tr>
      `
    )
  }</table>
<h2 id="schemas">Schemas</h2>
${schemas.map(([name, schema]) => html`<h3 id="${anchor(name)}">${name}</h3>${schemaView(schema)}`)}
</main>
</div>
</body>
</html>`;
}

function taskSection(
  { path, operation }: Entry,
  document: OpenApiDocument,
  line: string | undefined,
): Markup {
  const name = nameOf(path);
  const { schemas } = document.components;
  const output = schemas[`${name}.output`];
  return html`
    <section id="${anchor(operation["operationId"])}">
    <h3>${name}</h3>
    <p>${operation["summary"]}</p><p class="soft">${code(operation["description"])}</p>
    ${line === undefined
      ? html`<p>No valid example can be made from its schema: give the contract an <code>example</code>.</p>`
      : html`<pre>${line}</pre>`}
    <h4 id="${anchor(`${name}.input`)}">Takes</h4>${schemaView(schemas[`${name}.input`] ?? {})}
    ${output ? html`<h4 id="${anchor(`${name}.output`)}">Gives</h4>${schemaView(output)}` : ""}
    </section>
  `;
}

/** A line for a POSIX shell that submits the example and waits. */
/** A command that submits a task and waits for its result. */
export function curlLine(url: string, body: object, secured: boolean): string {
  return [
    `curl -X POST ${shellQuote(url)}`,
    ...(secured ? ['-H "Authorization: Bearer $CELERIAC_API_TOKEN"'] : []),
    "-H 'Prefer: wait=10'",
    "-H 'Content-Type: application/json'",
    `-d ${shellQuote(JSON.stringify(body))}`,
  ].join(" \\\n  ");
}

function routeSection({ method, path, operation }: Entry, document: OpenApiDocument): Markup {
  const given = (operation["parameters"] ?? []) as (Parameter | { $ref: string })[];
  const parameters = given.map((parameter) =>
    "$ref" in parameter ? resolved(document, parameter.$ref) : parameter
  );
  const answers = Object.entries(operation["responses"] as Record<string, { description: string }>);
  return html`<section id="${anchor(operation["operationId"])}">
<h3><span class="method">${method.toUpperCase()}</span> <code>${path}</code></h3>
<p>${operation["summary"]}</p>${
    operation["description"] ? html`<p class="soft">${code(operation["description"])}</p>` : ""
  }
${
    parameters.length === 0 ? "" : html`
      <h4>Parameters</h4>
      <table>${parameters.map(({ name, in: place, description, schema }) =>
        html`
          <tr>
            <td><code>${name}</code></td>
            <td>${place}</td>
            <td>${kindOf(schema)}</td>
            <td>${code(description ?? schema["description"])}</td>
          </tr>
        `
      )}</table>
    `
  }
<h4>Answers</h4><table>${
    answers.map(([status, { description }]) =>
      html`
        <tr>
          <td>${status}</td>
          <td>${code(description)}</td>
        </tr>
      `
    )
  }</table>
</section>`;
}

function schemaView(schema: JsonSchema): Markup {
  const source = html`
    <details>
      <summary>JSON Schema</summary>
      <pre>${JSON.stringify(schema, null, 2)}</pre>
    </details>
  `;
  const fields = fieldsOf(schema);
  if (fields.length > 0) {
    const rows = fields.map(({ name, optional, schema }) =>
      html`
        <tr>
          <td><code>${name}</code>${optional
            ? html`
              <span class="soft">optional</span>
            `
            : ""}</td>
          <td>${kindOf(schema)}</td>
          <td>${code(noteOf(schema))}</td>
        </tr>
      `
    );
    return html`<table><tr><th>name</th><th>type</th><th></th></tr>${rows}</table>${source}`;
  }
  if (isEmptyObject(schema)) return html`<p>nothing</p>${source}`;
  const told = schema["description"]
    ? html`
      <span class="soft">– ${code(schema["description"])}</span>
    `
    : "";
  return html`<p>${kindOf(schema)}${told}</p>${source}`;
}

function isEmptyObject({ type, properties, additionalProperties }: JsonSchema): boolean {
  return type === "object" && !additionalProperties && Object.keys(properties ?? {}).length === 0;
}

/** Description and default of a field. */
function noteOf({ description, default: preset }: JsonSchema): string {
  const parts = [description, preset !== undefined && `default \`${JSON.stringify(preset)}\``];
  return parts.filter(Boolean).join("; ");
}

/** Text in which backquotes mark code. */
function code(text: unknown): Markup | string {
  const parts = String(text ?? "").split("`");
  return html`${parts.map((part, index) => index % 2 === 1 ? html`<code>${part}</code>` : part)}`;
}

function link(operation: Operation, text: string): Markup {
  return html`<li><a href="#${anchor(operation["operationId"])}">${text}</a></li>`;
}

function tagOf(operation: Operation): unknown {
  return (operation["tags"] as string[])[0];
}

function resolved(document: OpenApiDocument, reference: string): Parameter {
  const name = reference.split("/").at(-1)!;
  return (document.components["parameters"] as Record<string, Parameter>)[name]!;
}

function nameOf(path: string): string {
  return path.slice("/v1/tasks/".length);
}
