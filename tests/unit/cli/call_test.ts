import { assertEquals, assertThrows } from "@std/assert";
import { argumentsOf } from "../../../cli/commands/call.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

Deno.test("argumentsOf() reads JSON as JSON and the rest as text", () => {
  assertEquals(argumentsOf(["x=2", "who=me", "list=[1]", "eq=a=b", "no="]), {
    x: 2,
    who: "me",
    list: [1],
    eq: "a=b",
    no: "",
  });
  assertEquals(argumentsOf(['{"x": 2}']), { x: 2 });
});

Deno.test("argumentsOf() reads files as text and as base64", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "häh");
  assertEquals(argumentsOf([`t=@${file}`, `b=@base64:${file}`]), { t: "häh", b: "aMOkaA==" });
  await Deno.remove(file);
  assertThrows(() => argumentsOf([`t=@${file}`]), ConfigurationError, file);
});

Deno.test("argumentsOf() shows the valid notation for invalid arguments", () => {
  assertThrows(() => argumentsOf(["x"]), ConfigurationError, "KEY=VALUE");
  assertThrows(() => argumentsOf(["{x"]), ConfigurationError, "one JSON object");
});
