/** Operations of the OpenAPI document that are about events. */
import { BATCH_TYPE, EVENT_TYPE } from "../../shared/events/http.ts";
import { type JsonSchema, nullable, openObject, record, schemaRef } from "./json_schema.ts";
import { EventStreamQuery } from "../routes/event_stream.ts";
import { EventsQuery } from "../routes/recorded_events.ts";
import {
  CHANGE_PROBLEMS,
  jsonAnswer,
  type Operation,
  problems,
  queryParameters,
} from "./routes.ts";

const EXAMPLE = { type: "orders.eu.paid", data: { order: "17" } };

/** Paths of events. */
export function eventPaths(): Record<string, Record<string, Operation>> {
  const body = (schema: JsonSchema, example: unknown) => ({ schema, example });
  const whole = { specversion: "1.0", id: "1", source: "/shop", ...EXAMPLE };
  return {
    "/v1/events/types": {
      get: {
        operationId: "listEventTypes",
        tags: ["events"],
        summary: "List the types of events that the app defines, with JSON Schemas",
        responses: {
          200: jsonAnswer("All types", schemaRef("EventTypes")),
          ...problems("invalid-input"),
        },
      },
    },
    "/v1/events/stream": {
      get: {
        operationId: "followEvents",
        tags: ["events"],
        summary: "Follow recorded events as server-sent events",
        description:
          "The id of each message is the event's position. After a reconnect with `Last-Event-ID` the stream continues with the next event.",
        parameters: [
          ...queryParameters(EventStreamQuery),
          {
            name: "Last-Event-ID",
            in: "header",
            description: "Position after which the stream starts; takes precedence over `after`",
            schema: { type: "string" },
          },
        ],
        responses: {
          200: {
            description: "Each message is a RecordedEvent",
            content: { "text/event-stream": { schema: { type: "string" } } },
          },
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
    "/v1/events/{key}": {
      get: {
        operationId: "readEvent",
        tags: ["events"],
        summary: "Read a recorded event and the ids of its tasks",
        parameters: [{
          name: "key",
          in: "path",
          required: true,
          schema: { type: "string", format: "uuid" },
        }],
        responses: {
          200: jsonAnswer("The event", schemaRef("RecordedEvent")),
          ...problems("no-event", "invalid-input", "unavailable"),
        },
      },
    },
    "/v1/events": {
      get: {
        operationId: "listEvents",
        tags: ["events"],
        summary: "List recorded events, newest first",
        parameters: queryParameters(EventsQuery),
        responses: {
          200: jsonAnswer("One page", schemaRef("RecordedEvents")),
          ...problems("invalid-input", "unavailable"),
        },
      },
      post: {
        operationId: "publishEvent",
        tags: ["events"],
        summary: "Publish an event, or a batch",
        description:
          "CloudEvents 1.0 in structured, binary or batched mode, or a plain `{type, data}`. An event becomes one task for each subscription that selects it; the response names them. The same `source` and `id` give the same tasks. Of a batch with an invalid event, nothing is published.",
        parameters: [{
          name: "require",
          in: "query",
          description: "`subscription`: refuse an event that no subscription selects",
          schema: { type: "string", enum: ["subscription"] },
        }],
        requestBody: {
          required: true,
          content: {
            "application/json": body(schemaRef("PlainEvent"), EXAMPLE),
            [EVENT_TYPE]: body(schemaRef("Event"), whole),
            [BATCH_TYPE]: body({ type: "array", items: schemaRef("Event") }, [whole]),
          },
        },
        responses: {
          202: jsonAnswer("Accepted and durable", {
            oneOf: [
              schemaRef("EventAccepted"),
              { type: "array", items: schemaRef("EventAccepted") },
            ],
          }),
          ...problems("no-subscriber", ...CHANGE_PROBLEMS),
        },
      },
    },
  };
}

/** Schemas of events. */
export function eventSchemas(): Record<string, JsonSchema> {
  const text = { type: "string", minLength: 1 };
  const attributes = {
    id: { ...text, description: "Unique together with `source`" },
    source: { ...text, description: "URI reference of the sender" },
    type: { ...text, maxLength: 255, description: "Words separated by dots" },
    subject: text,
    time: { type: "string", format: "date-time" },
    datacontenttype: { ...text, description: "Media type of the payload; default JSON" },
    dataschema: { ...text, format: "uri" },
    data: { description: "Payload" },
    data_base64: { type: "string", description: "Payload in bytes" },
  };
  const extension = { type: ["string", "integer", "boolean", "null"] };
  const task = record({ subscription: { type: "string" }, id: { type: "string" } });
  const specversion = { type: "string", enum: ["1.0"] };
  return {
    PlainEvent: {
      type: "object",
      required: ["type"],
      properties: attributes,
      additionalProperties: extension,
    },
    Event: {
      type: "object",
      required: ["specversion", "id", "source", "type"],
      properties: { specversion, ...attributes },
      additionalProperties: extension,
    },
    EventTypes: record({
      open: { type: "boolean", description: "Whether other types are accepted, too" },
      types: {
        type: "array",
        items: record({
          type: text,
          summary: nullable("string", "One line about the event"),
          data: openObject("JSON Schema of the payload"),
          attributes: openObject("JSON Schemas of the extension attributes by name"),
          required: {
            type: "array",
            items: { type: "string" },
            description: "Extension attributes that an event must have",
          },
          example: { description: "A payload, or null" },
        }),
      },
    }),
    RecordedEvent: record({
      key: { type: "string", format: "uuid" },
      position: { type: "integer", description: "Grows with each event" },
      recorded_at: { type: "string", format: "date-time" },
      event: schemaRef("Event"),
      tasks: { type: "array", items: task, description: "The tasks that it became" },
    }),
    RecordedEvents: record({
      events: { type: "array", items: schemaRef("RecordedEvent") },
      next: {
        type: ["integer", "null"],
        description: "Value of `cursor` for the next page; null on the last page",
      },
    }),
    EventAccepted: record({
      key: { type: "string", description: "The key of the event" },
      via: { type: "string", enum: ["broker", "outbox"] },
      subscriptions: {
        type: ["array", "null"],
        items: { type: "string" },
        description: "Names; `null` if the database is unavailable",
      },
      tasks: {
        type: ["array", "null"],
        items: task,
      },
    }),
  };
}
