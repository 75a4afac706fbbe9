/** The OpenAPI 3.1 document of an app: derived from its contracts, so that it cannot lag behind them.
 *
 * It is put together by hand from the JSON Schema that zod itself writes: that is what OpenAPI 3.1 has for
 * schemas, and routes stay plain ones.
 * @module
 */
import type { Registry } from "../../shared/contracts/registry.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { accessPaths, accessSchemas } from "./access_routes.ts";
import { deadLetterPaths, deadLetterSchemas } from "./dead_letter_routes.ts";
import { eventPaths, eventSchemas } from "./event_routes.ts";
import {
  type Operation,
  type Paths,
  sharedParameters,
  sharedPaths,
  SUBMISSION_PARAMETERS,
  submissionAnswers,
} from "./routes.ts";
import { pausePaths, pauseSchemas } from "./pause_routes.ts";
import { bulkPaths, bulkSchemas } from "./bulk_routes.ts";
import { retryPaths } from "./retry_routes.ts";
import { rerunPaths } from "./rerun_routes.ts";
import { schedulePaths, scheduleSchemas } from "./schedule_routes.ts";
import { seriesPaths, seriesSchemas } from "./series_routes.ts";
import { ANY_SCHEME, guarded, SECURITY_SCHEMES } from "./security.ts";
import { servicePaths } from "./service_routes.ts";
import { subscriptionPaths, subscriptionSchemas } from "./subscription_routes.ts";
import { workerPaths, workerSchemas } from "./worker_routes.ts";
import { workflowPaths, workflowSchemas } from "./workflow_routes.ts";
import { type JsonSchema, record, schemaRef } from "./json_schema.ts";
import { sharedSchemas, submissionSchema, taskSchemas } from "./schemas.ts";

/** Options of the document. */
export interface DocumentOptions {
  readonly registry: Registry;
  /** Whether credentials are needed. */
  readonly secured: boolean;
  /** Maximum wait in seconds. */
  readonly maxWait: number;
  /** Maximum lines of a batch. */
  readonly batchLimit: number;
  readonly version: string;
}

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly license: object;
  };
  /** Empty where no credentials are needed. */
  readonly security: readonly object[];
  readonly paths: Paths;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly [kind: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** Generates the document.
 *
 * @example
 * ```ts
 * import { openApiDocument } from "./document.ts";
 * import { Registry } from "../../shared/contracts/registry.ts";
 * import { defineTask, z } from "../../shared/mod.ts";
 * import { assert } from "@std/assert";
 *
 * const registry = new Registry([defineTask({ name: "add", input: z.object({ x: z.number() }) })]);
 * const document = await openApiDocument({ registry, secured: false, maxWait: 60, batchLimit: 10, version: "1.0.0" });
 * assert(document.paths["/v1/tasks/add"]?.post);
 * ```
 */
export async function openApiDocument(options: DocumentOptions): Promise<OpenApiDocument> {
  const contracts = Array.from(options.registry).sort((a, b) => a.name < b.name ? -1 : 1);
  const taskPaths: Record<string, Record<string, Operation>> = {};
  const schemas: Record<string, JsonSchema> = {};
  for (const [index, contract] of contracts.entries()) {
    // A large app takes seconds: yields to other requests.
    if (index % 20 === 19) await new Promise((resolve) => setTimeout(resolve));
    const own = taskSchemas(contract);
    const required = own[`${contract.name}.named`]?.["required"] !== undefined;
    taskPaths[`/v1/tasks/${contract.name}`] = taskPath(contract, required);
    Object.assign(schemas, own);
  }
  const paths = {
    ...taskPaths,
    ...sharedPaths(options),
    ...retryPaths(),
    ...bulkPaths(),
    ...rerunPaths(),
    ...eventPaths(),
    ...subscriptionPaths(),
    ...schedulePaths(),
    ...pausePaths(),
    ...seriesPaths(),
    ...workerPaths(),
    ...workflowPaths(),
    ...deadLetterPaths(),
    ...accessPaths(),
    ...servicePaths(),
  };
  return {
    openapi: "3.1.1",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      title: "Celeriac",
      version: options.version,
      description: "Submit tasks, follow them and read their results.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "tasks", description: "One path for each task" },
      { name: "submit", description: "Any task" },
      { name: "workflows", description: "Chains, groups and chords of tasks" },
      { name: "results", description: "Records of tasks" },
      { name: "events", description: "Events and the tasks that they become" },
      { name: "schedules", description: "Periodic tasks" },
      { name: "pauses", description: "Paused queues and tasks" },
      { name: "workers", description: "Running workers, and the depth of queues" },
      { name: "dead letters", description: "Messages that no worker could process" },
      { name: "access", description: "API keys and the audit log" },
      { name: "health", description: "Health checks and metrics" },
      { name: "reference", description: "API documentation" },
    ],
    security: options.secured ? ANY_SCHEME : [],
    paths: guarded(paths, options.secured),
    components: {
      schemas: {
        ...sharedSchemas(),
        ...eventSchemas(),
        ...subscriptionSchemas(),
        ...scheduleSchemas(),
        ...pauseSchemas(),
        ...bulkSchemas(),
        ...seriesSchemas(),
        ...workerSchemas(),
        ...workflowSchemas(),
        ...deadLetterSchemas(),
        ...accessSchemas(),
        ...schemas,
      },
      parameters: sharedParameters(options.maxWait),
      ...(options.secured && { securitySchemes: SECURITY_SCHEMES }),
    },
  };
}

function taskPath(contract: TaskContract, required: boolean): Record<string, Operation> {
  const { name, summary, example, queue, bodyLimit, output, ignoreResult } = contract;
  const result = output &&
    record({ result: { anyOf: [schemaRef(`${name}.output`), { type: "null" }] } });
  return {
    post: {
      operationId: `submit.${name}`,
      tags: ["tasks"],
      summary: summary ?? `Submit ${name}`,
      description: `Queue \`${queue}\`; maximum body size ${bodyLimit} bytes.${
        ignoreResult ? " Keeps no record." : ""
      }`,
      parameters: SUBMISSION_PARAMETERS,
      requestBody: {
        required,
        content: {
          "application/json": {
            schema: submissionSchema(contract),
            ...(example && { example: { kwargs: example } }),
          },
        },
      },
      responses: submissionAnswers(
        result ? { allOf: [schemaRef("Record"), result] } : schemaRef("Record"),
      ),
    },
  };
}
