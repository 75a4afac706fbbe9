/** Bodies that Celery compresses with `task_compression = "lzma"`: files of the xz format (kombu/compression.py). */
import type { Message } from "../broker/message.ts";
import { Malformed } from "../errors.ts";
import { MAX_BODY_BYTES } from "./body.ts";
import { isName } from "./shape.ts";

/** kombu's name of the compression. */
const XZ = "application/x-lzma";

/** Whether a message's body is compressed with xz: then {@linkcode withoutXz} goes before `decodeTask()`. */
export function isXz({ headers }: Pick<Message, "headers">): boolean {
  return headers["compression"] === XZ;
}

/** The same message with its body decompressed. Only xz needs this step of its own: its decoder works asynchronously.
 *
 * @throws {Malformed} when the body is broken, or larger than {@linkcode MAX_BODY_BYTES} once decompressed */
export async function withoutXz(message: Message): Promise<Message> {
  const { compression: _compression, ...headers } = message.headers;
  try {
    return { ...message, headers, body: await decompress(message.body) };
  } catch (cause) {
    throw new Malformed(
      `Cannot read body because it cannot be decompressed as '${XZ}' to at most ${MAX_BODY_BYTES} bytes: send it whole`,
      isName(headers["id"]) ? headers["id"] : undefined,
      { cause },
    );
  }
}

/** CommonJS, whose exports its types do not describe. */
async function decoder(): Promise<typeof import("xz-decompress")> {
  const { default: exports } = await import("xz-decompress") as unknown as {
    default: typeof import("xz-decompress");
  };
  return exports;
}

async function decompress(body: Uint8Array): Promise<Uint8Array> {
  // Loaded when it is needed: few senders compress with xz.
  const { XzReadableStream } = await decoder();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of new XzReadableStream(new Blob([new Uint8Array(body)]).stream())) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new RangeError("it is too large");
    chunks.push(new Uint8Array(chunk));
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
