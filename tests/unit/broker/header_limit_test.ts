import { Buffer } from "node:buffer";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FieldTable } from "../../../shared/broker/amqp/field_writer.ts";
import { checkHeaders } from "../../../shared/broker/header_limit.ts";
import type { Headers } from "../../../shared/broker/message.ts";
import { InvalidInput } from "../../../shared/errors.ts";

const passes = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};

Deno.test("checkHeaders() accepts what can be encoded within the limit, and nothing else", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary", maxLength: 60 }));
  const name = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.integer({ min: 80, max: 260 }).map((n) => "n".repeat(n)),
  );
  const value = fc.oneof(
    text,
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc.array(text, { maxLength: 3 }),
  );
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(
      fc.dictionary(name, value, { maxKeys: 5 }),
      fc.integer({ min: 4, max: 400 }),
      (headers, bytes) => {
        const encodes = passes(() =>
          new FieldTable(headers as Headers).write(Buffer.alloc(bytes), 0)
        );
        seen[encodes ? "accepted" : "refused"]++;
        assertEquals(passes(() => checkHeaders(headers as Headers, bytes)), encodes);
      },
    ),
    { numRuns: 1000 },
  );
  assert(seen.accepted > 100 && seen.refused > 100, JSON.stringify(seen));
});

Deno.test("checkHeaders() refuses a long name also among short texts", () => {
  assertThrows(() => checkHeaders({ ["n".repeat(256)]: "" }), InvalidInput, "too large");
});
