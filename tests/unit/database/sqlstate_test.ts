import { assertEquals } from "@std/assert";
import { isDataFault, isUnavailable } from "../../../shared/database/sqlstate.ts";
import { DatabaseRefused, DatabaseUnavailable } from "../../../shared/errors.ts";

Deno.test("isUnavailable() covers lost connections, starting, stopping and full servers, and replicas", () => {
  const away = ["08000", "08006", "53100", "53300", "57P01", "57P02", "57P03", "25006"];
  const there = ["22P02", "23505", "40P01", "42P01", "57014", "25P02", "00000"];
  assertEquals(away.filter((state) => !isUnavailable(state)), []);
  assertEquals(there.filter(isUnavailable), []);
});

Deno.test("isDataFault() is true only for errors caused by data", () => {
  const refused = (code: string) => new DatabaseRefused("refused", code);
  assertEquals(
    ["22P02", "22021", "23505", "54000", "54001"].filter((code) => !isDataFault(refused(code))),
    [],
  );
  assertEquals(
    ["40001", "40P01", "42P01", "42501", "57014"].filter((code) => isDataFault(refused(code))),
    [],
  );
  assertEquals(
    [new DatabaseUnavailable("away"), new Error("22P02"), undefined].filter(isDataFault),
    [],
  );
});
