/** Operations of the OpenAPI document that tell of the process, not of tasks. */
import { jsonAnswer, type Operation } from "./routes.ts";
import { openObject, schemaRef } from "./json_schema.ts";

const health = {
  200: jsonAnswer("Well", schemaRef("Health")),
  503: jsonAnswer("Not well", schemaRef("Health")),
};

const text = (type: string, description: string) => ({
  description,
  content: { [type]: { schema: { type: "string" } } },
});

/** Health, metrics and reference. */
export function servicePaths(): Record<string, Record<string, Operation>> {
  return {
    "/livez": {
      get: {
        operationId: "live",
        tags: ["health"],
        summary: "Whether the process is alive",
        security: [],
        responses: health,
      },
    },
    "/readyz": {
      get: {
        operationId: "ready",
        tags: ["health"],
        summary: "Whether tasks can be accepted, and why not",
        security: [],
        responses: health,
      },
    },
    "/metrics": {
      get: {
        operationId: "metrics",
        tags: ["health"],
        summary: "Metrics for Prometheus",
        responses: { 200: text("text/plain", "Text format 0.0.4") },
      },
    },
    "/openapi.json": {
      get: {
        operationId: "document",
        tags: ["reference"],
        summary: "This document",
        responses: { 200: jsonAnswer("OpenAPI 3.1", openObject("The document")) },
      },
    },
    "/": {
      get: {
        operationId: "index",
        tags: ["reference"],
        summary: "Tasks and links",
        responses: {
          200: {
            description: "A page, or JSON by the Accept header",
            content: {
              "text/html": { schema: { type: "string" } },
              "application/json": { schema: schemaRef("Index") },
            },
          },
        },
      },
    },
    "/docs": {
      get: {
        operationId: "reference",
        tags: ["reference"],
        summary: "This document as a page",
        responses: { 200: text("text/html", "The page") },
      },
    },
  };
}
