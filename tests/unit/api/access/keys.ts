/** An API with keys in memory. */
import { ALL_RIGHTS, type Rights } from "../../../../api/access/caller.ts";
import { KeySnapshot } from "../../../../api/access/key_snapshot.ts";
import { type CheckedKey, KeyStore } from "../../../../api/access/key_store.ts";
import { AuditCounter } from "../../../../api/access/audit_counter.ts";
import { mintToken } from "../../../../api/access/token.ts";
import type {
  AccessDependencies,
  ApiDependencies,
  ApiSettings,
} from "../../../../api/dependencies.ts";
import { SYSTEM_CLOCK } from "../../../../shared/runtime/clock.ts";
import { DatabaseUnavailable } from "../../../../shared/errors.ts";
import { createFixture, type Fixture, MemoryAudit } from "../fixture.ts";

/** The operator's token of these tests. */
export const ROOT_TOKEN = "the-token-of-the-operator";

/** A key with its token. */
export interface TestKey {
  readonly key: CheckedKey;
  readonly token: string;
}

/** A valid key.
 *
 * @param changes fields that differ from a key with all rights */
export function testKey(changes: Partial<CheckedKey> = {}): TestKey {
  const { id, secretHash, text } = mintToken();
  const key = {
    id,
    name: "test",
    secretHash,
    ...ALL_RIGHTS,
    createdBy: "root",
    createdAt: new Date(),
    rotatedAt: null,
    successor: null,
    revokedAt: null,
    revokedBy: null,
    lastUsedAt: null,
    ...changes,
  };
  return { key, token: text };
}

/** Headers of a request with a token. */
export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

const nowhere = () => Promise.reject(new DatabaseUnavailable("Cannot reach the database"));

/** An API that requires authentication and accepts these keys. */
export async function keyedFixture(
  keys: readonly TestKey[],
  { settings = {}, access = {}, ...parts }:
    & Partial<Omit<ApiDependencies, "access" | "settings">>
    & {
      settings?: Partial<ApiSettings>;
      access?: Partial<AccessDependencies>;
    } = {},
): Promise<Fixture> {
  const store = {
    checked: () => Promise.resolve(keys.map(({ key }) => key)),
    touch: () => Promise.resolve(),
  };
  const audit = new MemoryAudit();
  const counter = new AuditCounter({ audit });
  const fixture = await createFixture({ token: ROOT_TOKEN, ...settings }, {
    access: {
      keys: new KeyStore({ database: { query: nowhere } }),
      snapshot: new KeySnapshot({ store, clock: SYSTEM_CLOCK }),
      audit,
      counter,
      ...access,
    },
    ...parts,
  });
  return { ...fixture, audit, counter };
}

/** An API and one key with these rights.
 *
 * @returns also a function that sends a request with the key */
export async function fixtureFor(rights: Partial<Rights>) {
  const { key, token } = testKey(rights);
  const fixture = await keyedFixture([{ key, token }]);
  const send = async (path: string, init: RequestInit = {}) =>
    await fixture.app.request(path, {
      ...init,
      headers: {
        ...(init.body === undefined ? {} : { "content-type": "application/json" }),
        ...init.headers,
        ...bearer(token),
      },
    });
  return { fixture, key, token, send };
}
