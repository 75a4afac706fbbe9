import { assert, assertEquals } from "@std/assert";
import { isReservedHeader, userHeaders, withoutTransport } from "../../../shared/celery/headers.ts";
import { CAPTURED_HEADERS } from "./messages.ts";

Deno.test("isReservedHeader() covers headers of the protocol, the broker and Celery's request", () => {
  const reserved = [
    ...Object.keys(CAPTURED_HEADERS),
    "compression",
    "meth",
    "called_directly",
    "delivery_info",
    "x-death",
    "x-delivery-count",
    "x-first-death-queue",
    "CC",
    "BCC",
    "bcc",
    "__proto__",
  ];
  for (const name of reserved) assert(isReservedHeader(name), name);
  for (const name of ["tenant", "x-tenant", "X-Own", "ccx", "traceparent", "periodic_task_name"]) {
    assert(!isReservedHeader(name), name);
  }
});

Deno.test("userHeaders() keeps headers that belong neither to the protocol nor to one delivery", () => {
  const headers = { ...CAPTURED_HEADERS, tenant: "a", "x-own": 1, "x-death": [], CC: ["q"] };
  assertEquals(userHeaders(headers), { tenant: "a", "x-own": 1 });
});

Deno.test("withoutTransport() returns a copy and keeps the original unchanged", () => {
  const headers = { ...CAPTURED_HEADERS, "x-last-death-reason": "expired", "x-death-count": 1 };
  assertEquals(withoutTransport(headers), { ...CAPTURED_HEADERS, "x-death-count": 1 });
  assertEquals(headers["x-last-death-reason"], "expired");
});
