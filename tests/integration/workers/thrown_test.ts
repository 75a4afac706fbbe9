import { assertEquals } from "@std/assert";
import * as app from "../../app/handlers.ts";
import { house } from "../../support/house.ts";
import { UNREADABLE } from "../../support/unreadable.ts";

Deno.test("a value that cannot be read is one failure after one run, inline as in a child", async () => {
  await using home = await house([app.unreadableHandler, app.unreadableProcessHandler]);
  for (const what of Object.keys(UNREADABLE)) {
    const names = ["test.unreadable", "test.unreadable_process"];
    const ids = await Promise.all(names.map((name) => home.submit(name, { what })));
    const records = await Promise.all(ids.map((id) => home.final(id)));
    for (const { state, retries, deliveries } of records) {
      assertEquals({ what, state, retries, deliveries }, {
        what,
        state: "FAILURE",
        retries: 0,
        deliveries: 1,
      });
    }
    const [inline, child] = records;
    // A proxy that throws when it is read is text at the other end.
    if (!what.includes("proxy")) assertEquals(child!.exception, inline!.exception, what);
  }
});
