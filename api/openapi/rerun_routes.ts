/** The operation of the OpenAPI document that reruns a task. */
import { jsonAnswer, type Operation, problems, SUBMISSION_PROBLEMS } from "./routes.ts";
import { schemaRef } from "./json_schema.ts";

/** Paths of reruns. */
export function rerunPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/tasks/{id}/rerun": {
      post: {
        operationId: "rerunTask",
        tags: ["submit"],
        summary: "Submit a task again under a new id",
        description:
          "Takes the kept input of the record, and its labels and queue. `args` and `kwargs` of the body replace those of the input, and `options` apply as in a submission. The label `rerun_of` names the record.",
        parameters: [
          { $ref: "#/components/parameters/id" },
          { $ref: "#/components/parameters/idempotency-key" },
        ],
        requestBody: { content: { "application/json": { schema: schemaRef("Rerun") } } },
        responses: {
          202: jsonAnswer("Accepted and durable", schemaRef("AcceptedRerun"), {
            "Location": {
              description: "URL of the new record",
              schema: { type: "string" },
            },
          }),
          ...problems("no-record", "no-input", ...SUBMISSION_PROBLEMS),
        },
      },
    },
  };
}
