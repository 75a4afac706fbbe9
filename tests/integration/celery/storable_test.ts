/** Postgres can store the texts that the codec writes. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { encodeException, pythonRepr, traceback } from "../../../shared/celery/exception.ts";
import { parseJson, stringifyJson } from "../../../shared/celery/python_json.ts";
import { repr, reprArgs } from "../../../shared/celery/repr.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { InvalidInput } from "../../../shared/errors.ts";
import { freshDatabase } from "../../support/servers.ts";

const STORE = "select $1::text::json::text as json, $2::text[] as texts";

Deno.test("Postgres stores the codec's texts unchanged", async () => {
  await using fresh = await freshDatabase();
  await using database = new PostgresDatabase({ url: fresh.url });
  await database.start();
  const odd = fc.constantFrom("\0", "\ud800", "\udfffx", "\\u0000", "'", "\u2028", "😀");
  const leaf = fc.oneof(
    odd,
    fc.anything({ withBigInt: true, withDate: true, withTypedArray: true }),
  );
  const value = fc.oneof(leaf, fc.array(leaf), fc.dictionary(odd, leaf));
  await fc.assert(fc.asyncProperty(value, fc.string({ unit: "binary" }), async (value, message) => {
    const error = new Error(`${message}\0\ud800`, { cause: value });
    const json = written(value);
    const texts = [
      repr(value),
      reprArgs([value, message]),
      pythonRepr(encodeException(error)),
      pythonRepr(encodeException(value)),
      traceback(error),
      written(encodeException(error)),
    ];
    const [row] = await database.query<{ json: string; texts: string[] }>(STORE, [json, texts]);
    assertEquals(row, { json, texts });
    assertEquals(written(parseJson(json)), json);
  }));
});

/** The JSON of a value, or undefined if it has none. */
function written(value: unknown): string {
  try {
    return stringifyJson(value);
  } catch (error) {
    if (error instanceof InvalidInput) return "null";
    throw error;
  }
}
