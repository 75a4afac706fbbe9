/** Reads request bodies with limits on size, time, media type and encoding. */
import { withTimeout } from "../../shared/runtime/waits.ts";
import { Problem } from "./problem.ts";

/** Milliseconds that a client has for any body: enough for a small one on a slow connection. */
const GRACE_MS = 20_000;

/** Minimum bytes per millisecond after that. */
const BYTES_PER_MS = 32;

/** Maximum bytes of a body that is read in one piece, which is fastest: 1 MiB. */
const QUICK_BYTES = 1024 * 1024;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Checks the media type of a body. A request without body and Content-Type passes.
 *
 * @throws {Problem} `unsupported-content-type` */
export function requireType(headers: Headers, allowed: readonly string[]): string | undefined {
  const given = headers.get("content-type");
  const encoding = headers.get("content-encoding");
  const [type = "", ...parameters] = (given ?? "").toLowerCase().split(";").map((part) =>
    part.trim()
  );
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  const wrong = encoding && encoding !== "identity"
    ? `Content-Encoding '${encoding}'`
    : given !== null && !allowed.includes(type)
    ? `Content-Type '${given}'`
    : charset && !/^charset="?utf-8"?$/.test(charset)
    ? `'${charset}'`
    : undefined;
  if (!wrong) return given === null ? undefined : type;
  throw unsupported(`its ${wrong} is not supported`, allowed);
}

function unsupported(why: string, allowed: readonly string[]): Problem {
  return new Problem(
    "unsupported-content-type",
    `Cannot read the body because ${why}: send UTF-8 with Content-Type: ${allowed.join(" or ")}`,
    { headers: { accept: allowed.join(", ") } },
  );
}

/** Options of reading. */
export interface ReadOptions {
  /** Milliseconds for any body; a large one gets more time, by {@linkcode BYTES_PER_MS}. Default 20 s */
  readonly graceMs?: number;
}

/** Reads a whole body, up to a limit.
 *
 * @param limit bytes
 * @throws {Problem} `body-too-large`, by Content-Length before reading, otherwise when the limit is exceeded;
 * `incomplete-body` when the client disconnects; `body-too-slow` when it takes too long */
export async function readBytes(
  request: Request,
  limit: number,
  { graceMs = GRACE_MS }: ReadOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = request.headers.get("content-length");
  if (Number(declared) > limit) throw tooLarge(limit);
  try {
    if (declared === null || Number(declared) > QUICK_BYTES) {
      return await collect(request.body, limit, graceMs);
    }
    const ms = graceMs + Number(declared) / BYTES_PER_MS;
    const bytes = new Uint8Array(await inTime(ms, request.arrayBuffer()));
    if (bytes.length > limit) throw tooLarge(limit);
    return bytes;
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem(
      "incomplete-body",
      "Cannot read the body because the connection closed early: send the whole body",
      {
        cause,
      },
    );
  }
}

/** As withTimeout(), without a signal for the work: that would take as long as reading a small body. */
function inTime<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const timer = setTimeout(() => reject(tooSlow()), ms);
  work.then((result) => {
    clearTimeout(timer);
    resolve(result);
  }, (error) => {
    clearTimeout(timer);
    reject(error);
  });
  return promise;
}

async function collect(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  limit: number,
  graceMs: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array();
  const collected: Uint8Array<ArrayBuffer>[] = [];
  const reader = body.getReader();
  const began = performance.now();
  let length = 0;
  try {
    for (;;) {
      const leftMs = began + graceMs + length / BYTES_PER_MS - performance.now();
      const { done, value } = await withTimeout(leftMs, tooSlow, () => reader.read());
      if (done) return new Uint8Array(await new Blob(collected).arrayBuffer());
      length += value.length;
      if (length > limit) throw tooLarge(limit);
      collected.push(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

function tooSlow(): Problem {
  return new Problem(
    "body-too-slow",
    `Cannot read the body because it arrives too slowly: send at least ${BYTES_PER_MS} kB per second`,
    { headers: { connection: "close" } },
  );
}

/** The problem for a body above its limit. */
export function tooLarge(limit: number): Problem {
  return new Problem(
    "body-too-large",
    `Cannot accept the body because it has more than ${limit} bytes: send less`,
  );
}

/** Reads a JSON body as text; `undefined` when there is none.
 *
 * @throws {Problem} `unsupported-content-type`, `body-too-large` or `invalid-json` */
export async function readJsonText(request: Request, limit: number): Promise<string | undefined> {
  const type = requireType(request.headers, ["application/json"]);
  const bytes = await readBytes(request, limit);
  if (bytes.length === 0) return undefined;
  if (!type) throw unsupported("it says no Content-Type", ["application/json"]);
  return decodeText(bytes);
}

/** @throws {Problem} `invalid-json` when the bytes are not UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new Problem(
      "invalid-json",
      "Cannot read the body because it is not UTF-8: encode it as UTF-8",
      {
        cause,
      },
    );
  }
}

/** Whether a text has at most `limit` bytes in UTF-8. */
export function fitsBytes(text: string, limit: number): boolean {
  return text.length <= limit &&
    (text.length * 3 <= limit || new TextEncoder().encode(text).length <= limit);
}
