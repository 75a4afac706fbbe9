/** Listening for HTTP, with words for a person when that cannot be. */
import { ConfigurationError } from "../errors.ts";

/** Where to listen. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The flag that chooses the port. */
  readonly flag: "--port" | "--health-port";
}

/** Starts a server.
 *
 * @throws {ConfigurationError} when the port is taken, or the address is not one of this machine */
export function listen(
  { hostname, port, flag }: ListenOptions,
  answer: Deno.ServeHandler,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, answer);
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
