/** Builds access control from settings. */
import type { Config } from "../../shared/config/settings.ts";
import type { Database } from "../../shared/database/database.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AuditLog } from "./audit_log.ts";
import { isEncrypted, JwtVerifier } from "./jwt.ts";
import { readGrants } from "./jwt_grants.ts";
import { KeySnapshot } from "./key_snapshot.ts";
import { KeyStore } from "./key_store.ts";
import { AuditCounter } from "./audit_counter.ts";

/** Access control of one process; the caller starts and stops `snapshot` and `counter`. */
export interface Access {
  readonly keys: KeyStore;
  readonly snapshot: KeySnapshot;
  readonly audit: AuditLog;
  readonly counter: AuditCounter;
  readonly jwt?: JwtVerifier;
}

/** @throws {ConfigurationError} when the settings of JWTs are incomplete or invalid */
export function openAccess(
  config: Pick<Config, "jwtIssuer" | "jwtAudience" | "jwtGrants" | "jwtJwks">,
  { database, clock }: { database: Database; clock: Clock },
): Access {
  const keys = new KeyStore({ database });
  const audit = new AuditLog({ database });
  const jwt = verifierOf(config);
  return {
    keys,
    audit,
    snapshot: new KeySnapshot({ store: keys, clock }),
    counter: new AuditCounter({ audit }),
    ...(jwt && { jwt }),
  };
}

function verifierOf(
  { jwtIssuer, jwtAudience, jwtGrants, jwtJwks }: Parameters<typeof openAccess>[0],
): JwtVerifier | undefined {
  if (jwtIssuer === undefined) {
    if (jwtAudience === undefined && jwtGrants === undefined && jwtJwks === undefined) return;
    throw new ConfigurationError(
      "Cannot accept JWTs because CELERIAC_JWT_ISSUER is not set: set it, or remove the other CELERIAC_JWT_ settings",
    );
  }
  if (jwtAudience === undefined || jwtGrants === undefined) {
    const missing = jwtAudience === undefined ? "CELERIAC_JWT_AUDIENCE" : "CELERIAC_JWT_GRANTS";
    throw new ConfigurationError(
      `Cannot accept JWTs of ${jwtIssuer} because ${missing} is not set: set it, or remove CELERIAC_JWT_ISSUER`,
    );
  }
  for (const url of [jwtIssuer, jwtJwks]) {
    if (url !== undefined && !isEncrypted(url)) {
      throw new ConfigurationError(
        `Cannot accept JWTs with keys from ${url} because anyone on the way could replace the keys: use https`,
      );
    }
  }
  return new JwtVerifier({
    issuer: jwtIssuer,
    audience: jwtAudience,
    grants: readGrants(jwtGrants),
    ...(jwtJwks !== undefined && { jwks: jwtJwks }),
  });
}
