/** `cli.ts control`: change running workers. */
import type { Command } from "../command.ts";
import { remote, REMOTE_FLAGS, remoteDetails, type Signatures } from "../remote_control.ts";

const ORDERS: Signatures = {
  revoke: "task_id...",
  terminate: "task_id...",
  revoke_by_stamped_headers: "headers...",
  rate_limit: "task_name rate_limit",
  time_limit: "task_name soft#? hard#?",
  add_consumer: "queue exchange? exchange_type? routing_key?",
  cancel_consumer: "queue",
  pool_grow: "n#?",
  pool_shrink: "n#?",
  enable_events: "",
  disable_events: "",
  heartbeat: "",
  shutdown: "",
};

/** Sends a control command to workers. */
export const control: Command = {
  summary: "change the state of running workers",
  usage: "COMMAND [ARGUMENT ...] [FLAGS]",
  words: Object.keys(ORDERS),
  details: remoteDetails(ORDERS),
  role: "inspect",
  flags: REMOTE_FLAGS,
  run: (given) => remote(given, "control", ORDERS),
};
