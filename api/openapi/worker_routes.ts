/** Operations of the OpenAPI document that are about workers, their control, and the depth of queues. */
import { PoolBody } from "../routes/worker_control.ts";
import {
  documentSchemas,
  type JsonSchema,
  nullable,
  openObject,
  record,
  schemaRef,
  time,
} from "./json_schema.ts";
import { CHANGE_PROBLEMS, jsonAnswer, type Operation, problems } from "./routes.ts";

const WORKER = [{
  name: "worker",
  in: "path",
  required: true,
  description: "Node name",
  schema: { type: "string", minLength: 1 },
}];

const SENT = jsonAnswer("The command that was sent", schemaRef("SentCommand"));

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
    "/v1/workers/{worker}/shutdown": {
      post: {
        operationId: "shutdownWorker",
        tags: ["workers"],
        summary: "Shut down a worker",
        description:
          "The worker finishes its running tasks, requeues the others and exits, as on SIGTERM. A worker confirms no shutdown, so that `reply` is null.",
        parameters: WORKER,
        responses: {
          202: SENT,
          ...problems(
            "no-worker",
            "worker-refused",
            "invalid-input",
            "unavailable",
            "outcome-unknown",
          ),
        },
      },
    },
    "/v1/workers/{worker}/pool-grow": poolOperation("grow", "Add slots to the pool of a worker"),
    "/v1/workers/{worker}/pool-shrink": poolOperation(
      "shrink",
      "Remove slots from the pool of a worker",
    ),
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

function poolOperation(verb: "grow" | "shrink", summary: string): Record<string, Operation> {
  return {
    post: {
      operationId: `${verb}Pool`,
      tags: ["workers"],
      summary,
      description:
        "Changes the concurrency until the worker restarts; the prefetch follows. A repeated call changes it again.",
      parameters: WORKER,
      requestBody: {
        required: false,
        content: {
          "application/json": { schema: schemaRef("PoolChange"), example: { n: 2 } },
        },
      },
      responses: { 202: SENT, ...problems("no-worker", "worker-refused", ...CHANGE_PROBLEMS) },
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
    ...documentSchemas("PoolChange", PoolBody, "input"),
    SentCommand: record({
      worker: { type: "string", description: "Node name" },
      command: { type: "string", enum: ["shutdown", "pool_grow", "pool_shrink"] },
      arguments: openObject("Arguments of the command"),
      reply: nullable(
        "string",
        "Confirmation of the worker; null if none arrived within a second",
      ),
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
