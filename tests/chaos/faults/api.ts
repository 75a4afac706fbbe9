/** Faults of the API.
 * @module
 */
import { type Fault, lasting } from "../fault.ts";

/** Its answers are held back while it goes on accepting: what the broker has confirmed by then, no client knows of. */
export const apiKilled: Fault = {
  name: "SIGKILL of an API between confirm and reply",
  broker: false,
  async provoke({ apis, proxies }) {
    proxies.http.swallow("to client");
    await lasting(1);
    await apis[0]!.kill();
    proxies.http.cut();
    proxies.http.pass();
  },
  mend: ({ apis }) => apis[0]!.start(),
  hit: ({ unanswered }) => unanswered > 0,
};
