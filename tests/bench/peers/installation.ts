/** Installs the peers of npm, and the Node that runs them, into a cache folder outside the checkout.
 * @module
 */
import { checkout } from "../../support/roles.ts";
import { type Env, type Program, startProgram } from "../kit/program.ts";
import { Process, run } from "../../support/process.ts";
import { toolFolder } from "../../support/tool_folder.ts";

/** Exact releases. pg-boss and graphile-worker need Node 22; 24 strips the types of the programs. */
export const PEER_RELEASES = {
  node: "24.9.0",
  bullmq: "6.7.0",
  ioredis: "5.11.1",
  "pg-boss": "12.38.0",
  "graphile-worker": "0.18.0",
} as const;

/** Programs of a peer: relative to `tests/bench/`. */
export type PeerProgram =
  | "peers/programs/bullmq.ts"
  | "peers/programs/pg_boss.ts"
  | "peers/programs/graphile_worker.ts";

/** Installed peers. */
export interface PeerPackages {
  /** Starts the client of a peer. */
  client(program: PeerProgram, env: Env): Promise<Program>;
  /** Starts a worker of a peer and waits until it is ready. */
  worker(program: PeerProgram, env: Env): Promise<Process>;
}

/** Copied beside `node_modules`, because Node looks for packages in the parent folders of a file. */
const FILES = [
  "tests/bench/programs/command_server.ts",
  "tests/bench/programs/load_loops.ts",
  "tests/bench/peers/programs/package_import.ts",
  "tests/bench/peers/programs/bullmq.ts",
  "tests/bench/peers/programs/pg_boss.ts",
  "tests/bench/peers/programs/graphile_worker.ts",
] as const;

const INSTALL_LIMIT_MS = 10 * 60_000;

/** Installs the peers unless that was done before.
 *
 * @param say receives one line if packages are downloaded
 * @throws if npm is missing or fails */
export async function installPeers(say: (line: string) => void): Promise<PeerPackages> {
  const folder = `${toolFolder()}bench-peers-${await digest(JSON.stringify(PEER_RELEASES))}`;
  await Deno.mkdir(folder, { recursive: true });
  using lock = await Deno.open(`${folder}/lock`, { create: true, write: true });
  await lock.lock(true); // another run may be installing
  const done = `${folder}/installed`;
  if (!await exists(done)) {
    say(`Installing ${Object.entries(PEER_RELEASES).map((one) => one.join(" ")).join(", ")}`);
    const manifest = { private: true, type: "module", dependencies: PEER_RELEASES };
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
    await run("npm", ["install", "--no-audit", "--no-fund", "--save-exact"], {
      cwd: folder,
      timeoutMs: INSTALL_LIMIT_MS,
    });
    await Deno.writeTextFile(done, "");
  }
  for (const file of FILES) {
    const target = `${folder}/${file.replace("tests/bench/", "")}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(`${checkout}${file}`, target);
  }
  const node = `${folder}/node_modules/node/bin/node`;
  const options = (env: Env) => ({ cwd: folder, env: { NODE_ENV: "production", ...env } });
  return {
    client: (program, env) => startProgram(node, [`${folder}/${program}`, "client"], options(env)),
    async worker(program, env) {
      const worker = Process.start(node, [`${folder}/${program}`, "worker"], options(env));
      try {
        await worker.said(/^ready$/m);
        return worker;
      } catch (error) {
        await worker[Symbol.asyncDispose]();
        throw error;
      }
    },
  };
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex().slice(0, 8);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
