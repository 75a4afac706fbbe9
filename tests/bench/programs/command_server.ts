/** Makes a program of the kit controllable over HTTP: each request runs one command, and the answer is JSON.
 *
 * The program keeps running between commands, so its code is compiled when the timed command comes, and
 * its CPU time can be read before and after. It runs on Deno and on Node, which strips the types: no
 * import from other folders, and no syntax that needs compiling.
 * @module
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A command: numbers in, JSON out. */
export type Command = (given: Readonly<Record<string, number>>) => Promise<unknown>;

/** Listens on a free loopback port and prints `ready at URL`.
 *
 * `POST /NAME?tasks=100` runs a command. A failure is status 500 with the stack as text. */
export function serveCommands(commands: Readonly<Record<string, Command>>): void {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const given = Object.fromEntries(
      [...searchParams].map(([name, value]) => [name, Number(value)]),
    );
    const command = commands[pathname.slice(1)];
    const running = command ? command(given) : Promise.reject(new Error(`no command ${pathname}`));
    running.then(
      (answer) => response.end(JSON.stringify(answer ?? null)),
      (error) => {
        response.statusCode = 500;
        response.end(error instanceof Error ? error.stack : String(error));
      },
    );
  });
  server.requestTimeout = 0;
  server.listen(0, "127.0.0.1", () => {
    console.log(`ready at http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
}
