/** `/v1/keys`: API keys. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { KeyBody, keyBody, readKeyBody, RotationBody } from "../access/key_body.ts";
import type { CreatedKey, KeyActions } from "../actions/key_actions.ts";
import { readJsonText } from "../http/body.ts";
import { nameCursor } from "../http/label.ts";
import { parseQuery, readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";

/** Query of the list, also for the OpenAPI document. */
export const KeysQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).describe("Keys per page; default 100"),
  cursor: nameCursor,
}).partial();

const NO_STORE = { "cache-control": "no-store" };

/** Creates, lists, rotates and revokes keys. Only the response to a creation or a rotation contains the token. */
export function keyRoutes(actions: KeyActions): Hono {
  return new Hono()
    .get("/keys", async (c) => {
      const { limit = 100, cursor = "" } = parseQuery(KeysQuery, c.req.queries());
      const { keys: shown, next } = await actions.list({ limit, after: cursor });
      return c.json({ keys: shown.map(keyBody), next }, 200, NO_STORE);
    })
    .get("/keys/:key", async (c) => {
      readQuery(c.req.queries(), []);
      return c.json(keyBody(await actions.find(c.req.param("key"))), 200, NO_STORE);
    })
    .post("/keys", async (c) => {
      const created = await actions.create(c, readKeyBody(KeyBody, await bodyOf(c)));
      return createdAnswer(c, created);
    })
    .post("/keys/:key/rotate", async (c) => {
      const body = readKeyBody(RotationBody, await bodyOf(c));
      return createdAnswer(c, await actions.rotate(c, c.req.param("key"), body));
    })
    .delete("/keys/:key", async (c) => {
      readQuery(c.req.queries(), []);
      return c.json(keyBody(await actions.revoke(c, c.req.param("key"))), 200, NO_STORE);
    });
}

function createdAnswer(c: Context, { key, token }: CreatedKey): Response {
  return c.json({ ...keyBody(key), token }, 201, { ...NO_STORE, location: `/v1/keys/${key.id}` });
}

async function bodyOf(c: Context): Promise<unknown> {
  readQuery(c.req.queries(), []);
  const text = await readJsonText(c.req.raw, DEFAULT_BODY_LIMIT);
  return text === undefined ? {} : parseStrict(text);
}
