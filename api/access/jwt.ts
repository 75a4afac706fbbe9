/** Verifies JWTs of an OpenID Connect issuer, such as projected service-account tokens of Kubernetes. */
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import { CeleriacError, Unavailable } from "../../shared/errors.ts";
import { isLoopback } from "../middleware/hosts.ts";
import { Caller } from "./caller.ts";
import { type JwtGrant, rightsOf } from "./jwt_grants.ts";

/** Signature algorithms: only asymmetric ones, so that nobody can sign with a public key as the secret. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];

/** Seconds that clocks may differ. */
const CLOCK_TOLERANCE = 30;

/** Milliseconds to wait for the issuer. */
const TIMEOUT_MS = 3000;

/** Default of `pauseMs`. */
const PAUSE_MS = 2000;

/** Maximum bytes of a response of the issuer. */
const RESPONSE_LIMIT = 1024 * 1024;

/** Maximum characters of a subject: it is the caller's id in the audit log. */
const SUBJECT_MAX = 255;

/** Options of a {@linkcode JwtVerifier}. */
export interface JwtOptions {
  /** Value of `iss`. */
  readonly issuer: string;
  /** Value that `aud` must contain. */
  readonly audience: string;
  readonly grants: readonly JwtGrant[];
  /** URL of the JSON Web Key Set. Default: read from `ISSUER/.well-known/openid-configuration`. */
  readonly jwks?: string;
  /** Sends the requests to the issuer. Default `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Milliseconds without another request to the issuer after a failed one: anyone can send a token that needs one. Default 2,000. */
  readonly pauseMs?: number;
}

/** A JWT that gives no access, with the reason. */
export class JwtRefused extends CeleriacError {}

/** Verifies JWTs. Reads the keys of the issuer when it needs them, and again when a token names an unknown key. */
export class JwtVerifier {
  readonly #options: JwtOptions;
  readonly #send: (url: string, init: RequestInit) => Promise<Response>;
  #key: Promise<JWTVerifyGetKey> | undefined;
  #failure: { readonly error: unknown; readonly until: number } | undefined;

  constructor(options: JwtOptions) {
    this.#options = options;
    this.#send = (url, init) => this.#request(url, init);
  }

  /** Whether a bearer looks like a JWT. */
  static recognizes(bearer: string): boolean {
    return /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(bearer);
  }

  /** Verifies signature, issuer, audience and times, and finds the rights of the claims.
   *
   * @throws {JwtRefused} when the token is invalid, or no grant matches
   * @throws {Unavailable} when the keys of the issuer cannot be read */
  async verify(bearer: string): Promise<Caller> {
    const { issuer, audience, grants } = this.#options;
    const key = await this.#issuerKey();
    const { payload } = await jwtVerify(bearer, key, {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE,
      requiredClaims: ["exp", "sub"],
    }).catch((error) => {
      throw toRefusal(error, issuer);
    });
    if (!isPlain(payload.sub!)) throw new JwtRefused("its claim 'sub' is invalid");
    const rights = rightsOf(payload, grants);
    if (!rights) {
      throw new JwtRefused(`no entry of CELERIAC_JWT_GRANTS matches its subject '${payload.sub}'`);
    }
    const expiresAt = new Date(payload.exp! * 1000);
    return new Caller(`jwt:${payload.sub}`, payload.sub!, { ...rights, expiresAt });
  }

  /** Requests that need the address of the keys share one search for it. */
  #issuerKey(): Promise<JWTVerifyGetKey> {
    return this.#key ??= this.#remoteKey().catch((error) => {
      this.#key = undefined;
      throw error;
    });
  }

  async #remoteKey(): Promise<JWTVerifyGetKey> {
    const { issuer, jwks } = this.#options;
    const url = jwks ?? await discover(issuer, this.#send);
    return createRemoteJWKSet(new URL(url), {
      timeoutDuration: TIMEOUT_MS,
      [customFetch]: this.#send,
    });
  }

  /** Sends a request to the issuer, unless the last one has just failed. */
  async #request(url: string, init: RequestInit): Promise<Response> {
    const { fetch: send = fetch, pauseMs = PAUSE_MS } = this.#options;
    if (this.#failure && performance.now() < this.#failure.until) throw this.#failure.error;
    try {
      const response = await send(url, { ...init, redirect: "error" });
      const bytes = await readAtMost(response, RESPONSE_LIMIT);
      if (!response.ok) throw new TypeError(`${url} answered ${response.status}`);
      this.#failure = undefined;
      return new Response(bytes, response);
    } catch (error) {
      this.#failure = { error, until: performance.now() + pauseMs };
      throw error;
    }
  }
}

/** @throws {TypeError} when the body is longer */
async function readAtMost(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > limit) throw new TypeError(`the response is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

/** Whether a subject can be stored and shown. */
function isPlain(subject: string): boolean {
  return subject.length <= SUBJECT_MAX && !/\p{Cc}|\p{Cs}/u.test(subject);
}

/** Whether nobody on the network can change what a URL returns. */
export function isEncrypted(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || isLoopback(hostname);
}

/** The `jwks_uri` of an issuer (OpenID Connect Discovery 1.0, section 4). */
async function discover(
  issuer: string,
  send: NonNullable<JwtOptions["fetch"]>,
): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  try {
    const response = await send(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const { issuer: named, jwks_uri: found } = await response.json();
    if (named !== issuer || typeof found !== "string") {
      throw new Error(`it describes issuer '${named}'`);
    }
    if (!isEncrypted(found)) throw new Error("its jwks_uri is not https");
    return found;
  } catch (cause) {
    throw new Unavailable(
      `Cannot verify the JWT because ${url} is not usable (${
        (cause as Error).message
      }): correct CELERIAC_JWT_ISSUER, or set CELERIAC_JWT_JWKS`,
      { cause },
    );
  }
}

function toRefusal(error: unknown, issuer: string): Error {
  if (error instanceof errors.JWTExpired) return new JwtRefused("it has expired");
  if (error instanceof errors.JWKSNoMatchingKey) {
    return new JwtRefused(`no key of ${issuer} signed it`);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new JwtRefused(`its claim '${error.claim}' is invalid`);
  }
  const unreachable = error instanceof errors.JWKSTimeout || error instanceof TypeError ||
    (error instanceof errors.JOSEError && error.code === "ERR_JOSE_GENERIC");
  if (!unreachable && error instanceof errors.JOSEError) {
    return new JwtRefused("its signature or format is invalid");
  }
  return new Unavailable(
    `Cannot verify the JWT because the keys of ${issuer} cannot be read: try again later`,
    { cause: error },
  );
}
