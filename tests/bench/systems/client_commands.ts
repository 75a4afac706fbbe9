/** The commands that every client program of the kit has.
 * @module
 */
import type { Program } from "../kit/program.ts";
import type { OpenSystem } from "./system.ts";

/** Implements the methods of a system by the commands of its client. A command that the client lacks fails. */
export function clientCommands(
  client: Program,
): Pick<OpenSystem, "fill" | "submit" | "call" | "pickUp"> {
  return {
    fill: (tasks) => client.run("fill", { tasks }),
    submit: (inFlight, seconds) => client.run("submit", { inFlight, seconds }),
    call: (inFlight, seconds) => client.run("call", { inFlight, seconds }),
    pickUp: (count, pauseMs) => client.run("pickUp", { count, pauseMs }),
  };
}
