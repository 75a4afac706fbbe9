import { assertEquals } from "@std/assert";
import { passwordFrom } from "../../../shared/database/password_file.ts";

const login = { host: "db", port: 5432, database: "shop", user: "me" };

Deno.test("passwordFrom() uses the first matching line", () => {
  const text = "# *:*:*:*:comment\ndb:1:*:*:port\n\ndb:*:shop:me:first\n*:*:*:*:second\n";
  assertEquals(passwordFrom(text, login), "first");
  assertEquals(passwordFrom(text, { ...login, user: "you" }), "second");
  assertEquals(passwordFrom("db:5432:shop:you:x\nnonsense\n", login), undefined);
});

Deno.test("passwordFrom() supports escapes, sockets and Windows line endings", () => {
  assertEquals(passwordFrom("d\\:b:*:*:*:a\\\\b\\:c\r\n", { ...login, host: "d:b" }), "a\\b:c");
  assertEquals(passwordFrom("localhost:*:*:*:x", { ...login, host: "/run/postgresql" }), "x");
});
