import { assert, assertEquals } from "@std/assert";
import { readFilter } from "../../../../api/reading/task_filter.ts";
import { pendingRecord } from "../../../../api/reading/record.ts";
import type { TaskRecord } from "../../../../shared/results/result.ts";

const NOW = new Date("2026-11-30T12:00:00Z");
const read = (text: string) => readFilter(text, NOW);
const record = (changes: Partial<TaskRecord>): TaskRecord => ({
  ...pendingRecord("a", NOW),
  ...changes,
});

Deno.test("readFilter() gives exact conditions to the store", () => {
  const cases: [text: string, stored: object][] = [
    ["", {}],
    ["state:failure", { state: "FAILURE" }],
    ["state:FAILURE queue:mail worker:w1@host", {
      state: "FAILURE",
      queue: "mail",
      worker: "w1@host",
    }],
    ["name:a\0 state:success", { name: "a", state: "SUCCESS" }],
    ["state:failure,success -state:success", { state: "FAILURE" }],
    ['name:"with space"', { name: "with space" }],
    ["label.order:7", { label: { name: "order", value: "7" } }],
    ["label.url:http://a/b", { label: { name: "url", value: "http://a/b" } }],
    ["since:1h", { since: new Date("2026-11-30T11:00:00Z") }],
    ["until:2026-11-29", { until: new Date("2026-11-29T00:00:00Z") }],
    ["since:2026-11-29T09:00+09:00", { since: new Date("2026-11-29T00:00:00Z") }],
  ];
  for (const [text, stored] of cases) {
    const filter = read(text);
    assertEquals([filter.stored, filter.mistakes], [stored, []], text);
    assert(filter.matches(record({ state: "STARTED" })), text);
  }
});

Deno.test("readFilter() gives several values, patterns, negations and words to the store", () => {
  const cases: [text: string, stored: object][] = [
    ["state:failure,retry", { states: ["RETRY", "FAILURE"] }],
    ["-state:success,pending,failure", { states: ["STARTED", "PROGRESS", "RETRY", "REVOKED"] }],
    ["state:failure state:retry", { states: [] }],
    ["-name:a", { conditions: [{ field: "name", patterns: ["a"], isNegated: true }] }],
    ["queue:a,b* queue:c", {
      queue: "c",
      conditions: [{ field: "queue", patterns: ["a", "b*"], isNegated: false }],
    }],
    ["-label.order:7,8", {
      conditions: [{ field: "label", label: "order", patterns: ["7", "8"], isNegated: true }],
    }],
    ["by:key:*", { conditions: [{ field: "submittedBy", patterns: ["key:*"], isNegated: false }] }],
    ["Mail", { conditions: [{ field: "text", patterns: ["Mail"], isNegated: false }] }],
    ["id:a", { conditions: [{ field: "id", patterns: ["a"], isNegated: false }] }],
    // A database without ICU leaves such letters as they are.
    ["Ä", {}],
  ];
  for (const [text, stored] of cases) assertEquals(read(text).stored, stored, text);
});

Deno.test("readFilter() checks conditions on a record", () => {
  const mail = record({ name: "mail.send", state: "FAILURE", labels: { order: "7" } });
  const beat = record({ name: "beat.tick", state: "RETRY", labels: { tags: ["a", "b"] } });
  const cases: [text: string, mail: boolean, beat: boolean][] = [
    ["state:failure,retry", true, true],
    ["state:failure,success", true, false],
    ["-state:failure", false, true],
    ["name:mail.*", true, false],
    ["-name:beat.*", true, false],
    ["name:mail.send,beat.tick", true, true],
    ["-label.order:7", false, true],
    ["label.tags:b label.tags:a", false, true],
    ["label.order:7,8", true, false],
    ["label.order:*", true, false],
    ["SEND", true, false],
    ["-send", false, true],
    ["by:key:*", false, false],
  ];
  for (const [text, first, second] of cases) {
    const filter = read(text);
    const { stored } = filter;
    const inStore = (one: TaskRecord) =>
      !stored.label || [one.labels?.[stored.label.name]].flat().includes(stored.label.value);
    const found = [mail, beat].map((one) => inStore(one) && filter.matches(one));
    assertEquals(found, [first, second], text);
  }
});

Deno.test("readFilter() reports mistakes and applies the rest", () => {
  const { stored, mistakes } = read("nmae:x state:faild since:soon label:7 queue: worker:w");
  assertEquals(stored, { worker: "w" });
  assertEquals(mistakes, [
    { kind: "unknown-key", key: "nmae", near: "name" },
    { kind: "state", value: "faild" },
    { kind: "time", value: "soon" },
    { kind: "label" },
    { kind: "empty", key: "queue" },
  ]);
});

Deno.test("the second of two conditions on one column is checked on each record", () => {
  const filter = read("name:a name:b");
  assertEquals(filter.stored, {
    name: "a",
    conditions: [{ field: "name", patterns: ["b"], isNegated: false }],
  });
  assertEquals(filter.matches(record({ name: "a" })), false);
});
