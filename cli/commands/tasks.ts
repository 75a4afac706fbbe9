/** `cli.ts tasks`: print permissions and limits of tasks. */
import { ConfigurationError } from "../../shared/errors.ts";
import { egressPolicy, manifestRows } from "../manifest.ts";
import { loadRegistry, modulesOf } from "../app.ts";
import { columns } from "../terminal/columns.ts";
import { type Command, configOf } from "../command.ts";
import { EXIT } from "../exit.ts";

/** Prints the permissions and limits of all tasks. */
export const tasks: Command = {
  summary: "print the permissions of each task, or a NetworkPolicy for all",
  usage: "[egress] [FLAGS]",
  details: [
    "`egress` prints a Kubernetes NetworkPolicy as JSON (valid YAML), which lets workers reach the hosts that",
    "the contracts declare. A host outside the cluster becomes all public addresses on its port.",
  ].join("\n"),
  role: "worker",
  async run(given) {
    const [what, ...more] = given.rest;
    if (more.length > 0 || what !== undefined && what !== "egress") {
      throw new ConfigurationError(
        `Cannot print '${given.rest.join(" ")}' of the tasks: give nothing, or egress`,
      );
    }
    const config = configOf(given);
    const registry = await loadRegistry(modulesOf(config, "api"));
    if (what === "egress") {
      console.log(JSON.stringify(egressPolicy(registry), null, 2));
    } else console.log(columns(["task", "runs", "may", "limits"], manifestRows(registry)));
    return EXIT.done;
  },
};
