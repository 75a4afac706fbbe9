import { assert, assertEquals } from "@std/assert";
import { Events, type TaskEvent } from "../../../../shared/telemetry/events.ts";
import { Watchdog, type WatchedAttempt } from "../../../../workers/running/watchdog.ts";

function suspect(id: string): WatchedAttempt {
  return { task: { id, task: "add" }, meta: {} };
}

function hold(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

function watched(bound: number): { dog: Watchdog; heard: TaskEvent[] } {
  const events = new Events();
  const heard: TaskEvent[] = [];
  events.on((event) => void heard.push(event));
  return { dog: new Watchdog({ events, bound }), heard };
}

Deno.test("Watchdog.enter() is certain about blocking before the first await", async () => {
  const { dog, heard } = watched(1);
  await using _running = dog;
  await dog.start();
  const [a, b] = [suspect("a"), suspect("b")];
  dog.enter(a, () => {});
  dog.enter(b, () => hold(1300));
  dog.leave(a);
  dog.leave(b);
  assertEquals(heard.map((event) => event.id), ["b"]);
  assert(b.meta.blocked!.sure && b.meta.blocked!.seconds >= 1.2);
  assertEquals(a.meta, {});
});

Deno.test("Watchdog.leave() reports all running handlers if the timer was late", async () => {
  const { dog, heard } = watched(1);
  await using _running = dog;
  await dog.start();
  const [a, b] = [suspect("a"), suspect("b")];
  for (const one of [a, b]) dog.enter(one, () => {});
  hold(1300);
  dog.leave(a);
  dog.leave(b);
  assertEquals([a.meta.blocked?.sure, b.meta.blocked?.sure], [false, false]);
  assertEquals(heard.length, 2);
});

Deno.test("Watchdog.enter() does not blame a handler for earlier delays", async () => {
  const { dog, heard } = watched(1);
  await using _running = dog;
  await dog.start();
  hold(1300);
  const a = suspect("a");
  dog.enter(a, () => {});
  dog.leave(a);
  assertEquals([heard, a.meta], [[], {}]);
});
