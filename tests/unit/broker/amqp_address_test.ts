import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseAmqpUrl } from "../../../shared/broker/amqp_address.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

Deno.test("parseAmqpUrl() fills in what the URL leaves out", () => {
  assertEquals(parseAmqpUrl("amqp://rabbit"), {
    protocol: "amqp",
    hostname: "rabbit",
    port: 5672,
    username: "guest",
    password: "guest",
    vhost: "/",
    label: "rabbit:5672/",
  });
  const { port, hostname, label } = parseAmqpUrl("amqps://u:p@[::1]/v");
  assertEquals([port, hostname, label], [5671, "::1", "[::1]:5671/v"]);
});

Deno.test("parseAmqpUrl() decodes user, password and vhost", () => {
  const { username, password, vhost, heartbeat } = parseAmqpUrl(
    "amqp://a%40b:%C3%BC%25@h/%2Fx%2541?heartbeat=4",
  );
  assertEquals([username, password, vhost, heartbeat], ["a@b", "ü%", "/x%41", 4]);
  assertEquals(parseAmqpUrl("amqp://h/%2F").vhost, "/");
  assertEquals(parseAmqpUrl("amqp://user@h").password, "");
});

Deno.test("parseAmqpUrl() refuses what is no such URL, without its password", () => {
  for (
    const url of [
      "",
      "rabbit",
      "http://u:s3cret@h",
      "amqp://",
      "amqp://u:s3cret%@h",
      "amqp://u:s3cret@h?heartbeat=soon",
    ]
  ) {
    const error = assertThrows(() => parseAmqpUrl(url), ConfigurationError, "AMQP_URL");
    assert(!error.message.includes("s3cret"));
  }
});
