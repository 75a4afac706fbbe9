import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type BrokerUser,
  brokerUsers,
  projectUser,
  selectUsers,
} from "../../../../cli/rabbitmq/users.ts";
import { ConfigurationError } from "../../../../shared/errors.ts";

function may(user: BrokerUser | undefined, right: "configure" | "write" | "read", name: string) {
  return new RegExp(user?.permission[right] ?? "^$").test(name);
}

Deno.test("brokerUsers() names users by role, under a prefix", () => {
  assertEquals(brokerUsers().map(({ name }) => name), [
    "celeriac-admin",
    "celeriac-api",
    "celeriac-worker",
    "celeriac-beat",
    "celeriac-dead",
    "celeriac-monitor",
    "celeriac-keda",
    "celeriac-python",
    "celeriac-django",
    "celeriac-flower",
    "celeriac-events",
  ]);
  assertEquals(brokerUsers({ prefix: "shop_" })[1]?.name, "shop_api");
});

Deno.test("brokerUsers() creates one administrator for a new broker", () => {
  const administrators = brokerUsers().filter(({ tags }) => tags.includes("administrator"));
  assertEquals(administrators.map(({ role }) => role), ["admin"]);
});

Deno.test("brokerUsers() anchors every pattern except the administrator's", () => {
  for (const { role, permission, topics } of brokerUsers()) {
    if (role === "admin") continue;
    for (const pattern of [permission, ...topics].flatMap(({ write, read }) => [write, read])) {
      assert(/^\^.*\$$/.test(pattern), `${role}: ${pattern}`);
      assert(!/\|.*\|/.test(pattern) || pattern.startsWith("^("), `${role}: ${pattern}`);
    }
  }
});

Deno.test("brokerUsers() grants access to the named foreign queues, with escaped names", () => {
  const users = brokerUsers({ foreignQueues: ["e.mails", "a+b"] });
  const api = users.find(({ role }) => role === "api");
  const django = users.find(({ role }) => role === "django");
  assert(may(api, "write", "e.mails") && may(api, "write", "a+b"));
  assert(!may(api, "write", "eXmails") && !may(api, "write", "celery"));
  assert(may(django, "configure", "e.mails") && !may(django, "configure", "celery"));
});

Deno.test("brokerUsers() permits Celery's native delayed delivery: workers declare the queues, senders publish", () => {
  const of = (role: string) => brokerUsers().find((user) => user.role === role);
  for (const name of ["celery_delayed_27", "celery_delayed_0", "celery_delayed_delivery"]) {
    assert(may(of("python"), "configure", name) && may(of("python"), "read", name), name);
    assertEquals(may(of("django"), "write", name), name !== "celery_delayed_0", name);
    assert(!may(of("django"), "configure", name) && !may(of("worker"), "write", name), name);
  }
});

Deno.test("brokerUsers() grants no foreign queue by default", () => {
  const users = brokerUsers({ foreignQueues: [] });
  const django = users.find(({ role }) => role === "django");
  for (const name of ["", "celery"]) {
    assertEquals(may(django, "configure", name), name === "");
    assertEquals(may(django, "write", name), false);
  }
});

Deno.test("brokerUsers() lets other systems publish events, and receive them in queues of their own", () => {
  const of = (role: string) => brokerUsers().find((user) => user.role === role);
  const exchanges = ["type.event.celeriac", "every.event.celeriac", "match.event.celeriac"];
  const events = of("events");
  for (const right of ["configure", "write", "read"] as const) {
    assert(may(events, right, "sub.shop") && !may(events, right, "sub."), right);
    assert(may(events, right, "sub.celeriac") && !may(events, right, "sub.celeriac.w1"), right);
    for (
      const name of [
        "inbox.celeriac",
        "forward.celeriac",
        "celeriac",
        "celeriac.default",
        "amq.default",
        "sub",
      ]
    ) {
      assert(!may(events, right, name), `${right} ${name}`);
    }
  }
  for (const name of exchanges) {
    assert(may(events, "read", name), name);
    assert(!may(events, "configure", name) && !may(events, "write", name), name);
  }
  // A queue bound to the entry could hold up all publishers.
  assert(may(events, "write", "event.celeriac") && !may(events, "read", "event.celeriac"));
  for (const { role } of brokerUsers()) {
    assertEquals(may(of(role), "read", "event.celeriac"), role === "admin", role);
  }
  assert(may(events, "read", "log.celeriac") && !may(events, "write", "log.celeriac"));
  for (const role of ["api", "beat"]) assert(may(of(role), "write", "event.celeriac"), role);
  assert(!may(of("worker"), "write", "event.celeriac"));
  for (const { role } of brokerUsers()) {
    for (const queue of ["inbox.celeriac", "forward.celeriac"]) {
      assertEquals(may(of(role), "read", queue), ["admin", "beat"].includes(role), role);
    }
  }
});

Deno.test("projectUser() grants the vhost except Celeriac's objects", () => {
  const shop = projectUser("shop", ["management"]);
  assertEquals([shop.name, shop.role, shop.tags], ["shop", "project", ["management"]]);
  for (const name of ["celery", "celeriacs", "celeryev", "x.celeriac.default", "amq.default"]) {
    assert(may(shop, "configure", name) && may(shop, "write", name), name);
  }
  const ours = [
    ...["celeriac", "celeriac.default", "dlx.celeriac", "match.celeriac", "event.celeriac"],
    ...["every.event.celeriac", "match.event.celeriac", "inbox.celeriac", "log.celeriac"],
    ...["type.event.celeriac", "forward.celeriac"],
  ];
  for (const name of ours) {
    assert(!may(shop, "configure", name) && !may(shop, "read", name), name);
    const entry = ["celeriac", "match.celeriac", "event.celeriac"].includes(name);
    assertEquals(may(shop, "write", name), entry, name);
  }
});

Deno.test("selectUsers() selects the named roles", () => {
  const chosen = selectUsers(brokerUsers(), ["worker", "api"]);
  assertEquals(chosen.map(({ role }) => role), ["api", "worker"]);
  assertEquals(selectUsers(brokerUsers(), []), []);
});

Deno.test("selectUsers() suggests the closest role", () => {
  const error = assertThrows(() => selectUsers(brokerUsers(), ["wroker"]), ConfigurationError);
  assert(error.message.endsWith("did you mean 'worker'?"), error.message);
  assertThrows(() => selectUsers(brokerUsers(), ["x"]), ConfigurationError, "choose from admin");
});
