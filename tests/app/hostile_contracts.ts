/** Contracts of tasks that try to escape from their sandbox.
 * @module
 */
import {
  defineTask,
  type PermissionsDefinition,
  type SandboxDefinition,
  z,
} from "../../shared/mod.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";

function attack(
  name: string,
  options: {
    permissions?: PermissionsDefinition;
    sandbox?: SandboxDefinition;
    timeLimit?: TimeLimit;
    untrusted?: boolean;
  } = {},
) {
  return defineTask({
    name: `hostile.${name}`,
    input: z.object({ target: z.string().default("") }),
    run: "process",
    queue: "celeriac.hostile",
    ...options,
  });
}

export const readFile = attack("read_file");
export const swallowedRead = attack("swallowed_read");
export const writeFile = attack("write_file");
export const environment = attack("environment");
export const connect = attack("connect");
export const fetchUrl = attack("fetch_url");
export const subprocess = attack("subprocess");
export const signalParent = attack("signal_parent");
export const library = attack("library");
export const importRemote = attack("import_remote");
export const machine = attack("machine");
export const store = attack("store");
export const timerBomb = attack("timer_bomb", { sandbox: { memoryMb: 64 } });
export const leftTimers = attack("left_timers");
export const writeChannel = attack("write_channel");
export const forgeResult = attack("forge_result");
export const pollute = attack("pollute");
export const waitForEver = attack("wait_for_ever", { timeLimit: { hard: 0.5 } });
export const unhandled = attack("unhandled");
export const uncaught = attack("uncaught");
export const endlessOutput = attack("endless_output", { sandbox: { outputMb: 2 } });
export const endlessProgress = attack("endless_progress", { sandbox: { outputMb: 1 } });
export const bigResult = attack("big_result", { sandbox: { outputMb: 1 } });
export const heapBomb = attack("heap_bomb", { sandbox: { memoryMb: 64 } });
export const bufferBomb = attack("buffer_bomb", { sandbox: { memoryMb: 64, residentMb: 256 } });
export const burn = attack("burn", { sandbox: { cpu: 0.3 } });
export const workers = attack("workers", { sandbox: { memoryMb: 64, residentMb: 256 } });

/** Has some permissions. */
export const granted = attack("granted", {
  permissions: {
    net: ["127.0.0.1"],
    read: ["."],
    write: ["."],
    env: ["CELERIAC_TEST_GRANTED"],
    sys: ["hostname"],
  },
  sandbox: { nice: 5 },
});

/** Fill their folder. */
const OWN_FOLDER = { read: ["."], write: ["."] };
const folderAttack = (name: string, sandbox: SandboxDefinition = {}) =>
  attack(name, { permissions: OWN_FOLDER, sandbox });
export const deepFolder = folderAttack("deep_folder");
export const longPaths = folderAttack("long_paths");
export const manyFiles = folderAttack("many_files", { folderFiles: 500 });
export const manyFilesAtOnce = folderAttack("many_files_at_once");
export const bigFile = folderAttack("big_file", { folderMb: 2 });
export const sparseFile = folderAttack("sparse_file", { folderMb: 2 });
export const litter = folderAttack("litter");

/** Leaves state in its child process, selected by `target`. */
export const leave = attack("leave");

/** Exits or blocks its child process, selected by `target`. */
export const sabotage = attack("sabotage");

/** Runs each task in a new process. */
export const fresh = attack("fresh", { untrusted: true });

/** Returns its process id and the state that it finds. */
export const innocent = attack("innocent");
