import { assert, assertEquals } from "@std/assert";
import { describeDifference, diffDefinitions } from "../../../../cli/rabbitmq/difference.ts";
import type { Definitions } from "../../../../cli/rabbitmq/document.ts";
import { hashPassword } from "../../../../cli/rabbitmq/password.ts";
import { templateDefinitions } from "../../../../cli/rabbitmq/render.ts";
import { brokerUsers, selectUsers } from "../../../../cli/rabbitmq/users.ts";
import { topology } from "../../../../shared/broker/topology.ts";

const WANTED = templateDefinitions({
  topology: topology(["celeriac.default"]),
  users: selectUsers(brokerUsers(), ["worker"]),
});

const NOTHING: Definitions = {
  users: [],
  vhosts: [],
  permissions: [],
  topic_permissions: [],
  policies: [],
  exchanges: [],
  queues: [],
  bindings: [],
};

/** Lines of a comparison with what a change makes of the wanted. */
function lines(change: (actual: Definitions) => void): string[] {
  const actual = structuredClone(WANTED);
  change(actual);
  return diffDefinitions(WANTED, actual).map(describeDifference);
}

Deno.test("diffDefinitions() finds no difference in equal definitions", () => {
  assertEquals(lines(() => {}), []);
});

Deno.test("diffDefinitions() ignores the order of rows and tags, and a vhost's metadata", () => {
  const tagged = structuredClone(WANTED);
  tagged.users[0]!.tags = ["management", "policymaker"];
  const actual = structuredClone(tagged);
  actual.users[0]!.tags.reverse();
  for (const rows of Object.values(actual)) rows.reverse();
  actual.vhosts = [{ name: "celeriac", metadata: { default_queue_type: "classic" } }];
  assertEquals(diffDefinitions(tagged, actual), []);
});

Deno.test("diffDefinitions() names everything that an empty broker lacks", () => {
  assertEquals(diffDefinitions(WANTED, NOTHING).map(describeDifference), [
    "missing: user 'celeriac-worker'",
    "missing: vhost 'celeriac'",
    "missing: permission of user 'celeriac-worker' in vhost 'celeriac'",
    "missing: topic permission of user 'celeriac-worker' on exchange 'celeryev' in vhost 'celeriac'",
    "missing: policy 'celeriac-tasks' in vhost 'celeriac'",
    "missing: policy 'celeriac-dead' in vhost 'celeriac'",
    "missing: policy 'celeriac-inbox' in vhost 'celeriac'",
    "missing: policy 'celeriac-forward' in vhost 'celeriac'",
    "missing: policy 'celeriac-subscribers' in vhost 'celeriac'",
    "missing: exchange 'celeriac' in vhost 'celeriac'",
    "missing: exchange 'match.celeriac' in vhost 'celeriac'",
    "missing: exchange 'dlx.celeriac' in vhost 'celeriac'",
    "missing: exchange 'celeryev' in vhost 'celeriac'",
    "missing: exchange 'celery.pidbox' in vhost 'celeriac'",
    "missing: exchange 'reply.celery.pidbox' in vhost 'celeriac'",
    "missing: exchange 'celery_delayed_delivery' in vhost 'celeriac'",
    "missing: exchange 'event.celeriac' in vhost 'celeriac'",
    "missing: exchange 'type.event.celeriac' in vhost 'celeriac'",
    "missing: exchange 'every.event.celeriac' in vhost 'celeriac'",
    "missing: exchange 'match.event.celeriac' in vhost 'celeriac'",
    "missing: queue 'celeriac.default' in vhost 'celeriac'",
    "missing: queue 'celeriac.dead' in vhost 'celeriac'",
    "missing: queue 'inbox.celeriac' in vhost 'celeriac'",
    "missing: queue 'forward.celeriac' in vhost 'celeriac'",
    "missing: binding of queue 'celeriac.default' to exchange 'celeriac' in vhost 'celeriac' (key 'celeriac.default')",
    `missing: binding of queue 'celeriac.default' to exchange 'match.celeriac' in vhost 'celeriac' (key '', arguments {"celeriac-queue":"celeriac.default","x-match":"all"})`,
    "missing: binding of queue 'celeriac.default' to exchange 'celery_delayed_delivery' in vhost 'celeriac' (key '#.celeriac.default')",
    "missing: binding of queue 'celeriac.dead' to exchange 'dlx.celeriac' in vhost 'celeriac' (key '')",
    "missing: binding of queue 'inbox.celeriac' to exchange 'event.celeriac' in vhost 'celeriac' (key '#')",
    "missing: binding of queue 'forward.celeriac' to exchange 'event.celeriac' in vhost 'celeriac' (key '#')",
    "missing: binding of exchange 'every.event.celeriac' to exchange 'type.event.celeriac' in vhost 'celeriac' (key '#')",
    "missing: binding of exchange 'match.event.celeriac' to exchange 'type.event.celeriac' in vhost 'celeriac' (key '#')",
  ]);
});

Deno.test("diffDefinitions() names the difference and the expected value", () => {
  assertEquals(
    lines((actual) => {
      actual.users[0]!.tags = ["administrator"];
      actual.permissions[0]!.configure = ".*";
      actual.policies[0]!.priority = 1;
      delete actual.policies[0]!.definition["overflow"];
      actual.exchanges[0]!.type = "topic";
      actual.queues[0]!.arguments = { "x-max-length": 10 };
    }),
    [
      `different: user 'celeriac-worker' (tags is ["administrator"], wanted [])`,
      String
        .raw`different: permission of user 'celeriac-worker' in vhost 'celeriac' (configure is ".*", wanted "^((.+\\.)?celery\\.pidbox|sub\\.celeriac\\..+)$")`,
      `different: policy 'celeriac-tasks' in vhost 'celeriac' (priority is 1, wanted 100; overflow is absent, wanted "reject-publish")`,
      `different: exchange 'celeriac' in vhost 'celeriac' (type is "topic", wanted "direct")`,
      `different: queue 'celeriac.default' in vhost 'celeriac' (x-queue-type is absent, wanted "quorum"; x-max-length is 10, wanted absent)`,
    ],
  );
});

Deno.test("diffDefinitions() compares passwords and shows none", async () => {
  const [old, fresh] = [await hashPassword("a"), await hashPassword("b")];
  const wanted = { ...NOTHING, users: [{ name: "u", tags: [], ...fresh }] };
  const stored = { ...NOTHING, users: [{ name: "u", tags: [], ...old }] };
  const blank = { ...NOTHING, users: [{ name: "u", tags: [] }] };

  for (const actual of [stored, blank]) {
    const differences = diffDefinitions(wanted, actual);
    assertEquals(differences.map(describeDifference), [
      "different: user 'u' (password is another)",
    ]);
    assert(!JSON.stringify(differences).includes(fresh.password_hash));
  }
  assertEquals(diffDefinitions(blank, stored), []);
  assertEquals(diffDefinitions(wanted, structuredClone(wanted)), []);
});

Deno.test("diffDefinitions() reports undefined objects with Celeriac's names, permissions and policies", () => {
  assertEquals(
    lines((actual) => {
      const vhost = "celeriac";
      const made = { durable: true, auto_delete: false, arguments: {} };
      actual.queues.push({ vhost, name: "celeriac.old", ...made });
      actual.queues.push({ vhost, name: "celery", ...made });
      actual.exchanges.push({ vhost, name: "celery", type: "direct", internal: false, ...made });
      const binding = { vhost, destination_type: "queue", routing_key: "x", arguments: {} };
      actual.bindings.push({ ...binding, source: "celery", destination: "celery" });
      actual.bindings.push({ ...binding, source: "celeriac", destination: "celeriac.default" });
      actual.permissions.push({ user: "guest", vhost, configure: "", write: "", read: "" });
      actual.policies.push({
        vhost,
        name: "all",
        pattern: "",
        "apply-to": "all",
        priority: 999,
        definition: {},
      });
      actual.users.push({ name: "guest", tags: [] });
    }),
    [
      "extra: binding of queue 'celeriac.default' to exchange 'celeriac' in vhost 'celeriac' (key 'x')",
      "extra: permission of user 'guest' in vhost 'celeriac'",
      "extra: policy 'all' in vhost 'celeriac'",
      "extra: queue 'celeriac.old' in vhost 'celeriac'",
    ],
  );
});
