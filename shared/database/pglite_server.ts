/** Lets `psql` and drivers connect to the embedded database.
 *
 * `@electric-sql/pglite-socket` does this too, but lets a client's statements run between those of a transaction of this process, which the
 * client's ROLLBACK then takes back. */
import { getLogger } from "@logtape/logtape";
import { ConfigurationError } from "../errors.ts";
import type { Service } from "../service.ts";
import { DATABASE_HOST } from "../settings/dev.ts";
import type { PgliteDatabase, SendMessage } from "./pglite.ts";
import {
  errorMessage,
  isIdle,
  messageOf,
  preparedName,
  REQUEST,
  typeOf,
  wantsCopyData,
  withOwnNames,
} from "./wire.ts";

/** As Postgres itself: longer startup messages are no startup messages. */
const STARTUP_BYTES = 10_000;
const MESSAGE_BYTES = 256 * 1024 * 1024;

/** Milliseconds that a client may keep a transaction open without a word: all else waits for it. */
const IDLE_TRANSACTION_MS = 30_000;

/** What a server is made of. */
export interface PgliteServerParts {
  readonly database: PgliteDatabase;
  /** 0 takes a free one. */
  readonly port: number;
  /** Milliseconds that a client may keep a transaction open without a word. Default 30,000. */
  readonly idleTransactionMs?: number;
}

/** Serves one database. All connections share its one session, and take turns by transactions. */
export class PgliteServer implements Service {
  readonly #parts: PgliteServerParts;
  readonly #connections = new Map<Deno.Conn, Promise<void>>();
  #listener: Deno.TcpListener | undefined;
  #count = 0;

  constructor(parts: PgliteServerParts) {
    this.#parts = parts;
  }

  /** Where clients connect, once started. */
  get url(): string {
    return `postgres://postgres@${DATABASE_HOST}:${this.#listener!.addr.port}/postgres`;
  }

  /** @throws {ConfigurationError} when the port is taken */
  start(): Promise<void> {
    if (!this.#listener) {
      this.#listener = listen(this.#parts.port);
      void this.#accept(this.#listener);
    }
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#listener?.close();
    this.#listener = undefined;
    for (const connection of this.#connections.keys()) close(connection);
    await Promise.all(this.#connections.values());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    try {
      for await (const connection of listener) {
        const served = this.#serve(connection, `c${++this.#count}_`);
        this.#connections.set(connection, served);
        void served.then(() => this.#connections.delete(connection));
      }
    } catch (error) {
      if (this.#listener === listener) log.error("Cannot accept connections: {error}", { error });
    }
  }

  async #serve(connection: Deno.TcpConn, prefix: string): Promise<void> {
    const { database, idleTransactionMs = IDLE_TRANSACTION_MS } = this.#parts;
    const client = new Client(connection, prefix, idleTransactionMs);
    try {
      const startup = await client.startup();
      if (!startup) return;
      await database.exclusive(async (send) => await client.write(await send(startup)));
      for (let first = await client.next(); first; first = await client.next()) {
        const message = first;
        await database.exclusive((send) => client.turn(message, send));
      }
    } catch (error) {
      if (!isGone(error)) log.warn("Ended a database connection: {error}", { error });
    } finally {
      close(connection);
      await database.exclusive((send) => client.forget(send)).catch(() => {});
    }
  }
}

/** One connection. */
class Client {
  readonly #connection: Deno.TcpConn;
  readonly #prefix: string;
  readonly #idleMs: number;
  readonly #statements = new Set<string>();
  #ended = false;

  constructor(connection: Deno.TcpConn, prefix: string, idleMs: number) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#idleMs = idleMs;
  }

  /** The startup message; `undefined` when the client wanted something else. */
  async startup(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (true) {
      const head = await this.#read(8);
      if (!head) return undefined;
      const view = new DataView(head.buffer);
      const [length, code] = [view.getInt32(0), view.getInt32(4)];
      if (code === REQUEST.ssl || code === REQUEST.gss) {
        await this.write(new TextEncoder().encode("N"));
        continue;
      }
      if (code >> 16 !== 3 || length < 8 || length > STARTUP_BYTES) return undefined;
      return await this.#withBody(head, length);
    }
  }

  /** The next message; `undefined` when the client is done. */
  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const head = this.#ended ? undefined : await this.#read(5);
    if (!head || typeOf(head) === "X") return undefined;
    const length = new DataView(head.buffer).getInt32(1);
    if (length < 4 || length > MESSAGE_BYTES) {
      await this.write(errorMessage("FATAL", "08P01", "invalid message length"));
      return undefined;
    }
    const message = await this.#withBody(head, 1 + length);
    if (!message) return undefined;
    const named = withOwnNames(message, this.#prefix);
    if (preparedName(named)) this.#statements.add(preparedName(named));
    return named;
  }

  /** Messages until the engine is in no transaction again; rolls back when the client goes before. */
  async turn(first: Uint8Array<ArrayBuffer>, send: SendMessage): Promise<void> {
    let message: Uint8Array<ArrayBuffer> | undefined = first;
    try {
      while (message) {
        const answer = await send(wantsCopyData(message) ? copyRefusal(message) : message);
        await this.write(answer);
        if (isIdle(answer)) return;
        message = await this.#nextInTime();
      }
    } catch (error) {
      await send(messageOf("S"));
      await send(messageOf("Q", "rollback"));
      throw error;
    }
    await send(messageOf("S"));
    await send(messageOf("Q", "rollback"));
  }

  /** Leaves nothing of this client in the session. */
  async forget(send: SendMessage): Promise<void> {
    for (const name of this.#statements) await send(messageOf("C", `S${name}`));
    await send(messageOf("S"));
    await send(messageOf("Q", "reset session authorization; reset all; unlisten *"));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  async #nextInTime(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const late = setTimeout(() => {
      this.#ended = true;
      const text = "terminating connection due to idle-in-transaction timeout";
      void this.write(errorMessage("FATAL", "25P03", text)).catch(() => {})
        .finally(() => close(this.#connection));
    }, this.#idleMs);
    try {
      return await this.next();
    } finally {
      clearTimeout(late);
    }
  }

  async #withBody(
    head: Uint8Array,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const body = await this.#read(length - head.length);
    if (!body) return undefined;
    const message = new Uint8Array(length);
    message.set(head);
    message.set(body, head.length);
    return message;
  }

  /** So many bytes; `undefined` when the client is gone before. */
  async #read(count: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const read = await this.#connection.read(bytes.subarray(at));
      if (read === null) return undefined;
      at += read;
    }
    return bytes;
  }
}

/** A statement that fails, in place of one that PGlite does not survive: so the engine answers as its state demands. */
function copyRefusal(message: Uint8Array): Uint8Array {
  const text =
    "do $$ begin raise exception using errcode = '0A000', message = 'the embedded database cannot COPY FROM STDIN', hint = 'use INSERT'; end $$";
  return typeOf(message) === "Q"
    ? messageOf("Q", text)
    : messageOf("P", preparedName(message), text, "", "");
}

function listen(port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: DATABASE_HOST, port });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
    throw new ConfigurationError(
      `Cannot open the embedded database on port ${port} because another program uses it: choose another with --database-port, or 0 for a free one`,
      { cause },
    );
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // it is closed already
  }
}

function isGone(error: unknown): boolean {
  const kinds = [
    Deno.errors.BadResource,
    Deno.errors.BrokenPipe,
    Deno.errors.ConnectionReset,
    Deno.errors.Interrupted,
  ];
  return kinds.some((kind) => error instanceof kind);
}

const log = getLogger(["celeriac", "database"]);
