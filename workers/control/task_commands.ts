/** Commands that revoke tasks and change their limits and events (celery/worker/control.py). */
import { InvalidInput } from "../../shared/errors.ts";
import { repr } from "../../shared/celery/repr.ts";
import { isObject } from "../../shared/celery/shape.ts";
import { parseRate } from "../../shared/contracts/rate.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";
import type { CommandArguments } from "./command_arguments.ts";
import { revokedIds } from "./mingle.ts";
import { type Command, type ControlContext, SILENT } from "./control_context.ts";

/** Commands by name. */
export const TASK_COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["revoke", revoke],
  ["terminate", terminate],
  ["revoke_by_stamped_headers", revokeByStamps],
  ["rate_limit", limitRate],
  ["time_limit", limitTime],
  ["hello", hello],
  ["enable_events", (_, { eventPublisher }) => switchEvents(eventPublisher, true)],
  ["disable_events", (_, { eventPublisher }) => switchEvents(eventPublisher, false)],
  ["shutdown", (_, context) => {
    context.shutDown();
    return SILENT;
  }],
  // Celery's gossip elects a leader; these workers do not take part.
  ["election", () => SILENT],
]);

/** Revokes tasks. With `terminate`, also ends running attempts. The requested signal is ignored: a child process is killed, and the signal of
 * an inline handler aborts. */
function revoke(given: CommandArguments, context: ControlContext): unknown {
  const ids = given.texts("task_id");
  flag(ids, context);
  if (given.flag("terminate")) return end(ids, context);
  return { ok: `tasks ${reprSet(ids)} flagged as revoked` };
}

function terminate(given: CommandArguments, context: ControlContext): unknown {
  const ids = given.texts("task_id");
  flag(ids, context);
  return end(ids, context);
}

/** Adds the ids first, because their messages may return from the outbox at once. */
function flag(ids: readonly string[], { revocations, rates, outbox }: ControlContext): void {
  revocations.add(ids);
  rates.release(new Set(ids));
  outbox.revoke(ids);
}

function end(ids: readonly string[], { inFlight, ...context }: ControlContext): unknown {
  const held = new Set(Array.from(inFlight, ({ task }) => task.id));
  const known = ids.filter((id) => context.terminate(id) || held.has(id));
  return { ok: `terminate: ${known.length ? known.join(", ") : "tasks unknown"}` };
}

function revokeByStamps(given: CommandArguments, context: ControlContext): unknown {
  const headers = readStamps(given.raw("headers"));
  const stamps = Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, [values].flat()]),
  );
  for (const [name, values] of Object.entries(stamps)) context.revocations.addStamps(name, values);
  context.outbox.revokeStamped(stamps);
  const ids = Array.from(context.inFlight, ({ task }) => task)
    .filter((task) => context.revocations.has(task)).map(({ id }) => id);
  context.rates.release(new Set(ids));
  const shown = `headers ${repr(headers)}`;
  if (!given.flag("terminate")) return { ok: `${shown} flagged as revoked, but not terminated` };
  const ended = ids.filter((id) => context.terminate(id));
  return { ok: ended.length > 0 ? `${shown} revoked` : `${shown} were not terminated` };
}

/** A list as Python shows a set of texts. */
function reprSet(texts: readonly string[]): string {
  return texts.length === 0 ? "set()" : `{${texts.map((text) => repr(text)).join(", ")}}`;
}

/** An object, or `name=value` pairs as `celery control` sends them. */
function readStamps(given: unknown): Record<string, unknown> {
  if (isObject(given)) return given;
  const pairs = Array.isArray(given)
    ? given.map((pair) => typeof pair === "string" ? /^([^=]+)=(.*)$/s.exec(pair) : null)
    : [null];
  if (pairs.every((pair) => pair !== null)) {
    return Object.fromEntries(pairs.map(([, name, value]) => [name, value]));
  }
  throw new InvalidInput(
    "Cannot run 'revoke_by_stamped_headers' because its argument 'headers' is neither an object nor a list of 'name=value' texts: give values by the stamp's name",
    "headers",
  );
}

function limitRate(given: CommandArguments, { contracts, rates }: ControlContext): unknown {
  const name = given.text("task_name");
  const rate = given.raw("rate_limit");
  if (!contracts.get(name)) return unknownTask(name, contracts.suggest(name));
  const perSecond = parseRate(rate);
  rates.set(name, perSecond);
  contracts.setRateLimit(name, perSecond === undefined ? undefined : String(rate));
  return {
    ok: perSecond === undefined
      ? "rate limit disabled successfully"
      : "new rate limit set successfully",
  };
}

function limitTime(given: CommandArguments, { contracts }: ControlContext): unknown {
  const name = given.text("task_name");
  if (!contracts.get(name)) return unknownTask(name, contracts.suggest(name));
  const hard = given.optionalNumber("hard");
  const soft = given.optionalNumber("soft");
  const limit: TimeLimit = {
    ...(soft === undefined ? {} : { soft }),
    ...(hard === undefined ? {} : { hard }),
  };
  contracts.setTimeLimit(name, limit);
  return { ok: "time limits set successfully" };
}

/** The reply for an unknown task. Flower shows the text; Celery's own replies start the same way. */
function unknownTask(name: string, near: string | undefined): unknown {
  return { error: `unknown task '${name}'${near ? `: did you mean '${near}'?` : ""}` };
}

function switchEvents(eventPublisher: ControlContext["eventPublisher"], on: boolean): unknown {
  const word = on ? "enabled" : "disabled";
  if (eventPublisher.enabled === on) return { ok: `task events already ${word}` };
  eventPublisher.enabled = on;
  return { ok: `task events ${word}` };
}

/** A starting worker sends its revoked ids and receives those of this worker. */
function hello(given: CommandArguments, { name, clock, revocations }: ControlContext): unknown {
  if (given.raw("from_node") === name) return undefined;
  const known = revocations.ids;
  revocations.add(revokedIds(given.raw("revoked")));
  return { revoked: known, clock: clock.tick() };
}
