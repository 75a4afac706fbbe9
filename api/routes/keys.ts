/** `/v1/keys`: API keys. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import {
  expiryOf,
  GRACE,
  KeyBody,
  keyBody,
  newKey,
  readKeyBody,
  requireCover,
  RotationBody,
} from "../access/key_body.ts";
import type { KeySnapshot } from "../access/key_snapshot.ts";
import type { Key, KeyStore } from "../access/key_store.ts";
import { callerOf } from "../access/request_caller.ts";
import { mintToken } from "../access/token.ts";
import { readJsonText } from "../http/body.ts";
import { isLabel, nameCursor } from "../http/label.ts";
import { Problem } from "../http/problem.ts";
import { parseQuery, readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";

/** Dependencies of the routes. */
export interface KeyParts {
  readonly keys: Pick<KeyStore, "create" | "list" | "find" | "rotate" | "revoke">;
  readonly snapshot: Pick<KeySnapshot, "refresh">;
  readonly trail: AuditTrail;
  readonly clock: Clock;
}

/** Query of the list, also for the OpenAPI document. */
export const KeysQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).describe("Keys per page; default 100"),
  cursor: nameCursor,
}).partial();

const NO_STORE = { "cache-control": "no-store" };

/** Creates, lists, rotates and revokes keys. Only the response to a creation or a rotation contains the token. */
export function keyRoutes({ keys, snapshot, trail, clock }: KeyParts): Hono {
  const find = async (id: string): Promise<Key> => {
    const key = isLabel(id) ? await keys.find(id) : undefined;
    if (key) return key;
    throw new Problem(
      "no-key",
      `Cannot find key '${id.slice(0, 200)}': GET /v1/keys lists all keys`,
    );
  };
  // This process applies the change now, the others within seconds.
  const apply = () => snapshot.refresh().catch(() => {});

  return new Hono()
    .get("/keys", async (c) => {
      const { limit = 100, cursor = "" } = parseQuery(KeysQuery, c.req.queries());
      const page = await keys.list({ after: cursor, limit: limit + 1 });
      const shown = page.slice(0, limit);
      const next = page.length > limit ? shown.at(-1)!.id : null;
      return c.json({ keys: shown.map(keyBody), next }, 200, NO_STORE);
    })
    .get("/keys/:key", async (c) => {
      readQuery(c.req.queries(), []);
      return c.json(keyBody(await find(c.req.param("key"))), 200, NO_STORE);
    })
    .post("/keys", async (c) => {
      const caller = callerOf(c);
      const key = newKey(readKeyBody(KeyBody, await bodyOf(c)), caller, clock.now());
      const token = mintToken();
      const { name, scopes, tasks, queues } = key;
      await trail.begin(c, { target: token.id, filter: { name, scopes, tasks, queues } });
      const created = await keys.create(token, key);
      await apply();
      return c.json({ ...keyBody(created), token: token.text }, 201, {
        ...NO_STORE,
        location: `/v1/keys/${token.id}`,
      });
    })
    .post("/keys/:key/rotate", async (c) => {
      const caller = callerOf(c);
      const { grace = GRACE, expires_in } = readKeyBody(RotationBody, await bodyOf(c));
      const old = await find(c.req.param("key"));
      const expiresAt = expiryOf(expires_in, caller.rights, clock.now());
      requireCover(caller, { ...old, expiresAt }, "rotate the key");
      const token = mintToken();
      await trail.begin(c, { target: old.id, filter: { successor: token.id, grace } });
      const created = await keys.rotate(old.id, { token, grace, by: caller.id, expiresAt });
      if (!created) throw ended(old);
      await apply();
      return c.json({ ...keyBody(created), token: token.text }, 201, {
        ...NO_STORE,
        location: `/v1/keys/${token.id}`,
      });
    })
    .delete("/keys/:key", async (c) => {
      const caller = callerOf(c);
      readQuery(c.req.queries(), []);
      const key = await find(c.req.param("key"));
      // The own expiry does not matter: to end a key early is no right.
      requireCover(caller, { ...key, expiresAt: caller.rights.expiresAt }, "revoke a key");
      await trail.begin(c, { target: key.id });
      const revoked = await keys.revoke(key.id, caller.id);
      await apply();
      return c.json(keyBody(revoked ?? key), 200, NO_STORE);
    });
}

async function bodyOf(c: Context): Promise<unknown> {
  readQuery(c.req.queries(), []);
  const text = await readJsonText(c.req.raw, DEFAULT_BODY_LIMIT);
  return text === undefined ? {} : parseStrict(text);
}

function ended({ id, successor, revokedAt }: Key): Problem {
  const reason = revokedAt
    ? "it was revoked"
    : successor
    ? `it was rotated to '${successor}'`
    : "it has expired";
  return new Problem(
    "key-ended",
    `Cannot rotate key '${id}' because ${reason}: rotate its successor, or create a key`,
  );
}
