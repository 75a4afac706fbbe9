/** `GET /v1/events/types`: contracts of events. */
import type { Handler } from "hono";
import { z } from "zod";
import type { EventContract } from "../../shared/events/event_contract.ts";
import type { EventContracts } from "../../shared/events/event_contracts.ts";
import { readQuery } from "../http/query.ts";

/** Serves the types that the app defines, with JSON Schemas of their data and attributes. */
export function eventTypes(
  { contracts, open }: { contracts: EventContracts; open: boolean },
): Handler {
  let types: object[] | undefined;
  return (c) => {
    readQuery(c.req.queries(), []);
    types ??= Array.from(contracts, typeBody).sort((a, b) => a.type < b.type ? -1 : 1);
    return c.json({ open, types });
  };
}

function typeBody({ type, summary, data, attributes, example }: EventContract) {
  return {
    type,
    summary: summary ?? null,
    data: data ? schemaOf(data) : {},
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([name, schema]) => [name, schemaOf(schema)]),
    ),
    required: Object.entries(attributes).flatMap(([name, schema]) =>
      schema.safeParse(undefined).success ? [] : [name]
    ),
    example: example ?? null,
  };
}

function schemaOf(schema: z.ZodType): object {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return json;
}
