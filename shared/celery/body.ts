/** Decodes the body of a message to text; decompresses it if necessary. */
import { brotliDecompressSync, inflateSync, zstdDecompressSync } from "node:zlib";
import Bunzip from "seek-bzip";
import type { HeaderValue } from "../broker/message.ts";
import { Malformed } from "../errors.ts";
import { repr } from "./repr.ts";

/** Maximum bytes of a decompressed body: the largest message that RabbitMQ 3 accepts. */
export const MAX_BODY_BYTES = 128 * 1024 * 1024;

/** The names of kombu/compression.py, except `application/x-lzma` (see `xz.ts`). Its `application/x-gzip` is a bare zlib stream, not a gzip file. */
const DECOMPRESS: Readonly<Record<string, (body: Uint8Array) => Uint8Array>> = {
  "application/x-gzip": (body) => inflateSync(body, { maxOutputLength: MAX_BODY_BYTES }),
  "application/x-bz2": bunzip,
  "application/x-brotli": (body) => brotliDecompressSync(body, { maxOutputLength: MAX_BODY_BYTES }),
  "application/zstd": (body) => zstdDecompressSync(body, { maxOutputLength: MAX_BODY_BYTES }),
};

/** @throws RangeError beyond {@linkcode MAX_BODY_BYTES} */
function bunzip(body: Uint8Array): Uint8Array {
  let bytes = new Uint8Array(Math.min(MAX_BODY_BYTES, 4 * body.length + 1024));
  let size = 0;
  Bunzip.decode(body, {
    writeByte(byte: number) {
      if (size === MAX_BODY_BYTES) throw new RangeError("it is too large");
      if (size === bytes.length) {
        const larger = new Uint8Array(Math.min(MAX_BODY_BYTES, 2 * size));
        larger.set(bytes);
        bytes = larger;
      }
      bytes[size++] = byte;
    },
  });
  return bytes.subarray(0, size);
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** Reads a body as UTF-8 text. Ignores `content_encoding`, like kombu's JSON decoder.
 *
 * @param compression the header of that name
 * @throws {Malformed} when its compression is not supported, its data is corrupt, or it is not UTF-8
 */
export function readText(body: Uint8Array, compression: HeaderValue | undefined): string {
  const bytes = compression ? decompress(body, compression) : body;
  try {
    return UTF_8.decode(bytes);
  } catch (cause) {
    throw new Malformed("Cannot read body because it is not UTF-8: send JSON in UTF-8", undefined, {
      cause,
    });
  }
}

function decompress(body: Uint8Array, compression: HeaderValue): Uint8Array {
  const name = typeof compression === "string" ? compression : repr(compression);
  const undo = Object.hasOwn(DECOMPRESS, name) ? DECOMPRESS[name] : undefined;
  if (!undo) {
    throw new Malformed(
      `Cannot read body because its compression '${
        name.slice(0, 64)
      }' is not supported: use zlib, bzip2, lzma, brotli, zstd or none`,
    );
  }
  try {
    return undo(body);
  } catch (cause) {
    throw new Malformed(
      `Cannot read body because it cannot be decompressed as '${name}' to at most ${MAX_BODY_BYTES} bytes: send complete data within this limit`,
      undefined,
      { cause },
    );
  }
}
