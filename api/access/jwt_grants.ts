/** Rights of JWTs: which claims give which scopes. */
import { z } from "zod";
import { ConfigurationError } from "../../shared/errors.ts";
import type { Rights } from "./caller.ts";
import { matcher } from "./pattern.ts";
import { GRANTABLE } from "./scopes.ts";

/** Patterns of claims and the rights that a matching JWT gets. */
const Grant = z.strictObject({
  claims: z.record(z.string(), z.string().min(1)).refine(
    (claims) => Object.keys(claims).length > 0,
    "expected at least one claim: otherwise every token of the issuer gets the rights",
  ),
  scopes: z.array(z.enum(GRANTABLE)).min(1),
  tasks: z.array(z.string().min(1)).min(1).default(["*"]),
  queues: z.array(z.string().min(1)).min(1).default(["*"]),
  requests_per_minute: z.int().min(1).nullable().default(null),
});

/** One rule: rights for JWTs whose claims match. */
export type JwtGrant = z.output<typeof Grant>;

/** Reads the value of `CELERIAC_JWT_GRANTS`.
 *
 * @throws {ConfigurationError} naming the first invalid field
 *
 * @example
 * ```ts
 * import { readGrants } from "./jwt_grants.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const [grant] = readGrants('[{"claims": {"sub": "system:serviceaccount:shop:*"}, "scopes": ["tasks:submit"]}]');
 * assertEquals(grant?.tasks, ["*"]);
 * assertThrows(() => readGrants('[{"claims": {}, "scopes": ["*"]}]'), Error, "0.claims");
 * ```
 */
export function readGrants(text: string): readonly JwtGrant[] {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw refused("it is not JSON", cause);
  }
  const parsed = z.array(Grant).min(1).safeParse(given);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw refused(`${path.join(".") || "the list"}: ${message}`);
}

function refused(reason: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError(
    `Cannot use CELERIAC_JWT_GRANTS because ${reason}: write it as [{"claims": {"sub": "..."}, "scopes": ["tasks:submit"]}]`,
    { cause },
  );
}

/** The rights of a JWT: those of the first grant whose claims all match. A claim that is a list matches by one of its values.
 *
 * @returns `undefined` when none matches */
export function rightsOf(
  claims: Readonly<Record<string, unknown>>,
  grants: readonly JwtGrant[],
): Omit<Rights, "expiresAt"> | undefined {
  const grant = grants.find((one) =>
    Object.entries(one.claims).every(([name, pattern]) => {
      const matches = matcher([pattern]);
      const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
      const values = Array.isArray(value) ? value : [value];
      return values.some((text) => typeof text === "string" && matches(text));
    })
  );
  if (!grant) return undefined;
  const { scopes, tasks, queues, requests_per_minute: requestsPerMinute } = grant;
  return { scopes, tasks, queues, requestsPerMinute };
}
