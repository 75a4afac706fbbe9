/** `POST /v1/workers/{worker}/shutdown`, `/pool-grow` and `/pool-shrink`: control running workers. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import {
  type SentCommand,
  SLOTS_MAX,
  type WorkerActions,
  type WorkerCommand,
} from "../actions/worker_actions.ts";
import { readJsonText } from "../http/body.ts";
import { readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";
import { strictRefusal } from "../http/strict_object.ts";

/** Body of a change of the pool, also for the OpenAPI document. */
export const PoolBody = z.strictObject({
  n: z.int().min(1).max(SLOTS_MAX).describe("Slots to add or to remove; default 1"),
}).partial();

/** Sends commands to workers. The response is 202, because a worker runs a command later. */
export function workerControlRoutes(actions: WorkerActions): Hono {
  const answer = async (c: Context, command: WorkerCommand) => {
    const sent = await actions.send(c, c.req.param("worker")!, command);
    return c.json(commandBody(sent), 202, { "cache-control": "no-store" });
  };
  const pool = (method: "pool_grow" | "pool_shrink") => async (c: Context) => {
    readQuery(c.req.queries(), []);
    return await answer(c, { method, slots: await readSlots(c) });
  };
  return new Hono()
    .post("/workers/:worker/shutdown", async (c) => {
      readQuery(c.req.queries(), []);
      return await answer(c, { method: "shutdown" });
    })
    .post("/workers/:worker/pool-grow", pool("pool_grow"))
    .post("/workers/:worker/pool-shrink", pool("pool_shrink"));
}

function commandBody({ worker, method, arguments: given, reply }: SentCommand) {
  return { worker, command: method, arguments: given, reply };
}

/** @throws {Problem} `invalid-input` */
async function readSlots(c: Context): Promise<number> {
  const text = await readJsonText(c.req.raw, DEFAULT_BODY_LIMIT);
  const parsed = PoolBody.safeParse(text === undefined ? {} : parseStrict(text));
  if (parsed.success) return parsed.data.n ?? 1;
  throw strictRefusal(parsed.error, {
    what: "the body",
    known: Object.keys(PoolBody.shape),
    unknown: "unknown field",
  });
}
