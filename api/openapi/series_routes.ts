/** Operations of the OpenAPI document that are about series and depths. */
import { DepthQueryParameters, SeriesQueryParameters } from "../routes/series.ts";
import { COUNTED } from "../../shared/series/series_store.ts";
import { type JsonSchema, nullable, record, schemaRef } from "./json_schema.ts";
import { jsonAnswer, type Operation, problems, queryParameters } from "./routes.ts";

/** Paths of series and depths. */
export function seriesPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/series": {
      get: {
        operationId: "readSeries",
        tags: ["results"],
        summary: "Counts, run times and waits over time",
        description:
          "Workers count ended deliveries per minute, and write their counts every ten seconds. Series are kept for 72 hours. A step without tasks has no point.",
        parameters: queryParameters(SeriesQueryParameters),
        responses: {
          200: jsonAnswer("The series", schemaRef("SeriesList")),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
    "/v1/queue-depths": {
      get: {
        operationId: "readQueueDepths",
        tags: ["results"],
        summary: "Messages in queues over time",
        description:
          "The API counts the messages of each queue once a minute. Depths are kept for 72 hours. A step has the greatest depth of its minutes, and no point if nothing was counted.",
        parameters: queryParameters(DepthQueryParameters),
        responses: {
          200: jsonAnswer("The depths", schemaRef("DepthList")),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
  };
}

/** Schemas of series and depths. */
export function seriesSchemas(): Record<string, JsonSchema> {
  const count = { type: "integer", minimum: 0 };
  const seconds = (description: string) => nullable("number", `${description}, seconds`);
  return {
    SeriesList: record({
      since: { type: "string", format: "date-time", description: "Begin of the first step" },
      until: { type: "string", format: "date-time" },
      step: { type: "integer", description: "Seconds per point" },
      bounds: {
        type: "array",
        items: { type: "number" },
        description: "Upper bounds of the buckets in seconds; one more bucket has none",
      },
      series: { type: "array", items: schemaRef("Series") },
    }),
    Series: record({
      task: nullable("string", "Name of the task with `by=task`"),
      queue: nullable("string", "Name of the queue with `by=queue`"),
      points: { type: "array", items: schemaRef("SeriesPoint") },
    }),
    SeriesPoint: record({
      at: { type: "string", format: "date-time", description: "Begin of the step" },
      ...Object.fromEntries(COUNTED.map((name) => [name, count])),
      run: schemaRef("Durations"),
      wait: schemaRef("Durations"),
    }),
    DepthList: record({
      since: { type: "string", format: "date-time", description: "Begin of the first step" },
      until: { type: "string", format: "date-time" },
      step: { type: "integer", description: "Seconds per point" },
      queues: { type: "array", items: schemaRef("QueueDepths") },
    }),
    QueueDepths: record({
      queue: { type: "string", description: "Name of the queue" },
      points: { type: "array", items: schemaRef("DepthPoint") },
    }),
    DepthPoint: record({
      at: { type: "string", format: "date-time", description: "Begin of the step" },
      ready: { ...count, description: "Messages that no worker has received" },
    }),
    Durations: record({
      count: { ...count, description: "Number of durations" },
      mean: seconds("Mean"),
      p50: seconds("Estimated median"),
      p95: seconds("Estimated 95th percentile"),
      p99: seconds("Estimated 99th percentile"),
      buckets: {
        type: "array",
        items: count,
        description: "With `buckets=true`: count of each bucket",
      },
    }, { optional: ["buckets"] }),
  };
}
