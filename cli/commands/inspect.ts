/** `cli.ts inspect`: query running workers. */
import type { Command } from "../command.ts";
import { remote, REMOTE_FLAGS, remoteDetails, type Signatures } from "../remote_control.ts";

const QUESTIONS: Signatures = {
  ping: "",
  active: "",
  reserved: "",
  scheduled: "",
  revoked: "",
  registered: "taskinfoitems...?",
  active_queues: "",
  stats: "",
  conf: "",
  report: "",
  clock: "",
  query_task: "ids...",
  paused: "",
};

/** Sends an inspect command to workers. */
export const inspect: Command = {
  summary: "show the state of running workers",
  usage: "COMMAND [ID ...] [FLAGS]",
  words: Object.keys(QUESTIONS),
  details: remoteDetails(QUESTIONS),
  role: "inspect",
  flags: REMOTE_FLAGS,
  run: (given) => remote(given, "inspect", QUESTIONS),
};
