/** Arguments of `events`, `subscriptions`, `pause` and `resume` that are refused before a request. */
import { assertRejects } from "@std/assert";
import type { Command } from "../../../cli/command.ts";
import { events } from "../../../cli/commands/events.ts";
import { pause, resume } from "../../../cli/commands/pause.ts";
import { subscriptions } from "../../../cli/commands/subscriptions.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

const CASES: [command: Command, args: string[], own: Record<string, string>, text: string][] = [
  [events, ["publsh"], {}, "did you mean 'publish'?"],
  [events, ["publish"], {}, "without its type"],
  [events, ["publish", "a", "value"], {}, "is not KEY=VALUE"],
  [events, ["publish", "a"], { data: "{" }, "is not JSON"],
  [events, ["publish", "a", "value=1"], { data: "1" }, "give one of both"],
  [events, ["publish", "a"], { attributes: "tenant" }, "is not NAME=VALUE"],
  [events, ["list"], { types: "a" }, "`events list` has no such flag"],
  [events, ["list", "x"], {}, "takes flags only"],
  [events, ["show"], {}, "without its key"],
  [events, ["tail", "x"], {}, "takes flags only"],
  [events, ["tail"], { limit: "many" }, "is not a number"],
  [subscriptions, ["prun"], {}, "did you mean 'prune'?"],
  [subscriptions, ["add", "x"], {}, "without a pattern and a task"],
  [subscriptions, ["add", "x", "a.#"], {}, "without a task"],
  [subscriptions, ["add", "x", "a.#", "task", "value"], {}, "is not ARGUMENT=POINTER"],
  [subscriptions, ["add", "x", "a", "task", "b=/c"], { args: "/data" }, "give one of both"],
  [subscriptions, ["pause"], {}, "without its name"],
  [subscriptions, ["pause", "a", "b"], {}, "takes flags only"],
  [subscriptions, ["prune", "a"], {}, "takes flags only"],
  [subscriptions, ["replay", "a"], { queue: "b" }, "`subscriptions replay` has no such flag"],
  [pause, ["qeue"], {}, "did you mean 'queue'?"],
  [pause, ["queue"], {}, "without its name"],
  [pause, ["task", "a", "b"], {}, "takes flags only"],
  [pause, ["list"], { reason: "x" }, "`pause list` has no such flag"],
  [resume, [], {}, "choose from queue, task"],
  [resume, ["task"], {}, "without its name"],
  [resume, ["task", "a"], { rate: "fast" }, "is not a number"],
];

for (const [command, rest, own, text] of CASES) {
  Deno.test(`the CLI refuses ${JSON.stringify(rest)} with ${JSON.stringify(own)}`, async () => {
    const given = { config: undefined, own, rest, args: rest };
    await assertRejects(() => command.run(given), ConfigurationError, text);
  });
}
