import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { readGrants } from "../../../../api/access/jwt_grants.ts";
import { type JwtOptions, JwtRefused, JwtVerifier } from "../../../../api/access/jwt.ts";
import { openAccess } from "../../../../api/access/open_access.ts";
import { ConfigurationError, Unavailable } from "../../../../shared/errors.ts";
import { SYSTEM_CLOCK } from "../../../../shared/runtime/clock.ts";
import { bearer, keyedFixture } from "./keys.ts";

const ISSUER = "https://issuer.example";
const { privateKey, publicKey } = await generateKeyPair("ES256");
const stranger = await generateKeyPair("ES256");
const JWKS = { keys: [{ ...await exportJWK(publicKey), kid: "k1", alg: "ES256" }] };
const GRANTS = JSON.stringify([
  { claims: { sub: "system:serviceaccount:shop:*" }, scopes: ["tasks:submit"], tasks: ["text.*"] },
  { claims: { groups: "admins" }, scopes: ["*"] },
]);

/** Answers as the issuer. */
function issuer(urls: string[] = []) {
  return (url: string) => {
    urls.push(String(url));
    const body = String(url).endsWith("/openid-configuration")
      ? { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` }
      : JWKS;
    return Promise.resolve(Response.json(body));
  };
}

function verifier(
  fetch: (url: string) => Promise<Response> = issuer(),
  options: Partial<JwtOptions> = {},
) {
  return new JwtVerifier({
    issuer: ISSUER,
    audience: "celeriac",
    grants: readGrants(GRANTS),
    fetch,
    ...options,
  });
}

interface Signing {
  readonly claims?: JWTPayload;
  readonly key?: CryptoKey;
  readonly expires?: string;
}

function sign({ claims = {}, key = privateKey, expires = "10m" }: Signing = {}): Promise<string> {
  const all = { sub: "system:serviceaccount:shop:web", iss: ISSUER, aud: "celeriac", ...claims };
  return new SignJWT(all).setProtectedHeader({ alg: "ES256", kid: "k1" }).setExpirationTime(expires)
    .sign(key);
}

function without(claims: Record<string, undefined>): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const all = { sub: "system:serviceaccount:shop:web", iss: ISSUER, aud: "celeriac", exp };
  return new SignJWT({ ...all, ...claims } as JWTPayload)
    .setProtectedHeader({ alg: "ES256", kid: "k1" }).sign(privateKey);
}

Deno.test("JwtVerifier gives the rights of the first matching grant, and sends one request to the issuer", async () => {
  const urls: string[] = [];
  const jwt = verifier(issuer(urls));
  const web = await jwt.verify(await sign());
  assertEquals([web.id, web.rights.scopes, web.rights.tasks], [
    "jwt:system:serviceaccount:shop:web",
    ["tasks:submit"],
    ["text.*"],
  ]);
  const admin = await jwt.verify(await sign({ claims: { sub: "ada", groups: ["dev", "admins"] } }));
  assertEquals(admin.rights.scopes, ["*"]);
  assertEquals(urls, [`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/keys`]);
});

Deno.test("JwtVerifier refuses tokens of others, for others, without a grant, and expired ones", async () => {
  const jwt = verifier();
  const unsigned = `${
    new TextEncoder().encode('{"alg":"none"}').toBase64({ alphabet: "base64url" })
  }.e30.`;
  const cases: [token: Promise<string> | string, reason: string][] = [
    [sign({ key: stranger.privateKey }), "signature"],
    [sign({ claims: { iss: "https://other.example" } }), "'iss'"],
    [sign({ claims: { aud: "other" } }), "'aud'"],
    [sign({ claims: { sub: "system:serviceaccount:other:web" } }), "CELERIAC_JWT_GRANTS"],
    [sign({ expires: "-2m" }), "expired"],
    [sign({ claims: { nbf: Math.floor(Date.now() / 1000) + 300 } }), "'nbf'"],
    [without({ sub: undefined }), "'sub'"],
    [sign({ claims: { sub: "system:serviceaccount:shop:\u0000" } }), "'sub'"],
    [sign({ claims: { sub: `system:serviceaccount:shop:${"x".repeat(255)}` } }), "'sub'"],
    [without({ exp: undefined }), "'exp'"],
    [unsigned, ""],
    ["eyJ.a.b", ""],
  ];
  for (const [token, reason] of cases) {
    await assertRejects(async () => await jwt.verify(await token), JwtRefused, reason);
  }
});

Deno.test("JwtVerifier refuses a token that is signed with the public key as a shared secret", async () => {
  const secret = new TextEncoder().encode(JSON.stringify(JWKS.keys[0]));
  const token = await new SignJWT({ sub: "a", iss: ISSUER, aud: "celeriac" })
    .setProtectedHeader({ alg: "HS256", kid: "k1" }).setExpirationTime("10m").sign(secret);
  await assertRejects(() => verifier().verify(token), JwtRefused);
});

Deno.test("JwtVerifier reports an unreachable issuer as unavailable, and tries again later", async () => {
  let isAway = true;
  const answer = issuer();
  const send = (url: string) => isAway ? Promise.reject(new TypeError("refused")) : answer(url);
  const jwt = verifier(send, { pauseMs: 0 });
  await assertRejects(async () => await jwt.verify(await sign()), Unavailable, "issuer.example");
  isAway = false;
  assertEquals((await jwt.verify(await sign())).name, "system:serviceaccount:shop:web");
});

Deno.test("JwtVerifier reads keys over https only, also if the issuer names another URL", async () => {
  const requested: string[] = [];
  const jwt = verifier((url) => {
    requested.push(url);
    return Promise.resolve(Response.json({ issuer: ISSUER, jwks_uri: "http://keys.example/" }));
  });
  await assertRejects(async () => await jwt.verify(await sign()), Unavailable, "is not https");
  assertEquals(requested, [`${ISSUER}/.well-known/openid-configuration`]);
});

Deno.test("JwtVerifier sends few requests to the issuer, however many tokens arrive", async () => {
  const token = await sign();
  const unknown = await new SignJWT({ sub: "a", iss: ISSUER, aud: "celeriac" })
    .setProtectedHeader({ alg: "ES256", kid: "k2" }).setExpirationTime("10m").sign(privateKey);
  const urls: string[] = [];
  const jwt = verifier(issuer(urls));
  await Promise.all(Array.from({ length: 50 }, () => jwt.verify(token)));
  assertEquals(urls.length, 2);
  for (let index = 0; index < 50; index++) {
    await assertRejects(() => jwt.verify(unknown), JwtRefused, "no key of");
  }
  assertEquals(urls.length, 2);

  let attempts = 0;
  const away = verifier(() => {
    attempts++;
    return Promise.reject(new TypeError("refused"));
  });
  for (let index = 0; index < 50; index++) {
    await assertRejects(() => away.verify(token), Unavailable);
  }
  assertEquals(attempts, 1);
});

Deno.test("JwtVerifier reads at most 1 MiB from the issuer", async () => {
  let sent = 0;
  const jwt = verifier(() => {
    const body = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    return Promise.resolve(new Response(body));
  });
  await assertRejects(async () => await jwt.verify(await sign()), Unavailable, "longer than");
  assert(sent < 2 ** 21, `${sent}`);
});

Deno.test("the API accepts JWTs beside keys and the operator's token", async () => {
  await using fixture = await keyedFixture([], { access: { jwt: verifier() } });
  const post = async (task: string, token: string, kwargs = {}) => {
    const answer = await fixture.post(`/v1/tasks/${task}`, { kwargs }, bearer(token));
    await answer.body?.cancel();
    return answer.status;
  };
  const token = await sign();
  assertEquals(await post("text.shout", token, { text: "a" }), 202);
  assertEquals(await post("ping", token), 403);
  assertEquals(await post("text.shout", await sign({ key: stranger.privateKey })), 401);
});

Deno.test("openAccess() refuses incomplete and invalid settings of JWTs", () => {
  const parts = { database: undefined as never, clock: SYSTEM_CLOCK };
  const none: Parameters<typeof openAccess>[0] = {
    jwtIssuer: undefined,
    jwtAudience: undefined,
    jwtGrants: undefined,
    jwtJwks: undefined,
  };
  assertEquals(openAccess(none, parts).jwt, undefined);
  const full = { ...none, jwtIssuer: ISSUER, jwtAudience: "celeriac", jwtGrants: GRANTS };
  assertEquals(openAccess(full, parts).jwt instanceof JwtVerifier, true);
  assertEquals(openAccess({ ...full, jwtJwks: "http://[::1]:9/" }, parts).jwt !== undefined, true);
  const cases: [settings: Partial<typeof none>, reason: string][] = [
    [{ jwtAudience: undefined }, "CELERIAC_JWT_AUDIENCE is not set"],
    [{ jwtGrants: undefined }, "CELERIAC_JWT_GRANTS is not set"],
    [{ jwtIssuer: undefined }, "CELERIAC_JWT_ISSUER is not set"],
    [{ jwtIssuer: "http://issuer.example" }, "use https"],
    [{ jwtJwks: "http://127.0.0.1.example/keys" }, "use https"],
    [{ jwtGrants: "{" }, "it is not JSON"],
    [{ jwtGrants: "[]" }, "the list"],
    [{ jwtGrants: '[{"claims": {"sub": "a"}, "scopes": ["task:submit"]}]' }, "0.scopes.0"],
  ];
  for (const [settings, reason] of cases) {
    const act = () => openAccess({ ...full, ...settings }, parts);
    assertThrows(act, ConfigurationError, reason);
  }
});
