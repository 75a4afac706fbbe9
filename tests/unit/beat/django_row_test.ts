import { assertEquals, assertThrows } from "@std/assert";
import { type DjangoRow, planRow, signatureOf } from "../../../beat/django_row.ts";
import { InvalidInput } from "../../../shared/errors.ts";

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);

/** A row of ten seconds, made at second 0. */
function row(given: Partial<DjangoRow> = {}): DjangoRow {
  return {
    id: 1,
    name: "row",
    task: "add",
    args: "[1]",
    kwargs: "{}",
    headers: "{}",
    queue: null,
    exchange: null,
    routing_key: null,
    priority: null,
    expires: null,
    expire_seconds: null,
    one_off: false,
    start_time: null,
    last_run_at: null,
    date_changed: at(0),
    every: 10,
    period: "seconds",
    cron: null,
    timezone: null,
    clocked_time: null,
    solar: null,
    ...given,
  };
}

Deno.test("planRow() counts an interval from the last run, or from the creation of the row", () => {
  assertEquals(planRow(row(), at(9)), { dueAt: undefined, next: at(10), enabled: true });
  assertEquals(planRow(row(), at(10)), { dueAt: at(10), next: at(20), enabled: true });
  assertEquals(planRow(row({ last_run_at: at(3) }), at(12)).next, at(13));
  assertEquals(planRow(row({ last_run_at: at(3) }), at(3600)).dueAt, at(3593));
});

Deno.test("planRow() waits for the start, and runs then", () => {
  const starts = row({ start_time: at(55) });
  assertEquals(planRow(starts, at(50)), { dueAt: undefined, next: at(55), enabled: true });
  assertEquals(planRow(starts, at(56)).dueAt, at(55));
  const ran = row({ start_time: at(55), last_run_at: at(0) });
  assertEquals(planRow(ran, at(50)), { dueAt: undefined, next: at(55), enabled: true });
});

Deno.test("planRow() reads crontabs in the row's timezone", () => {
  const nine = row({ every: null, period: null, cron: "0 9 * * *", timezone: "Asia/Seoul" });
  assertEquals(planRow(nine, at(1)).next, at(86_400));
  assertEquals(planRow({ ...nine, last_run_at: at(-3600) }, at(5)).dueAt, at(0));
});

Deno.test("planRow() runs a clocked row at its time, and never again", () => {
  const once = row({ every: null, period: null, clocked_time: at(-60), one_off: true });
  assertEquals(planRow(once, at(0)), { dueAt: at(-60), next: undefined, enabled: false });
  const ran = { ...once, last_run_at: at(-60) };
  assertEquals(planRow(ran, at(0)), { dueAt: undefined, next: undefined, enabled: true });
  assertEquals(planRow({ ...ran, clocked_time: at(5) }, at(5)).dueAt, at(5));
});

Deno.test("planRow() disables one-off rows that have run, and expired rows", () => {
  assertEquals(planRow(row({ one_off: true }), at(9)).enabled, true);
  assertEquals(planRow(row({ one_off: true }), at(10)).enabled, false);
  assertEquals(planRow(row({ expires: at(5) }), at(10)), {
    dueAt: undefined,
    next: undefined,
    enabled: false,
  });
});

Deno.test("planRow() reports why a row cannot be scheduled", () => {
  assertThrows(() => planRow(row({ solar: "sunset" }), at(0)), InvalidInput, "use a crontab");
  assertThrows(() => planRow(row({ period: "microseconds" }), at(0)), InvalidInput, "0.00001");
  assertThrows(() => planRow(row({ period: "weeks" }), at(0)), InvalidInput, "NaN");
});

Deno.test("signatureOf() applies all send options of a row", () => {
  const { task, args, kwargs, options } = signatureOf(row({
    args: '[{"__type__": "date", "__value__": "2026-01-02"}, 9007199254740993]',
    kwargs: '{"to": "me"}',
    headers: '{"tenant": "a"}',
    exchange: "shop",
    routing_key: "mail",
    priority: 3,
    expire_seconds: 60,
  }));
  assertEquals([task, kwargs], ["add", { to: "me" }]);
  assertEquals(args, [{ __type__: "date", __value__: "2026-01-02" }, 9007199254740993n]);
  assertEquals(options, {
    exchange: "shop",
    routingKey: "mail",
    priority: 3,
    expires: 60,
    headers: { tenant: "a" },
  });
});

Deno.test("signatureOf() names a column that is not JSON", () => {
  for (const [field, text] of [["args", "{}"], ["kwargs", "[]"], ["headers", "{3}"]] as const) {
    const error = assertThrows(() => signatureOf(row({ [field]: text })), InvalidInput, field);
    assertEquals(error.field, field);
  }
});
