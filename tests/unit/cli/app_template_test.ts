import { assertEquals } from "@std/assert";
import { appTemplate } from "../../../cli/init/app_template.ts";

Deno.test("appTemplate() links a checkout, but not a package from a registry", () => {
  const linksOf = (checkout?: string) => JSON.parse(appTemplate(checkout)["deno.json"]!).links;
  assertEquals(linksOf("../celeriac"), ["../celeriac"]);
  assertEquals(linksOf(), undefined);
});

Deno.test("appTemplate() has a task for every role", () => {
  const { tasks } = JSON.parse(appTemplate(undefined)["deno.json"]!);
  for (const role of ["dev", "api", "worker", "beat", "migrate", "call", "test"]) {
    assertEquals(typeof tasks[role], "string", role);
  }
});
