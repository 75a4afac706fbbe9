import { assertEquals } from "@std/assert";
import { permissionFlags } from "../../../cli/permissions.ts";
import { loadConfig } from "../../../shared/config.ts";
import type { Role } from "../../../shared/settings.ts";

function net(role: Role, variables: Record<string, string>): string[] {
  const config = loadConfig(role, { flags: {}, env: (name) => variables[name] });
  const flag = permissionFlags(role, config).find((one) => one.startsWith("--allow-net="));
  return flag?.slice("--allow-net=".length).split(",") ?? [];
}

Deno.test("permissionFlags() lets a worker reach its servers and what inline handlers connect to", () => {
  const variables = {
    HOST: "0.0.0.0",
    HEALTH_PORT: "9000",
    AMQP_URL: "amqps://u:p@rabbit/shop",
    DATABASE_URL: "postgres://u:p@db/shop",
    CELERIAC_INLINE_NET: "api.example.com:443, [::1]:80",
  };
  assertEquals(net("worker", variables), [
    "0.0.0.0:9000",
    "rabbit:5671",
    "db:5432",
    "api.example.com:443",
    "[::1]:80",
  ]);
  assertEquals(net("beat", variables), ["0.0.0.0:9000", "rabbit:5671", "db:5432"]);
});

Deno.test("permissionFlags() lets an API listen for probes beside its callers, if it is to", () => {
  const servers = ["127.0.0.1:5672", "127.0.0.1:5432"];
  assertEquals(net("api", { HEALTH_PORT: "9000" }), [
    "127.0.0.1:8000",
    "127.0.0.1:9000",
    ...servers,
  ]);
  assertEquals(net("api", {}), ["127.0.0.1:8000", ...servers]);
});

Deno.test("permissionFlags() lets definitions reach the management API on the port that its URL means", () => {
  const at = (url: string) => net("definitions", { MANAGEMENT_URL: url });
  assertEquals(at("https://u:p@rabbit.example.com"), ["rabbit.example.com:443"]);
  assertEquals(at("http://u:p@rabbit.example.com"), ["rabbit.example.com:80"]);
  assertEquals(at("http://u:p@rabbit:15672"), ["rabbit:15672"]);
});
