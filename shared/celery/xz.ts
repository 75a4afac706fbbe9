/** Decompresses bodies that Celery sends with `task_compression = "lzma"`: xz format (kombu/compression.py). */
import type { Message } from "../broker/message.ts";
import { Malformed } from "../errors.ts";
import { MAX_BODY_BYTES } from "./body.ts";
import { isName } from "./shape.ts";

/** kombu's name of the compression. */
const XZ = "application/x-lzma";

/** Whether a message's body is compressed with xz: call {@linkcode withoutXz} before `decodeTask()`. */
export function isXz({ headers }: Pick<Message, "headers">): boolean {
  return headers["compression"] === XZ;
}

/** Decompresses the body of a message. Only xz needs this separate step, because its decoder is asynchronous.
 *
 * @throws {Malformed} when the data is corrupt, or larger than {@linkcode MAX_BODY_BYTES} when decompressed */
export async function withoutXz(message: Message): Promise<Message> {
  const { compression: _compression, ...headers } = message.headers;
  try {
    return { ...message, headers, body: await decompress(message.body) };
  } catch (cause) {
    throw new Malformed(
      `Cannot read body because it cannot be decompressed as '${XZ}' to at most ${MAX_BODY_BYTES} bytes: send complete data within this limit`,
      isName(headers["id"]) ? headers["id"] : undefined,
      { cause },
    );
  }
}

/** A CommonJS module. Its types do not describe the default export. */
async function decoder(): Promise<typeof import("xz-decompress")> {
  const { default: exports } = await import("xz-decompress") as unknown as {
    default: typeof import("xz-decompress");
  };
  return exports;
}

async function decompress(body: Uint8Array): Promise<Uint8Array> {
  // Loaded on demand, because few senders use xz.
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
