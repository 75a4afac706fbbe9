/** Operations of the OpenAPI document that are about subscriptions. */
import { PruneBody, SubscriptionsQuery } from "../routes/subscriptions.ts";
import { ReplayBody } from "../submitting/replay.ts";
import { SubscriptionBody } from "../submitting/subscription.ts";
import {
  documentSchemas,
  type JsonSchema,
  nullable,
  record,
  schemaRef,
  time,
} from "./json_schema.ts";
import {
  CHANGE_PROBLEMS,
  jsonAnswer,
  type Operation,
  problems,
  queryParameters,
} from "./routes.ts";
import { nextCursor } from "./schemas.ts";

const name = {
  name: "subscription",
  in: "path",
  required: true,
  schema: { type: "string", minLength: 1, maxLength: 200 },
};

const one = (description: string) => jsonAnswer(description, schemaRef("Subscription"));

const body = (schema: JsonSchema, example: unknown, required = true) => ({
  required,
  content: { "application/json": { schema, example } },
});

const EXAMPLE = {
  name: "receipt",
  patterns: ["orders.*.paid"],
  where: { tenant: "acme" },
  task: "send_receipt",
  args: { order: "/data/order" },
};

/** Paths of subscriptions. */
export function subscriptionPaths(): Record<string, Record<string, Operation>> {
  const { name: _, ...nameless } = EXAMPLE;
  return {
    "/v1/subscriptions": {
      get: {
        operationId: "listSubscriptions",
        tags: ["events"],
        summary: "List subscriptions by name",
        parameters: queryParameters(SubscriptionsQuery),
        responses: {
          200: jsonAnswer("One page", schemaRef("Subscriptions")),
          ...problems("invalid-input", "unavailable"),
        },
      },
      post: {
        operationId: "addSubscription",
        tags: ["events"],
        summary: "Create a subscription",
        description:
          "Each event that it selects becomes one task. It takes effect within a second, for events that are dispatched from then on.",
        requestBody: body(schemaRef("NewSubscription"), EXAMPLE),
        responses: {
          201: one("It is stored"),
          ...problems("subscription-exists", ...CHANGE_PROBLEMS),
        },
      },
    },
    "/v1/subscriptions:prune": {
      post: {
        operationId: "pruneSubscriptions",
        tags: ["events"],
        summary: "Remove subscriptions that the app's code no longer defines",
        description:
          "Call it after a rollout has ended: the API that answers compares with its own version of the app.",
        requestBody: body(schemaRef("Prune"), { dry_run: true }, false),
        responses: {
          200: jsonAnswer(
            "Names of the removed subscriptions",
            record({
              dry_run: { type: "boolean" },
              removed: { type: "array", items: { type: "string" } },
            }),
          ),
          ...problems(...CHANGE_PROBLEMS),
        },
      },
    },
    "/v1/subscriptions/{subscription}": {
      get: {
        operationId: "readSubscription",
        tags: ["events"],
        summary: "Read a subscription and its latest replays",
        parameters: [name],
        responses: {
          200: one("The subscription"),
          ...problems("no-subscription", "invalid-input", "unavailable"),
        },
      },
      put: {
        operationId: "replaceSubscription",
        tags: ["events"],
        summary: "Replace a subscription that the app's code does not define",
        parameters: [name],
        requestBody: body(schemaRef("SubscriptionChange"), nameless),
        responses: {
          200: one("The updated subscription"),
          ...problems("no-subscription", "subscription-in-code", ...CHANGE_PROBLEMS),
        },
      },
      delete: {
        operationId: "removeSubscription",
        tags: ["events"],
        summary: "Remove a subscription that the app's code does not define",
        parameters: [name],
        responses: {
          204: { description: "Removed" },
          ...problems(
            "no-subscription",
            "subscription-in-code",
            "unavailable",
            "outcome-unknown",
          ),
        },
      },
    },
    "/v1/subscriptions/{subscription}/pause": step(
      "pause",
      "Pause a subscription: its events are kept",
    ),
    "/v1/subscriptions/{subscription}/resume": step(
      "resume",
      "Resume a subscription: the events of the pause become tasks",
    ),
    "/v1/subscriptions/{subscription}/replay": {
      post: {
        operationId: "replayEvents",
        tags: ["events"],
        summary: "Turn recorded events into tasks of this subscription",
        description:
          "Beat sends the tasks in steps, oldest events first. Without `again`, only events that have no task of this subscription.",
        parameters: [name],
        requestBody: body(
          schemaRef("NewReplay"),
          { since: "2030-01-02T00:00:00Z", rate: 10 },
          false,
        ),
        responses: {
          202: jsonAnswer("Started", schemaRef("Replay")),
          ...problems("no-subscription", ...CHANGE_PROBLEMS),
        },
      },
    },
  };
}

function step(verb: "pause" | "resume", summary: string): Record<string, Operation> {
  return {
    post: {
      operationId: `${verb}Subscription`,
      tags: ["events"],
      summary,
      parameters: [name],
      responses: {
        200: one("The updated subscription"),
        ...problems("no-subscription", "unavailable", "outcome-unknown"),
      },
    },
  };
}

/** Schemas of subscriptions. */
export function subscriptionSchemas(): Record<string, JsonSchema> {
  const schemas = {
    ...documentSchemas("NewSubscription", SubscriptionBody, "input"),
    ...documentSchemas("SubscriptionChange", SubscriptionBody.partial({ name: true }), "input"),
    ...documentSchemas("NewReplay", ReplayBody, "input"),
    ...documentSchemas("Prune", PruneBody, "input"),
  };
  const propertiesOf = (schema: string) =>
    schemas[schema]!["properties"] as Record<string, JsonSchema>;
  const summary = {
    ...propertiesOf("NewSubscription"),
    source: {
      type: "string",
      enum: ["code", "database"],
      description: "`code`: the app defines it",
    },
    paused: { type: "boolean" },
    paused_at: time("Since when it is paused"),
    created_at: time("When it was made"),
    updated_at: time("Time of the last change"),
  };
  return {
    ...schemas,
    Subscription: record({
      ...summary,
      replays: {
        type: "array",
        items: schemaRef("Replay"),
        description: "The latest replays, newest first",
      },
    }),
    Subscriptions: record({
      subscriptions: { type: "array", items: record(summary) },
      next: nextCursor,
    }),
    Replay: record({
      id: { type: "string", format: "uuid" },
      subscription: { type: "string" },
      ...propertiesOf("NewReplay"),
      since: time("As requested"),
      until: time("As requested"),
      types: { type: "array", items: { type: "string" } },
      position: { type: "integer", description: "Position of the last event that is done" },
      last_position: { type: "integer", description: "Position of the last event to do" },
      sent: { type: "integer", description: "Tasks sent so far" },
      created_at: time("When it was started"),
      ended_at: time("When it ended; null while it runs"),
      failures: {
        type: "integer",
        description:
          "Failed steps since one succeeded. The wait before the next one doubles, up to 5 minutes",
      },
      error: nullable("string", "Why the last step failed; null if it succeeded"),
      failed_at: time("When the last step failed; null if it succeeded"),
    }),
  };
}
