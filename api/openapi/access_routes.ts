/** Operations of the OpenAPI document that are about keys and the audit log. */
import { GRACE, KeyBody, RotationBody } from "../access/key_body.ts";
import { AuditQuery } from "../routes/audit.ts";
import { KeysQuery } from "../routes/keys.ts";
import {
  documentSchemas,
  type JsonSchema,
  nullable,
  record,
  schemaRef,
  time,
} from "./json_schema.ts";
import {
  CHANGE_PROBLEMS,
  jsonAnswer,
  type Operation,
  problems,
  queryParameters,
} from "./routes.ts";
import { nextCursor } from "./schemas.ts";

const keyId = {
  name: "key",
  in: "path",
  required: true,
  schema: { type: "string", minLength: 1, maxLength: 200 },
};

const BODY_PROBLEMS = [...CHANGE_PROBLEMS, "forbidden"] as const;

/** Paths of keys and the audit log. */
export function accessPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/keys": {
      get: {
        operationId: "listKeys",
        tags: ["access"],
        summary: "List keys, oldest first",
        parameters: queryParameters(KeysQuery),
        responses: {
          200: jsonAnswer("One page", schemaRef("Keys")),
          ...problems("invalid-input", "unavailable"),
        },
      },
      post: {
        operationId: "createKey",
        tags: ["access"],
        summary: "Create a key",
        description:
          "It has at most the rights of the caller. Only this response contains the token.",
        requestBody: requestBody("NewKey", { name: "shop", scopes: ["tasks:submit"] }),
        responses: {
          201: jsonAnswer("The key", schemaRef("KeyWithToken")),
          ...problems(...BODY_PROBLEMS),
        },
      },
    },
    "/v1/keys/{key}": {
      get: {
        operationId: "readKey",
        tags: ["access"],
        summary: "Read a key",
        parameters: [keyId],
        responses: {
          200: jsonAnswer("The key", schemaRef("Key")),
          ...problems("no-key", "invalid-input", "unavailable"),
        },
      },
      delete: {
        operationId: "revokeKey",
        tags: ["access"],
        summary: "Revoke a key",
        description: "Idempotent. Every API process refuses it within 5 s.",
        parameters: [keyId],
        responses: {
          200: jsonAnswer("The revoked key", schemaRef("Key")),
          ...problems("no-key", "forbidden", "invalid-input", "unavailable", "outcome-unknown"),
        },
      },
    },
    "/v1/keys/{key}/rotate": {
      post: {
        operationId: "rotateKey",
        tags: ["access"],
        summary: "Replace a key by a new one with the same rights",
        description: `The old key stays valid for \`grace\` seconds (default ${GRACE}).`,
        parameters: [keyId],
        requestBody: { ...requestBody("Rotation", { grace: 3600 }), required: false },
        responses: {
          201: jsonAnswer("The successor", schemaRef("KeyWithToken")),
          ...problems("no-key", "key-ended", ...BODY_PROBLEMS),
        },
      },
    },
    "/v1/audit": {
      get: {
        operationId: "listAudit",
        tags: ["access"],
        summary: "List the audit log, newest first",
        description:
          "One entry for each call that changes something. Submissions are counted: one entry per caller, task and 10 s.",
        parameters: queryParameters(AuditQuery),
        responses: {
          200: jsonAnswer("One page", schemaRef("AuditEntries")),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
  };
}

function requestBody(schema: string, example: unknown): object {
  return {
    required: true,
    content: { "application/json": { schema: schemaRef(schema), example } },
  };
}

/** Schemas of keys and the audit log. */
export function accessSchemas(): Record<string, JsonSchema> {
  const texts = (description: string) => ({
    type: "array",
    items: { type: "string" },
    description,
  });
  const key = {
    id: { type: "string" },
    name: { type: "string" },
    scopes: texts("Scopes, `GROUP:*` or `*`"),
    tasks: texts("Patterns of task names"),
    queues: texts("Patterns of queues"),
    requests_per_minute: nullable("integer", "Limit for each API process; null: none"),
    created_by: { type: "string", description: "`root`, `open`, `key:ID` or `jwt:SUBJECT`" },
    created_at: { type: "string", format: "date-time" },
    expires_at: time("Expiry; null: never"),
    rotated_at: time("Time of the rotation"),
    successor: nullable("string", "Id of the key that replaces it"),
    revoked_at: time("Time of the revocation"),
    revoked_by: nullable("string", "Caller that revoked it"),
    last_used_at: time("Last use, within a minute"),
  };
  const token = { type: "string", description: "Shown once; only its hash is stored" };
  const entry = {
    id: { type: "string" },
    at: { type: "string", format: "date-time" },
    caller: { type: "string", description: "`root`, `open`, `key:ID` or `jwt:SUBJECT`" },
    caller_name: nullable("string", "Name of the key, or subject"),
    action: { type: "string", description: "Scope that the call required" },
    method: nullable("string", "HTTP method; null for counted submissions"),
    path: nullable("string", "Path of the request; null for counted submissions"),
    target: nullable("string", "Id or name of the changed thing; the task's name for submissions"),
    filter: { description: "Filter or values of the call; null when there are none" },
    count: nullable("integer", "Changed rows, or submitted tasks"),
    status: nullable("integer", "HTTP status; null for submissions and interrupted calls"),
    address: nullable("string", "Address of the TCP peer, which may be a proxy"),
    request_id: nullable("string", "`X-Request-Id`; null for counted submissions"),
  };
  return {
    ...documentSchemas("NewKey", KeyBody, "input"),
    ...documentSchemas("Rotation", RotationBody, "input"),
    Key: record(key),
    KeyWithToken: record({ ...key, token }),
    Keys: record({ keys: { type: "array", items: schemaRef("Key") }, next: nextCursor }),
    AuditEntry: record(entry),
    AuditEntries: record({
      entries: { type: "array", items: schemaRef("AuditEntry") },
      next: nextCursor,
    }),
  };
}
