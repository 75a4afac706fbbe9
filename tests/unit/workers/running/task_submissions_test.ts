import { assertEquals, assertThrows } from "@std/assert";
import { InvalidInput } from "../../../../shared/errors.ts";
import { EventContracts } from "../../../../shared/events/event_contracts.ts";
import { defineEvent } from "../../../../shared/events/event_contract.ts";
import { TaskSubmissions } from "../../../../workers/running/task_submissions.ts";

const contracts = new EventContracts([defineEvent({ type: "orders.paid" })]);

Deno.test("TaskSubmissions.emit() limits the number and the bytes of a task's events", () => {
  const many = new TaskSubmissions({ id: "a", rootId: "a" });
  for (let index = 0; index < 1000; index++) many.emit({ type: "orders.paid" }, contracts);
  assertThrows(() => many.emit({ type: "orders.paid" }, contracts), InvalidInput, "emitted 1000");

  const large = new TaskSubmissions({ id: "a", rootId: "a" });
  const data = "x".repeat(1000 * 1024);
  for (let index = 0; index < 16; index++) large.emit({ type: "orders.paid", data }, contracts);
  assertThrows(() => large.emit({ type: "orders.paid", data }, contracts), InvalidInput, "bytes");
  assertEquals(large.events.length, 16);
  large.keepEvents(1);
  large.emit({ type: "orders.paid", data }, contracts);
  assertEquals(large.events.length, 2);
});
