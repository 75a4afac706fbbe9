/** Opens a stream to a server: TCP or a Unix socket, with TLS negotiation like libpq (PostgreSQL documentation, "SSL Session
 * Encryption"). */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { PostgresTarget } from "./postgres_target.ts";

/** The SSLRequest message: length 8, code 80877103. */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);

const ACCEPTED = "S".charCodeAt(0);
const DECLINED = "N".charCodeAt(0);

/** TLS of a stream: `demand` fails without TLS; `offer` continues without TLS if the server has none. */
export type Tls = "demand" | "offer" | "none";

/** The server has no TLS, or the handshake failed, for example because of its certificate. */
export class TlsFailed extends Error {}

/** A stream ready for the startup message. */
export interface OpenSocket {
  readonly socket: Socket;
  readonly encrypted: boolean;
}

/** Connects.
 *
 * @param signal aborts the attempt; its reason is thrown
 * @throws {TlsFailed} when the server does not provide the requested TLS
 * @throws {Error} when the server cannot be reached, or is no Postgres server */
export async function openSocket(
  target: PostgresTarget,
  tls: Tls,
  signal: AbortSignal,
): Promise<OpenSocket> {
  const options = tls === "none" ? {} : await tlsOptions(target);
  signal.throwIfAborted();
  const { host, hostAddress, port } = target;
  const socket = host.startsWith("/")
    ? connectTcp({ path: `${host}/.s.PGSQL.${port}` })
    : connectTcp({ host: hostAddress ?? host, port });
  signal.addEventListener("abort", () => socket.destroy(signal.reason), { once: true });
  // Later errors close the stream; the user handles 'close'.
  socket.on("error", () => {});
  await eventOf(socket, "connect");
  socket.setKeepAlive(true);
  socket.setNoDelay(true);
  if (tls === "none") return { socket, encrypted: false };
  try {
    const encrypted = await encrypt(socket, options);
    if (encrypted) return { socket: encrypted, encrypted: true };
    if (tls === "offer") return { socket, encrypted: false };
    throw new TlsFailed("the server has no TLS, which sslmode requires");
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  }
}

/** @returns `undefined` if the server has no TLS */
async function encrypt(socket: Socket, options: ConnectionOptions): Promise<Socket | undefined> {
  const answered = eventOf<Uint8Array>(socket, "data");
  socket.write(SSL_REQUEST);
  const answer = await answered;
  if (answer[0] === DECLINED && answer.length === 1) return undefined;
  // Further bytes could be injected plaintext (CVE-2021-23222).
  if (answer[0] !== ACCEPTED || answer.length !== 1) {
    throw new Error("the server is no Postgres server");
  }
  const encrypted = connectTls({ ...options, socket });
  encrypted.on("error", () => {});
  socket.once("close", () => encrypted.destroy());
  try {
    await eventOf(encrypted, "secureConnect");
  } catch (error) {
    throw new TlsFailed((error as Error).message, { cause: error });
  }
  return encrypted;
}

/** Options of the TLS handshake. Reads files for each connection, so that renewed certificates are used. */
async function tlsOptions(target: PostgresTarget): Promise<ConnectionOptions> {
  const { host, sslMode, sslRootCert, sslCert, sslKey } = target;
  const verified = sslMode === "verify-ca" || sslMode === "verify-full";
  const [ca, cert, key] = await Promise.all([
    verified ? fileOf("sslrootcert", sslRootCert) : undefined,
    fileOf("sslcert", sslCert),
    fileOf("sslkey", sslKey),
  ]);
  return {
    // An IP address must not be sent as a server name, but the certificate must contain it.
    ...(isIP(host) ? { host } : { servername: host }),
    rejectUnauthorized: verified,
    ...(sslMode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function fileOf(parameter: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new Error(
      `the file of ${parameter} cannot be read (${(cause as Error).message})`,
      { cause },
    );
  }
}

/** Waits for an event of a stream; rejects if the stream fails or closes first. */
function eventOf<Value = void>(socket: Socket, event: string): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const closed = () => reject(new Error("the server closed the connection"));
  socket.once(event, resolve);
  socket.once("error", reject);
  socket.once("close", closed);
  const removeListeners = () => {
    socket.off(event, resolve);
    socket.off("error", reject);
    socket.off("close", closed);
  };
  promise.then(removeListeners, removeListeners);
  return promise;
}
