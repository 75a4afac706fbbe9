/** All commands, each loaded when it is called. */
import type { Command } from "./command.ts";

/** Commands by name, in the order of `--help`. */
export const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["init", async () => (await import("./commands/init.ts")).init],
  ["dev", async () => (await import("./commands/dev.ts")).dev],
  ["api", async () => (await import("./commands/api.ts")).api],
  ["worker", async () => (await import("./commands/worker.ts")).worker],
  ["beat", async () => (await import("./commands/beat.ts")).beat],
  ["migrate", async () => (await import("./commands/migrate.ts")).migrate],
  ["definitions", async () => (await import("./commands/definitions.ts")).definitions],
  ["secrets", async () => (await import("./commands/secrets.ts")).secrets],
  ["call", async () => (await import("./commands/call.ts")).call],
  ["result", async () => (await import("./commands/result.ts")).result],
  ["why", async () => (await import("./commands/why.ts")).why],
  ["revoke", async () => (await import("./commands/revoke.ts")).revoke],
  ["inspect", async () => (await import("./commands/inspect.ts")).inspect],
  ["control", async () => (await import("./commands/control.ts")).control],
  ["schedules", async () => (await import("./commands/schedules.ts")).schedules],
  ["events", async () => (await import("./commands/events.ts")).events],
  ["subscriptions", async () => (await import("./commands/subscriptions.ts")).subscriptions],
  ["key", async () => (await import("./commands/key.ts")).key],
  ["dead", async () => (await import("./commands/dead.ts")).dead],
  ["tasks", async () => (await import("./commands/tasks.ts")).tasks],
  ["permissions", async () => (await import("./commands/permissions.ts")).permissions],
  ["start", async () => (await import("./commands/start.ts")).start],
]);

/** One line for each, for the overview. */
export const SUMMARIES: ReadonlyMap<string, string> = new Map([
  ["init", "write a new app: contracts, handlers, a test, and tasks for every role"],
  ["dev", "run API, worker and beat in one process, without any server"],
  ["api", "accept tasks over HTTP and publish them"],
  ["worker", "consume tasks and run them"],
  ["beat", "run the scheduler"],
  ["migrate", "migrate the database to this version"],
  ["definitions", "render, apply or compare RabbitMQ's definitions"],
  ["secrets", "generate the Secrets that the Kubernetes manifests mount"],
  ["call", "submit a task and print its result"],
  ["result", "print a task's record"],
  ["why", "print why a task is not running, and what to do about it"],
  ["revoke", "revoke a task, or terminate it while it runs"],
  ["inspect", "show the state of running workers"],
  ["control", "change the state of running workers"],
  ["schedules", "list, add, pause, resume, trigger and remove schedules"],
  ["events", "publish, list, show and follow events, and list their types"],
  ["subscriptions", "list, add, pause, resume, replay, remove and prune subscriptions"],
  ["key", "create, list, rotate and revoke API keys"],
  ["dead", "list, show, redrive and purge dead letters"],
  ["tasks", "print the permissions of each task, or a NetworkPolicy for all"],
  ["permissions", "print the Deno permission flags that a command needs"],
  ["start", "start a command with exactly the permissions it needs"],
]);
