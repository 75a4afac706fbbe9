/** Faults of the API.
 * @module
 */
import { type Fault, lasting } from "../fault.ts";
import { endBeats, startBeats } from "./dispatcher.ts";

/** Holds back the API's responses while it accepts tasks: the broker confirms messages, but no client receives the response. */
export const apiKilled: Fault = {
  name: "SIGKILL of an API between confirm and reply",
  broker: false,
  events: true,
  begin: startBeats,
  async provoke({ apis, proxies }) {
    proxies.http.swallow("to client");
    await lasting(1);
    await apis[0]!.kill();
    proxies.http.cut();
    proxies.http.pass();
  },
  recover: ({ apis }) => apis[0]!.start(),
  hit: ({ unanswered }) => unanswered > 0,
  end: endBeats,
};

/** Freezes the workers, so that no task settles, and kills the API before it has written the PENDING records of what it accepted
 * meanwhile. Those tasks get their only record from a worker. */
export const apiKilledUnwritten: Fault = {
  name: "SIGKILL of an API before it writes PENDING records",
  broker: false,
  async provoke({ apis, workers }) {
    for (const worker of workers) worker.signal("SIGSTOP");
    await lasting(0.45);
    await apis[0]!.kill();
    for (const worker of workers) worker.signal("SIGCONT");
  },
  recover: ({ apis }) => apis[0]!.start(),
};
