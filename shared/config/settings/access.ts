/** Settings of access control. */
import { z } from "zod";
import { list, seconds, setting, text, url } from "./setting.ts";

/** Settings of access control, besides the operator's token. Durations are seconds. */
export const ACCESS_SETTINGS = {
  jwtIssuer: setting({
    env: "CELERIAC_JWT_ISSUER",
    schema: url(/^https?$/, "https://issuer.example").optional(),
    defaultText: "none",
    value: "URL",
    roles: ["api"],
    help:
      "OpenID Connect issuer whose JWTs the API accepts as bearers; needs --jwt-audience and --jwt-grants",
  }),
  jwtAudience: setting({
    env: "CELERIAC_JWT_AUDIENCE",
    schema: text.optional(),
    defaultText: "none",
    value: "NAME",
    roles: ["api"],
    help: "audience that a JWT must name",
  }),
  jwtGrants: setting({
    env: "CELERIAC_JWT_GRANTS",
    schema: text.optional(),
    defaultText: "none",
    value: "JSON",
    roles: ["api"],
    help:
      'list of `{"claims": {"sub": PATTERN}, "scopes": [...]}`: the scopes of a JWT are those of the first entry whose claims match; `tasks`, `queues` and `requests_per_minute` limit it further',
  }),
  jwtJwks: setting({
    env: "CELERIAC_JWT_JWKS",
    schema: url(/^https?$/, "https://issuer.example/keys").optional(),
    defaultText: "from the issuer's /.well-known/openid-configuration",
    value: "URL",
    roles: ["api"],
    help: "JSON Web Key Set with the keys of the issuer",
  }),
  allowedOrigins: setting({
    env: "CELERIAC_ALLOWED_ORIGINS",
    schema: list.pipe(z.array(
      z.string().regex(
        /^https?:\/\/(\[[\da-f:.]+\]|[a-z\d.-]+)(:\d+)?$/,
        "expected comma-separated origins such as https://app.example, in lower case and without a path",
      ),
    )).default([]),
    defaultText: "none",
    value: "ORIGINS",
    roles: ["api", "dev"],
    help: "comma-separated origins of web pages that may call the API (CORS)",
  }),
  auditRetention: setting({
    env: "CELERIAC_AUDIT_RETENTION",
    schema: seconds({ min: 86_400 }).default(365 * 86_400),
    value: "SECONDS",
    roles: ["api", "dev"],
    help: "how long entries of the audit log are kept",
  }),
} as const;
