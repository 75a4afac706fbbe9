/** Reading a request's body: bounded, of one type, in UTF-8. */
import { Problem } from "./problem.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Refuses a body that is not of one of these media types. A request without a body and without a type passes.
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
  throw unsupported(`its ${wrong} is not read here`, allowed);
}

function unsupported(why: string, allowed: readonly string[]): Problem {
  return new Problem(
    "unsupported-content-type",
    `Cannot read the body as ${why}: send UTF-8 with Content-Type: ${allowed.join(" or ")}`,
    { headers: { accept: allowed.join(", ") } },
  );
}

/** Reads all of a body, up to a limit.
 *
 * @param limit bytes
 * @throws {Problem} `body-too-large`, by Content-Length before reading, else as soon as it is passed;
 * `incomplete-body` when the caller hangs up */
export async function readBytes(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const declared = request.headers.get("content-length");
  if (Number(declared) > limit) throw tooLarge(limit);
  try {
    if (declared === null) return await collect(request.body ?? [], limit);
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.length > limit) throw tooLarge(limit);
    return bytes;
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem("incomplete-body", "Cannot read the body as it ended early: send all of it", {
      cause,
    });
  }
}

async function collect(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>> | Iterable<never>,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const collected: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    collected.push(chunk);
  }
  return new Uint8Array(await new Blob(collected).arrayBuffer());
}

/** The problem of a body over its limit. */
export function tooLarge(limit: number): Problem {
  return new Problem(
    "body-too-large",
    `Cannot accept a body of more than ${limit} bytes: send less`,
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

/** @throws {Problem} `invalid-json` when the bytes are no UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new Problem("invalid-json", "Cannot read the body as it is not UTF-8: encode it so", {
      cause,
    });
  }
}
