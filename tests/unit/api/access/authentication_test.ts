import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { KeySnapshot } from "../../../../api/access/key_snapshot.ts";
import type { CheckedKey } from "../../../../api/access/key_store.ts";
import { RateLimiter } from "../../../../api/access/rate_limit.ts";
import { mintToken, parseToken } from "../../../../api/access/token.ts";
import { DatabaseUnavailable } from "../../../../shared/errors.ts";
import { SYSTEM_CLOCK } from "../../../../shared/runtime/clock.ts";
import { createFixture } from "../fixture.ts";
import { bearer, keyedFixture, ROOT_TOKEN, testKey } from "./keys.ts";

const PAST = new Date(Date.now() - 1000);

Deno.test("mintToken() makes tokens of the documented form, each of which differs", () => {
  const tokens = Array.from({ length: 200 }, () => mintToken());
  for (const { id, text } of tokens) {
    assertEquals(/^celk_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}$/.test(text), true, text);
    assertEquals(parseToken(text)?.id, id);
  }
  assertEquals(new Set(tokens.map(({ id }) => id)).size, tokens.length);
});

Deno.test("parseToken() finds every wrong character", () => {
  const { text } = mintToken();
  for (let index = 0; index < text.length; index++) {
    const other = text[index] === "x" ? "y" : "x";
    const wrong = text.slice(0, index) + other + text.slice(index + 1);
    assertEquals(parseToken(wrong), undefined, `character ${index}`);
  }
  for (const wrong of ["", text.slice(1), text.slice(0, -1), `${text}x`, text.toUpperCase()]) {
    assertEquals(parseToken(wrong), undefined, wrong);
  }
});

Deno.test("a key authenticates until it is revoked, rotated out or expired", async () => {
  const valid = testKey();
  const other = testKey();
  const cases: [token: string, status: number, reason: string][] = [
    [valid.token, 200, ""],
    [ROOT_TOKEN, 200, ""],
    [testKey().token, 401, "its key is unknown"],
    [`${valid.token.slice(0, -1)}!`, 401, "its key is mistyped"],
    ["something-else", 401, "its token is not valid"],
    [other.token, 401, "was revoked"],
  ];
  const expired = testKey({ name: "old", expiresAt: PAST });
  const rotated = testKey({ name: "old", expiresAt: PAST, successor: valid.key.id });
  cases.push([expired.token, 401, "the key 'old' has expired"]);
  cases.push([rotated.token, 401, "the key 'old' was rotated"]);
  const keys = [valid, { ...other, key: { ...other.key, revokedAt: PAST } }, expired, rotated];
  await using fixture = await keyedFixture(keys);
  for (const [token, status, reason] of cases) {
    const answer = await fixture.app.request("/v1/tasks", { headers: bearer(token) });
    assertEquals(answer.status, status, token);
    assertStringIncludes(await answer.text(), reason);
  }
});

Deno.test("a key with the id of another key and a wrong secret is refused", async () => {
  const key = testKey();
  const stranger = testKey();
  const forged = { ...key.key, secretHash: stranger.key.secretHash };
  await using fixture = await keyedFixture([{ ...key, key: forged }]);
  const answer = await fixture.app.request("/v1/tasks", { headers: bearer(key.token) });
  assertEquals([answer.status, (await answer.json()).detail.includes("unknown")], [401, true]);
});

Deno.test("a token in the URL is refused, even if it is valid and sent twice", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  const paths = [
    `/v1/tasks?key=${key.token}`,
    `/v1/tasks/${key.token}`,
    `/v1/nowhere?a=1&x=${key.token}`,
    `/v1/tasks?access_token=${ROOT_TOKEN}`,
  ];
  for (const path of paths) {
    for (const headers of [{}, bearer(key.token)]) {
      const answer = await fixture.app.request(path, { headers });
      const text = await answer.text();
      assertEquals(answer.status, 401, path);
      assertStringIncludes(text, "its URL contains a token");
      assertEquals([text.includes(key.token), text.includes(ROOT_TOKEN)], [false, false]);
    }
  }
});

Deno.test("no credentials reach the log, also if the API fails", async () => {
  const records: LogRecord[] = [];
  await configure({
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], sinks: ["memory"], lowestLevel: "trace" }],
    reset: true,
  });
  try {
    const key = testKey();
    const fails = () => Promise.reject(new Error("the store fails"));
    await using fixture = await keyedFixture([key], {
      store: { find: fails, list: fails, revoke: fails, states: fails, summaries: fails },
    });
    const secret = key.token.slice(-38);
    const statuses = [];
    for (const token of [key.token, ROOT_TOKEN, `${key.token}x`]) {
      const basic = `Basic ${new TextEncoder().encode(`:${token}`).toBase64()}`;
      for (const authorization of [`Bearer ${token}`, basic]) {
        for (const path of ["/v1/tasks", "/v1/tasks/a", `/v1/tasks/a?key=${token}`]) {
          const answer = await fixture.app.request(path, { headers: { authorization } });
          assertEquals((await answer.text()).includes(secret), false, path);
          statuses.push(answer.status);
        }
      }
    }
    assert(statuses.includes(500) && statuses.includes(401), `${statuses}`);
    const text = Deno.inspect(records, { depth: 20, strAbbreviateSize: 1e6 });
    assert(text.includes("the store fails"));
    assertEquals([text.includes(secret), text.includes(ROOT_TOKEN)], [false, false]);
  } finally {
    await reset();
  }
});

Deno.test("a browser may read with a key as its password, and may not write", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  const authorization = `Basic ${new TextEncoder().encode(`:${key.token}`).toBase64()}`;
  const read = await fixture.app.request("/docs", { headers: { authorization } });
  await read.body?.cancel();
  const written = await fixture.post("/v1/tasks/ping", {}, { authorization });
  await written.body?.cancel();
  assertEquals([read.status, written.status], [200, 401]);
});

Deno.test("without authentication, a key limits its caller, and other tokens mean nothing", async () => {
  const key = testKey({ scopes: ["metrics:read"] });
  await using fixture = await keyedFixture([key], { settings: {} });
  await using open = await createFixture({}, {
    access: {
      keys: undefined as never,
      snapshot: new KeySnapshot({
        store: { checked: () => Promise.resolve([key.key]), touch: () => Promise.resolve() },
        clock: SYSTEM_CLOCK,
      }),
      audit: fixture.audit,
      counter: fixture.counter,
    },
  });
  const statuses = [];
  for (const token of [key.token, "left-over-from-elsewhere"]) {
    const answer = await open.app.request("/v1/tasks", { headers: bearer(token) });
    await answer.body?.cancel();
    statuses.push(answer.status);
  }
  assertEquals(statuses, [403, 200]);
});

Deno.test("KeySnapshot keeps its keys while the database is away, and is a 503 before the first read", async () => {
  const key = testKey();
  let isAway = true;
  const store = {
    checked: () =>
      isAway
        ? Promise.reject(new DatabaseUnavailable("Cannot reach the database"))
        : Promise.resolve([key.key]),
    touch: () => Promise.resolve(),
  };
  const snapshot = new KeySnapshot({ store, clock: SYSTEM_CLOCK });
  await using fixture = await keyedFixture([], { access: { snapshot } });
  const status = async () => {
    const answer = await fixture.post("/v1/tasks/ping", {}, bearer(key.token));
    await answer.body?.cancel();
    return answer.status;
  };
  assertEquals(await status(), 503);
  isAway = false;
  await snapshot.refresh();
  assertEquals(await status(), 202);
  isAway = true;
  await snapshot.refresh().catch(() => {});
  assertEquals(await status(), 202);
});

Deno.test("KeySnapshot applies a revocation at its next round, and stores the last use", async () => {
  const { key } = testKey();
  let keys = [key];
  const used: string[] = [];
  const store = {
    checked: () => Promise.resolve(keys),
    touch: (ids: ReadonlyMap<string, Date>) => {
      used.push(...ids.keys());
      return Promise.resolve();
    },
  };
  const rounds = Promise.withResolvers<void>();
  {
    await using snapshot = new KeySnapshot({ store, clock: SYSTEM_CLOCK, refreshMs: 5 });
    await snapshot.start();
    assertEquals((await snapshot.find(key.id))?.revokedAt, null);
    snapshot.use(key.id);
    keys = [{ ...key, revokedAt: new Date() }];
    store.checked = () => {
      rounds.resolve();
      return Promise.resolve(keys);
    };
    await rounds.promise;
    await snapshot.refresh();
    assertEquals((await snapshot.find(key.id))?.revokedAt instanceof Date, true);
  }
  assertEquals(used, [key.id]);
});

Deno.test("KeySnapshot.refresh() does not join a read that began before it", async () => {
  const { key } = testKey();
  const first = Promise.withResolvers<CheckedKey[]>();
  const reads = [first.promise, Promise.resolve([key])];
  const begun = Promise.withResolvers<void>();
  const store = {
    checked: () => {
      begun.resolve();
      return reads.shift()!;
    },
    touch: () => Promise.resolve(),
  };
  const snapshot = new KeySnapshot({ store, clock: SYSTEM_CLOCK });
  const early = snapshot.refresh();
  await begun.promise;
  const late = [snapshot.refresh(), snapshot.refresh()];
  first.resolve([]);
  await Promise.all([early, ...late]);
  assertEquals([(await snapshot.find(key.id))?.id, reads.length], [key.id, 0]);
});

Deno.test("KeySnapshot finds a key that another process has created since the last read", async () => {
  const { key } = testKey();
  let keys: CheckedKey[] = [];
  const store = { checked: () => Promise.resolve(keys), touch: () => Promise.resolve() };
  const snapshot = new KeySnapshot({ store, clock: SYSTEM_CLOCK });
  await snapshot.refresh();
  keys = [key];
  assertEquals((await snapshot.find(key.id))?.id, key.id);
});

Deno.test("KeySnapshot reads at most once a second for unknown ids", async () => {
  let reads = 0;
  const store = {
    checked: () => {
      reads++;
      return Promise.resolve([]);
    },
    touch: () => Promise.resolve(),
  };
  const snapshot = new KeySnapshot({ store, clock: SYSTEM_CLOCK });
  await snapshot.find("unknown");
  await Promise.all(Array.from({ length: 50 }, (_, index) => snapshot.find(`unknown${index}`)));
  assertEquals(reads, 2);
});

Deno.test("a key's limit is a 429 with the time to wait, and counts per key", async () => {
  const limited = testKey({ requestsPerMinute: 2 });
  const other = testKey({ requestsPerMinute: 2 });
  await using fixture = await keyedFixture([limited, other]);
  const send = (token: string) => fixture.app.request("/v1/tasks", { headers: bearer(token) });
  const first = await send(limited.token);
  await first.body?.cancel();
  assertEquals(first.headers.get("ratelimit-policy"), '"key";q=2;w=60');
  assertEquals(first.headers.get("ratelimit"), '"key";r=1;t=60');
  const wrong = await fixture.app.request("/v1/tasks?limit=x", { headers: bearer(limited.token) });
  await wrong.body?.cancel();
  assertEquals([wrong.status, wrong.headers.get("ratelimit")], [422, '"key";r=0;t=60']);
  const refused = await send(limited.token);
  assertEquals([refused.status, (await refused.json()).type], [429, "/problems/rate-limited"]);
  assertEquals(refused.headers.get("retry-after"), "60");
  const unlimited = await send(other.token);
  await unlimited.body?.cancel();
  assertEquals(unlimited.status, 200);
});

Deno.test("RateLimiter never reports more than the length of a window", () => {
  for (let now = 0.1; now < 1e6; now *= 1.7) {
    const limiter = new RateLimiter({ now: () => now });
    assertEquals(limiter.take("a", 1).resetSeconds, 60, `${now}`);
  }
});
