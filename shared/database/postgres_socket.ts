/** Opens a stream to a server: TCP or a Unix socket, and TLS on it as libpq negotiates it (PostgreSQL documentation, "SSL Session Encryption"). */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { PostgresTarget } from "./postgres_target.ts";

/** Length 8 and the number 80877103. */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);

const ACCEPTED = "S".charCodeAt(0);
const DECLINED = "N".charCodeAt(0);

/** Whether a stream is encrypted: `demand` fails without TLS, `offer` goes on without where the server has none. */
export type Tls = "demand" | "offer" | "none";

/** The server has no TLS, or its certificate or its terms are not acceptable. */
export class TlsFailed extends Error {}

/** A stream that is ready for the startup message. */
export interface OpenSocket {
  readonly socket: Socket;
  readonly encrypted: boolean;
}

/** Connects.
 *
 * @param signal gives up; its reason is thrown
 * @throws {TlsFailed} when there is a server, but not the TLS that is asked for
 * @throws {Error} whose message says what the server or the network did not do */
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
  // Later errors close the stream, which its user watches.
  socket.on("error", () => {});
  await settled(socket, "connect");
  socket.setKeepAlive(true);
  socket.setNoDelay(true);
  if (tls === "none") return { socket, encrypted: false };
  try {
    const encrypted = await encrypt(socket, options);
    if (encrypted) return { socket: encrypted, encrypted: true };
    if (tls === "offer") return { socket, encrypted: false };
    throw new TlsFailed("the server has no TLS, which sslmode demands");
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  }
}

/** @returns `undefined` where the server has no TLS */
async function encrypt(socket: Socket, options: ConnectionOptions): Promise<Socket | undefined> {
  const answered = settled<Uint8Array>(socket, "data");
  socket.write(SSL_REQUEST);
  const answer = await answered;
  if (answer[0] === DECLINED && answer.length === 1) return undefined;
  // More than one byte would be data that somebody else put before the encrypted ones (CVE-2021-23222).
  if (answer[0] !== ACCEPTED || answer.length !== 1) {
    throw new Error("the server does not answer as Postgres does");
  }
  const encrypted = connectTls({ ...options, socket });
  encrypted.on("error", () => {});
  socket.once("close", () => encrypted.destroy());
  try {
    await settled(encrypted, "secureConnect");
  } catch (error) {
    throw new TlsFailed((error as Error).message, { cause: error });
  }
  return encrypted;
}

/** What the handshake uses and checks. Files are read for each connection, so that renewed ones count. */
async function tlsOptions(target: PostgresTarget): Promise<ConnectionOptions> {
  const { host, sslMode, sslRootCert, sslCert, sslKey } = target;
  const verified = sslMode === "verify-ca" || sslMode === "verify-full";
  const [ca, cert, key] = await Promise.all([
    verified ? fileOf("sslrootcert", sslRootCert) : undefined,
    fileOf("sslcert", sslCert),
    fileOf("sslkey", sslKey),
  ]);
  return {
    // An IP address may not be sent as a server name, but a certificate must hold it all the same.
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

/** Waits for an event of a stream that may fail or close instead. */
function settled<Value = void>(socket: Socket, event: string): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const closed = () => reject(new Error("the server closed the connection"));
  socket.once(event, resolve);
  socket.once("error", reject);
  socket.once("close", closed);
  const forget = () => {
    socket.off(event, resolve);
    socket.off("error", reject);
    socket.off("close", closed);
  };
  promise.then(forget, forget);
  return promise;
}
