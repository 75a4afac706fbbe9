/** Keys in requests and responses. */
import { z } from "zod";
import { ALL_RIGHTS, type Caller, type Rights } from "./caller.ts";
import type { Key, NewKey } from "./key_store.ts";
import { GRANTABLE } from "./scopes.ts";
import { strictRefusal } from "../http/strict_object.ts";
import { Problem } from "../http/problem.ts";

/** Default life of a key: 90 days in seconds. */
export const KEY_LIFE = 90 * 86_400;

/** Default seconds that a rotated key stays valid. */
export const GRACE = 86_400;

/** Maximum seconds of a life or a grace: 100 years. */
const SECONDS_MAX = 100 * 366 * 86_400;

const patterns = z.array(z.string().min(1).max(255)).min(1).max(100);
const life = z.number().positive().max(SECONDS_MAX).nullable().optional();

/** The body of a new key, also for the OpenAPI document. */
export const KeyBody = z.strictObject({
  name: z.string().min(1).max(200).describe("For people; need not be unique"),
  scopes: z.array(z.enum(GRANTABLE)).min(1).describe("Scopes, `GROUP:*`, or `*`"),
  tasks: patterns.optional()
    .describe("Patterns of task names, where `*` matches any text; default: those of the caller"),
  queues: patterns.optional().describe("Patterns of queues; default: those of the caller"),
  requests_per_minute: z.int().min(1).max(1_000_000).nullable().optional()
    .describe("Limit for each API process; default: that of the caller, null: none"),
  expires_in: life.describe(
    "Seconds until it expires; default 90 days or the expiry of the caller, null: never",
  ),
});

/** The body of a rotation, also for the OpenAPI document. */
export const RotationBody = z.strictObject({
  grace: z.number().min(0).max(SECONDS_MAX).optional()
    .describe("Seconds that the old key stays valid; default 1 day"),
  expires_in: life.describe("Seconds until the new key expires; as for a new key"),
});

/** Reads a body of keys.
 *
 * @throws {Problem} `invalid-input` naming every invalid field */
export function readKeyBody<Shape extends z.ZodObject>(
  schema: Shape,
  body: unknown,
): z.output<Shape> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw strictRefusal(parsed.error, {
    what: "the key",
    known: Object.keys(schema.shape),
    unknown: "unknown field",
  });
}

/** The key of a request. Missing fields get the limits of the caller.
 *
 * @throws {Problem} `forbidden` when it would have more rights than the caller */
export function newKey(
  given: z.output<typeof KeyBody>,
  caller: Caller,
  now: Date,
): NewKey {
  const own = caller.rights;
  const key = {
    name: given.name,
    scopes: given.scopes,
    tasks: given.tasks ?? own.tasks,
    queues: given.queues ?? own.queues,
    requestsPerMinute: given.requests_per_minute === undefined
      ? own.requestsPerMinute
      : given.requests_per_minute,
    expiresAt: expiryOf(given.expires_in, own, now),
    createdBy: caller.id,
  };
  requireCover(caller, key, "create a key");
  return key;
}

/** The time at which a key expires.
 *
 * @param seconds `null`: never; `undefined`: after 90 days, but not after its creator */
export function expiryOf(
  seconds: number | null | undefined,
  { expiresAt }: Pick<Rights, "expiresAt">,
  now: Date,
): Date | null {
  if (seconds === null) return null;
  const expiry = new Date(now.getTime() + (seconds ?? KEY_LIFE) * 1000);
  return seconds === undefined && expiresAt !== null && expiresAt < expiry ? expiresAt : expiry;
}

/** Checks that a caller has all rights of a key.
 *
 * @param act for the message, such as `rotate the key`
 * @throws {Problem} `forbidden` */
export function requireCover(caller: Caller, rights: Rights, act: string): void {
  if (caller.covers(rights)) return;
  const { expiresAt, requestsPerMinute } = ALL_RIGHTS;
  const wider = [
    ["scopes", { scopes: rights.scopes }],
    ["tasks", { tasks: rights.tasks }],
    ["queues", { queues: rights.queues }],
    ["expiry", { expiresAt: rights.expiresAt }],
    ["requests_per_minute", { requestsPerMinute: rights.requestsPerMinute }],
  ] as const;
  const own = { ...caller.rights, scopes: [], tasks: [], queues: [] };
  const [field = "rights"] = wider
    .filter(([, part]) =>
      !caller.covers({
        ...own,
        expiresAt: caller.rights.expiresAt ?? expiresAt,
        requestsPerMinute: caller.rights.requestsPerMinute ?? requestsPerMinute,
        ...part,
      })
    )
    .map(([name]) => name);
  throw new Problem(
    "forbidden",
    `Cannot ${act} with more rights than '${caller.name}' has: reduce its ${field}, or use a key that has them`,
  );
}

/** A key in a response, without its secret. */
export function keyBody(key: Key) {
  return {
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    tasks: key.tasks,
    queues: key.queues,
    requests_per_minute: key.requestsPerMinute,
    created_by: key.createdBy,
    created_at: key.createdAt,
    expires_at: key.expiresAt,
    rotated_at: key.rotatedAt,
    successor: key.successor,
    revoked_at: key.revokedAt,
    revoked_by: key.revokedBy,
    last_used_at: key.lastUsedAt,
  };
}
