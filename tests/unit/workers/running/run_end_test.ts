import { assertEquals, assertRejects } from "@std/assert";
import { RunEnd } from "../../../../workers/running/run_end.ts";

Deno.test("RunEnd resolves when the run is abandoned, before or after somebody waits", async () => {
  for (const before of [true, false]) {
    const end = new RunEnd();
    if (before) end.abandon();
    const { promise } = end;
    end.abandon();
    end.fail(new Error("later"));
    assertEquals(await promise, undefined);
  }
});

Deno.test("RunEnd rejects with the first error, before or after somebody waits", async () => {
  for (const before of [true, false]) {
    const end = new RunEnd();
    if (before) end.fail(new Error("first"));
    const { promise } = end;
    end.fail(new Error(before ? "second" : "first"));
    end.abandon();
    await assertRejects(() => promise, Error, "first");
  }
});

Deno.test("RunEnd leaves no rejected promise behind if nobody waits", async () => {
  new RunEnd().fail(new Error("nobody waits"));
  await new Promise((resolve) => setTimeout(resolve)); // an unhandled rejection would fail this test
});
