/** The operation of the OpenAPI document that retries a task. */
import { jsonAnswer, type Operation, problems } from "./routes.ts";
import { schemaRef } from "./json_schema.ts";

/** Paths of retries. */
export function retryPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/tasks/{id}/retry": {
      post: {
        operationId: "retryTask",
        tags: ["results"],
        summary: "Send a failed task again under the same id",
        description:
          "Sends the dead letters of the task. If there are none and its state is FAILURE, sends a new message with the kept input of the record, and the last attempt is repeated. Callbacks and options such as the priority are not in the record and are not repeated.",
        parameters: [{ $ref: "#/components/parameters/id" }],
        responses: {
          202: jsonAnswer("The message is in the outbox", schemaRef("RetriedTask"), {
            "Location": { description: "URL of the record", schema: { type: "string" } },
          }),
          ...problems("no-record", "not-retryable", "no-input", "unavailable", "outcome-unknown"),
        },
      },
    },
  };
}
