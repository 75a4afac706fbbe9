/** Listens for HTTP requests; errors name the remedy. */
import { getLogger } from "@logtape/logtape";
import { ConfigurationError } from "../errors.ts";
import { pause } from "./waits.ts";

/** Address to listen on. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 chooses a free port. */
  readonly port: number;
  /** The flag that sets the port, for errors. */
  readonly flag: "--port" | "--health-port";
}

/** A server that listens again after a failure to accept connections. */
export interface HttpListener extends AsyncDisposable {
  readonly addr: Deno.NetAddr;
  /** Stops accepting; resolves when all requests are answered. */
  shutdown(): Promise<void>;
}

/** Milliseconds before the server listens again. */
const PAUSE_MS = 100;

/** Starts a server.
 *
 * Deno's server ends when it cannot accept a connection because the process has no file descriptor left. It then closes all connections
 * and listens again: clients that keep unfinished requests open neither end the process nor keep other clients out for ever.
 *
 * @throws {ConfigurationError} when the port is taken, or the address is not one of this machine */
export function listen(options: ListenOptions, answer: Deno.ServeHandler): HttpListener {
  const stopping = new AbortController();
  let current = serve(options, answer);
  const { addr } = current.server;
  const running = keepListening();

  async function keepListening(): Promise<void> {
    for (;;) {
      try {
        return await current.server.finished;
      } catch (error) {
        logger.error("Closing all HTTP connections and listening again on port {port}: {error}", {
          port: addr.port,
          error,
        });
        current.abort.abort();
      }
      const next = await listenAgain();
      if (!next) return;
      current = next;
    }
  }

  async function listenAgain(): Promise<Serving | undefined> {
    for (;;) {
      await pause(PAUSE_MS, stopping.signal);
      if (stopping.signal.aborted) return undefined;
      try {
        return serve({ ...options, port: addr.port }, answer);
      } catch (error) {
        logger.error("Cannot listen again on port {port}: {error}", { port: addr.port, error });
      }
    }
  }

  async function shutdown(): Promise<void> {
    stopping.abort();
    await current.server.shutdown();
    await running;
  }
  return { addr, shutdown, [Symbol.asyncDispose]: shutdown };
}

interface Serving {
  readonly server: Deno.HttpServer<Deno.NetAddr>;
  /** Closes its connections. */
  readonly abort: AbortController;
}

function serve({ hostname, port, flag }: ListenOptions, answer: Deno.ServeHandler): Serving {
  const abort = new AbortController();
  const { signal } = abort;
  try {
    return { server: Deno.serve({ hostname, port, signal, onListen: () => {} }, answer), abort };
  } catch (cause) {
    const reason = reasonOf(cause, flag);
    if (reason === undefined) throw cause;
    throw new ConfigurationError(`Cannot listen on ${hostname}:${port} because ${reason}`, {
      cause,
    });
  }
}

function reasonOf(cause: unknown, flag: ListenOptions["flag"]): string | undefined {
  if (cause instanceof Deno.errors.AddrInUse) {
    return `another process holds the port: stop it, or choose another port with ${flag} (0 takes a free one)`;
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return "no interface of this machine has that address: choose another with --host";
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return `the system keeps that port for root: choose one from 1024 up with ${flag}`;
  }
  return undefined;
}

const logger = getLogger(["celeriac", "http"]);
