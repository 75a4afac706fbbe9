/** Operations of the OpenAPI document that are about workers and the depth of queues. */
import { type JsonSchema, nullable, record, schemaRef, time } from "./json_schema.ts";
import { jsonAnswer, type Operation, problems } from "./routes.ts";

/** Paths of workers and queues. */
export function workerPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/workers": {
      get: {
        operationId: "listWorkers",
        tags: ["workers"],
        summary: "List running workers and the tasks that they run",
        description:
          "Collects the replies of all workers for one second, Celery's included. A worker that does not reply is missing.",
        responses: {
          200: jsonAnswer("The workers, by name", schemaRef("WorkerList")),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
    "/v1/queues": {
      get: {
        operationId: "listQueues",
        tags: ["workers"],
        summary: "Count the messages and consumers of queues",
        description: "The queues of all contracts, and those of CELERIAC_FOREIGN_QUEUES.",
        responses: {
          200: jsonAnswer("The queues, by name", schemaRef("QueueList")),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
  };
}

/** Schemas of workers and queues. */
export function workerSchemas(): Record<string, JsonSchema> {
  const at = { type: "string", format: "date-time", description: "When they were read" };
  const list = (name: string) => ({ type: "array", items: schemaRef(name) });
  return {
    WorkerList: record({ at, workers: list("Worker") }),
    Worker: record({
      name: { type: "string", description: "Node name" },
      pid: nullable("integer", "Process id"),
      uptime: nullable("number", "Seconds since its start"),
      concurrency: nullable("integer", "Maximum number of tasks that it runs at the same time"),
      prefetch: nullable("integer", "Maximum number of messages that it fetches in advance"),
      received: { type: "integer", description: "Tasks that it has received since its start" },
      queues: { type: "array", items: { type: "string" } },
      running: list("RunningTask"),
    }),
    RunningTask: record({
      id: { type: "string" },
      name: { type: "string" },
      queue: nullable("string", "Routing key of its message; the queue for queues of contracts"),
      started_at: time("Start of the attempt"),
    }),
    QueueList: record({ at, queues: list("Queue") }),
    Queue: record({
      name: { type: "string" },
      ready: nullable("integer", "Messages that no consumer has received"),
      consumers: nullable("integer", "Number of consumers"),
      problem: nullable("string", "Why the counts could not be read"),
    }),
  };
}
