import { assertEquals } from "@std/assert";
import { chosenFaults, FAULTS } from "../../chaos/faults/all.ts";
import { failedFaults } from "../../chaos/second_try.ts";

const failure = (name: string) => ({ file: "./faults_test.ts", message: "no", name });

Deno.test("failedFaults() repeats the failed faults on the releases on which they failed", () => {
  const failed = [failure("on RabbitMQ 4.3"), failure("on RabbitMQ 4.3 > queue full")];
  assertEquals(failedFaults(failed), {
    flags: ["--filter=/^(?:on RabbitMQ 4\\.3)$/"],
    environment: { CELERIAC_CHAOS_FAULTS: "queue full" },
  });
});

Deno.test("failedFaults() repeats everything when no fault was reached", () => {
  assertEquals(failedFaults([failure("on RabbitMQ")])?.environment, {});
});

Deno.test("failedFaults() gives up when many faults failed", () => {
  const failed = ["a", "b", "c", "d"].map((fault) => failure(`on RabbitMQ > ${fault}`));
  assertEquals(failedFaults(failed), undefined);
});

Deno.test("chosenFaults() selects exactly one fault by its full name", () => {
  for (const { name } of FAULTS) {
    assertEquals(chosenFaults(name).map((fault) => fault.name), [name]);
  }
});

Deno.test("chosenFaults() selects by parts of names, or all", () => {
  const drained = chosenFaults("large outbox, rolling update").map(({ name }) => name);
  assertEquals(drained, ["rolling update of all workers under load", "large outbox drained"]);
  assertEquals(chosenFaults(""), FAULTS);
});
