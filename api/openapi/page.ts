/** The OpenAPI document as a page to read: written here, without a script and without a request to anywhere.
 *
 * The libraries that draw such pages were looked at: they bring one to two megabytes of script each, and three of
 * the four bring analytics as well.
 * @module
 */
import { html, raw } from "hono/html";
import { shellQuote } from "../../shared/shell_quote.ts";
import { PROBLEMS } from "../problem.ts";
import type { OpenApiDocument } from "./document.ts";
import type { Operation } from "./routes.ts";
import type { JsonSchema } from "./schemas.ts";
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

/** Draws the page.
 *
 * @param origin where callers reach the API, for the lines to paste */
export function referencePage(document: OpenApiDocument, origin: string): Markup {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Entry => ({ path, method, operation }))
  );
  const tasks = entries.filter(({ operation }) => tagOf(operation) === "tasks");
  const others = entries.filter(({ operation }) => tagOf(operation) !== "tasks");
  const token = "security" in document
    ? ' \\\n  -H "Authorization: Bearer $CELERIAC_API_TOKEN"'
    : "";
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>${document.info.title}: reference</title>
        <link rel="icon" href="data:,">
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <div class="layout">
          <nav aria-label="Contents">
            <a href="/docs"><strong>${document.info.title}</strong> <span class="soft">${document
              .info.version}</span></a>
            <h2>Tasks</h2>
            <ul>${tasks.map(({ path, operation }) =>
              link(operation, path.slice("/v1/tasks/".length))
            )}</ul>
            <h2>Routes</h2>
            <ul>${others.map(({ method, path, operation }) =>
              link(operation, `${method.toUpperCase()} ${path}`)
            )}</ul>
            <h2>More</h2>
            <ul>
              <li><a href="#problems">Problems</a></li>
              <li><a href="#schemas">Schemas</a></li>
              <li><a href="/openapi.json">openapi.json</a></li>
            </ul>
          </nav>
          <main>
    <h1>${document.info.title}</h1>
    <p>${document.info.description}</p>
    <h2 id="tasks">Tasks</h2>
    ${tasks.map((entry) => taskSection(entry, document, origin + entry.path, token))}
    <h2 id="routes">Routes</h2>
    ${others.map((entry) => routeSection(entry, document))}
    <h2 id="problems">Problems</h2>
    <p>Whatever goes wrong is answered as <code>application/problem+json</code> (RFC 9457): <code>type</code>, <code>title</code>, <code>status</code>, <code>detail</code>, and <code>errors</code> with each <code>field</code>, its <code>message</code> and what is <code>allowed</code>.</p>
    <table><tr><th>type</th><th>status</th><th>title</th></tr>
    ${Object.entries(PROBLEMS).map(([kind, { status, title }]) =>
      html`
        <tr id="problem-${kind}">
          <td><code>/problems/${kind}</code></td>
          <td>${status}</td>
          <td>${title}</td>
        </tr>
      `
    )}</table>
    <h2 id="schemas">Schemas</h2>
    ${Object.entries(document.components.schemas).map(([name, schema]) =>
      html`<h3 id="${anchor(name)}">${name}</h3>${schemaView(schema)}`
    )}
          </main>
        </div>
      </body>
    </html>
  `;
}

function taskSection(
  { path, operation }: Entry,
  document: OpenApiDocument,
  url: string,
  token: string,
): Markup {
  const name = path.slice("/v1/tasks/".length);
  const { schemas } = document.components;
  const example = exampleOf(operation);
  const body = example === undefined
    ? ""
    : ` \\\n  -H 'Content-Type: application/json' \\\n  -d ${shellQuote(JSON.stringify(example))}`;
  const output = schemas[`${name}.output`];
  return html`<section id="${anchor(operation["operationId"])}">
<h3>${name}</h3>
<p>${operation["summary"]}</p><p class="soft">${code(operation["description"])}</p>
<pre>curl -X POST '${url}'${token} \\
  -H 'Prefer: wait=10'${body}</pre>
<h4>Takes</h4>${schemaView(schemas[`${name}.input`] ?? {})}
${output ? html`<h4>Gives</h4>${schemaView(output)}` : ""}
</section>`;
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
  const properties = schema["properties"] as Record<string, JsonSchema> | undefined;
  const required = (schema["required"] ?? []) as string[];
  const source = html`
    <details>
      <summary>JSON Schema</summary>
      <pre>${JSON.stringify(schema, null, 2)}</pre>
    </details>
  `;
  if (!properties) {
    const told = schema["description"]
      ? html`
        <span class="soft">– ${code(schema["description"])}</span>
      `
      : "";
    return html`<p>${kindOf(schema)}${told}</p>${source}`;
  }
  if (Object.keys(properties).length === 0) return html`<p>nothing</p>${source}`;
  const rows = Object.entries(properties).map(([name, property]) =>
    html`
      <tr>
        <td><code>${name}</code>${required.includes(name) ? "" : html`
          <span class="soft">optional</span>
        `}</td>
        <td>${kindOf(property)}</td>
        <td>${code(property["description"])}</td>
      </tr>
    `
  );
  return html`<table><tr><th>name</th><th>type</th><th></th></tr>${rows}</table>${source}`;
}

/** A type in a few words, linked where it has a name. */
function kindOf(schema: JsonSchema): Markup | string {
  const { $ref, type, format, enum: values, const: value, items, anyOf, oneOf } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice("#/components/schemas/".length);
    return html`<a href="#${anchor(name)}">${name}</a>`;
  }
  if (Array.isArray(values)) return values.map((one) => JSON.stringify(one)).join(" | ");
  if (value !== undefined) return JSON.stringify(value);
  const options = anyOf ?? oneOf;
  if (Array.isArray(options)) {
    return html`${
      options.map((option, index) => html`${index > 0 ? " | " : ""}${kindOf(option)}`)
    }`;
  }
  if (type === "array" && items) return html`array of ${kindOf(items as JsonSchema)}`;
  const named = Array.isArray(type) ? type.join(" | ") : String(type ?? "any");
  const limits = Object.entries(LIMITS).filter(([key]) =>
    schema[key] !== undefined && !isDefaultLimit(schema[key])
  );
  const told = [format, ...limits.map(([key, sign]) => `${sign} ${schema[key]}`)].filter(Boolean)
    .join(", ");
  return told ? `${named} (${told})` : named;
}

const LIMITS = {
  minimum: "≥",
  exclusiveMinimum: ">",
  maximum: "≤",
  exclusiveMaximum: "<",
  minLength: "length ≥",
  maxLength: "length ≤",
  minItems: "items ≥",
  maxItems: "items ≤",
};

/** Zod bounds every integer by what a double holds. */
function isDefaultLimit(limit: unknown): boolean {
  return Math.abs(Number(limit)) === Number.MAX_SAFE_INTEGER;
}

/** Text in which backquotes mark code. */
function code(text: unknown): Markup | string {
  const parts = String(text ?? "").split("`");
  return html`${parts.map((part, index) => index % 2 === 1 ? html`<code>${part}</code>` : part)}`;
}

function link(operation: Operation, text: string): Markup {
  return html`<li><a href="#${anchor(operation["operationId"])}">${text}</a></li>`;
}

function anchor(name: unknown): string {
  return String(name).replaceAll(/[^\w.-]/g, "-");
}

function tagOf(operation: Operation): unknown {
  return (operation["tags"] as string[])[0];
}

function exampleOf(operation: Operation): unknown {
  const body = operation["requestBody"] as { content: Record<string, { example?: unknown }> };
  return body.content["application/json"]?.example;
}

function resolved(document: OpenApiDocument, reference: string): Parameter {
  const name = reference.split("/").at(-1)!;
  return (document.components["parameters"] as Record<string, Parameter>)[name]!;
}
