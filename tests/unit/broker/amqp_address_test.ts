import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseAmqpUrl, parseAmqpUrls } from "../../../shared/broker/amqp/address.ts";
import { explain } from "../../../shared/broker/amqp/reason.ts";
import { loadConfig } from "../../../shared/config/config.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

Deno.test("parseAmqpUrl() applies the defaults", () => {
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

Deno.test("parseAmqpUrl() rejects invalid URLs without repeating the password", () => {
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

Deno.test("parseAmqpUrls() parses the nodes of a cluster", () => {
  const addresses = parseAmqpUrls("amqp://u:p@a/v; amqps://u:p@[::1]:1/v ;amqp://c");
  assertEquals(addresses.map(({ label }) => label), ["a:5672/v", "[::1]:1/v", "c:5672/"]);
  assertThrows(() => parseAmqpUrls("amqp://u:p@a;"), ConfigurationError, "not of the form");
});

/** Invalid URLs, each with its password. */
const SLIPS = [
  "amqp://u:s3cr3t@a:1;amqp://u:s3cr3t@b:1",
  "amqp://u:s3cr3t@a:1/v;amqp://u:s3cr3t@b:1/v;",
  "amqp://u:s3cr3t@a:1/v,amqp://u:s3cr3t@b:1/v",
  "amqp://u:s3cr3t@a:1,b:1/v",
  "amqp://u:s3cr3t@[::1",
  "amqp://u:s3cr3t@::1:5672/v",
  "amqp://u:s3cr3t@[::1]:1/v",
  "amqp://u:s3cr3t%ZZ@h:1/v",
  "amqp://u:%73%33cr3t@h:1/v",
  "amqp://u:s3cr3t;x@h:1/v",
  "amqp://u:s3cr3t#x@h:1/v",
  "amqp://u:s3cr3t/x@h:1/v",
  "amqp://u:12/s3cr3t@h:1/v",
  "amqp://u:12?s3cr3t@h:1/v",
  "amqp://u:12#s3cr3t@h:1/v",
  "amqp://u:12@s3cr3t@h/x@y",
  "pyamqp://u:s3cr3t@h:1/v",
  "redis://:s3cr3t@h:1/0",
  "sqs://u:s3cr3t@",
  "https://u:s3cr3t@h",
  "amqp:u:s3cr3t@h",
  "amqp:/u:s3cr3t@h",
  "u:s3cr3t@h:1",
  "amqp://u:s3cr3t@h:99999/v",
  "amqp://u:s3cr3t@h:1/v?heartbeat=s3cr3t",
  "amqp://u:s3cr3t@no such host/v",
];

Deno.test("no error about AMQP_URL contains its password", () => {
  const refused = new Error(
    'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "x"',
  );
  const closed = new Error("Expected ConnectionOpenOk; got <ConnectionClose channel:0>");
  const said = (text: string): string => {
    try {
      const { amqpUrl } = loadConfig("worker", { flags: { amqpUrl: text }, env: () => undefined });
      return parseAmqpUrls(amqpUrl).flatMap((address) => {
        const { protocol, hostname, port, username, vhost, label } = address;
        const shown = [protocol, hostname, port, username, vhost, label];
        return [...shown, explain(refused, address), explain(closed, address)];
      }).join(" ");
    } catch (error) {
      if (error instanceof ConfigurationError) return error.message;
      throw error;
    }
  };
  for (const url of SLIPS) {
    assert(!/s3cr3t|\b12\b/.test(said(url)), `${url} => ${said(url)}`);
  }
});
