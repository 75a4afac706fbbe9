import { assertEquals, assertThrows } from "@std/assert";
import { bindRemote, describeSilence } from "../../../cli/remote_control.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

const SIGNATURES = { ping: "", revoke: "task_id...", limit: "name hard#? soft#?", grow: "n#?" };

Deno.test("bindRemote() assigns arguments to names", () => {
  assertEquals(bindRemote("ping", [], SIGNATURES), {});
  assertEquals(bindRemote("revoke", ["a", "b"], SIGNATURES), { task_id: ["a", "b"] });
  assertEquals(bindRemote("limit", ["add", "2.5"], SIGNATURES), { name: "add", hard: 2.5 });
  assertEquals(bindRemote("grow", [], SIGNATURES), {});
});

Deno.test("bindRemote() rejects invalid arguments and shows the valid ones", () => {
  const cases: [string, string[], string][] = [
    ["ping", ["me"], "Cannot run 'ping' because its arguments are invalid: give ping"],
    ["revoke", [], "give revoke TASK_ID..."],
    ["limit", [], "give limit NAME [HARD] [SOFT]"],
    ["limit", ["add", "1", "2", "3"], "are invalid"],
    ["grow", ["much"], "Cannot use 'much' of n because it is not a number"],
  ];
  for (const [method, values, message] of cases) {
    assertThrows(() => bindRemote(method, values, SIGNATURES), ConfigurationError, message);
  }
});

Deno.test("describeSilence() names the silent nodes, those that answer, and what to do", () => {
  assertEquals(
    describeSilence("inspect", ["celeriac@web1"], ["celeriac@web-2", "celeriac@web-1"], 1000),
    "Cannot inspect 'celeriac@web1' because no answer came within 1 s: choose from the nodes that answer (celeriac@web-1, celeriac@web-2), or wait longer with --timeout",
  );
  assertEquals(
    describeSilence("control", [], [], 500),
    "Cannot control any node because no answer came within 0.5 s: start a worker on the broker and vhost of AMQP_URL, or wait longer with --timeout",
  );
});
