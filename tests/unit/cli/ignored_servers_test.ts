import { assertEquals } from "@std/assert";
import { ignoredServers } from "../../../cli/dev/ignored_servers.ts";

Deno.test("ignoredServers() names the variables that dev does not use, and how to use the servers", () => {
  assertEquals(ignoredServers(() => false), undefined);
  assertEquals(
    ignoredServers((name) => ["DATABASE_URL", "AMQP_URL_FILE"].includes(name)),
    "Warning: dev ignores AMQP_URL_FILE and DATABASE_URL. It uses a broker and a database of its own, in this process.\n" +
      "To use the servers: `deno task migrate`, then `deno task api`, `deno task worker` and `deno task beat`.",
  );
});
