/** Programs that use generated clients. Each submits a task and waits, reads its record, and submits a workflow.
 * @module
 */

/** With `sample.ts` of openapi-typescript beside it. */
export const TYPESCRIPT_CLIENT = `
import createClient from "npm:openapi-fetch@0.17.0";
import type { components, paths } from "./sample.ts";

const client = createClient<paths>({ baseUrl: Deno.args[0] });
const params = { query: { wait: 30 } };

const submitted = await client.POST("/v1/tasks/add", { params, body: { kwargs: { x: 2, y: 3 } } });
if (!submitted.data || !("result" in submitted.data)) throw new Error(JSON.stringify(submitted));
const { id, state, result } = submitted.data;
const sum: number | null = result;

const read = await client.GET("/v1/tasks/{id}", { params: { path: { id } } });
if (!read.data) throw new Error(read.error.detail);
const { args, kwargs, error } = read.data;
const stack: string | null | undefined = error?.stack;

const step = (x: number): components["schemas"]["Workflow"] => ({ name: "add", args: [x] });
const canvas: components["schemas"]["Workflow"] = {
  chain: [{ name: "add", kwargs: { x: 1, y: 2 } }, { group: [step(10), step(20)] }],
};
const workflow = await client.POST("/v1/workflows", { params, body: canvas });
if (!workflow.data || !("result" in workflow.data)) throw new Error(JSON.stringify(workflow));

console.log(JSON.stringify({
  submitted: { state, result: sum },
  read: { args, kwargs, ...(stack && { stack }) },
  workflow: { state: workflow.data.state, result: workflow.data.result },
}));
`;

/** Three mistakes that the types must refuse: a text for a number, a missing argument, an unknown kind of part. */
export const TYPESCRIPT_MISTAKES = `
import createClient from "npm:openapi-fetch@0.17.0";
import type { components, paths } from "./sample.ts";

const client = createClient<paths>();
void client.POST("/v1/tasks/add", { body: { kwargs: { x: "2", y: 3 } } });
void client.POST("/v1/tasks/add", { body: { kwargs: { x: 2 } } });
export const part: components["schemas"]["Workflow"] = { chian: [] };
`;

/** NDJSON is unknown to openapi-python-client, and its formatter ruff is not installed. */
export const PYTHON_CONFIG = `
post_hooks: []
content_type_overrides:
  application/x-ndjson: application/json
`;

/** With `sample_client` of openapi-python-client beside it. */
export const PYTHON_CLIENT = `
import json
import sys

from sample_client import Client
from sample_client.api.results import read_task
from sample_client.api.tasks import submit_add
from sample_client.api.workflows import submit_workflow
from sample_client.models import AddInput, AddNamed, ChainPart, GroupPart, TaskPart, TaskPartKwargs

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True, timeout=60)
submitted = submit_add.sync(client=client, body=AddNamed(kwargs=AddInput(x=2, y=3)), wait=30)
read = read_task.sync(submitted.id, client=client)
first = TaskPart(name="add", kwargs=TaskPartKwargs.from_dict({"x": 1, "y": 2}))
steps = GroupPart(group=[TaskPart(name="add", args=[10]), TaskPart(name="add", args=[20])])
workflow = submit_workflow.sync(client=client, body=ChainPart(chain=[first, steps]), wait=30)
print(json.dumps({
    "submitted": {"state": submitted.state, "result": submitted.result},
    "read": {"args": read.args, "kwargs": read.kwargs.to_dict()},
    "workflow": {"state": workflow.state, "result": workflow.result},
}))
`;
