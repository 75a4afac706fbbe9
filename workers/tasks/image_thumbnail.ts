import { imageSize } from "image-size";
import { CeleriacError } from "../../shared/errors.ts";
import { imageThumbnail } from "../../shared/tasks/image_thumbnail.ts";
import { handle } from "../handlers.ts";

type Format = "png" | "jpeg";

/** Pixels of a picture: 32 megapixels take 128 MiB when decoded, and a few kilobytes can claim more. */
const MAX_PIXELS = 32 * 1024 * 1024;

/** Of 1: small files without blocks that show. */
const JPEG_QUALITY = 0.85;

/** Formats by the names that `image-size` gives them. */
const FORMATS: ReadonlyMap<string | undefined, Format> = new Map([["png", "png"], ["jpg", "jpeg"]]);

/** The picture is none that can be shrunk. */
class UnreadableImage extends CeleriacError {}

/** Scales down a PNG or JPEG with the runtime's decoder, which also applies the EXIF orientation. */
export const imageThumbnailHandler = handle(imageThumbnail, async (input) => {
  const bytes = Uint8Array.fromBase64(input.image);
  const from = inspect(bytes);
  using picture = new Picture(await decode(bytes, from));
  const { width, height } = picture.bitmap;
  const scale = Math.min(1, input.max_side / Math.max(width, height));
  const size = { width: atLeastOne(width * scale), height: atLeastOne(height * scale) };
  const format = input.format ?? from;
  return {
    ...size,
    format,
    image: (await encode(picture.bitmap, size, format)).toBase64(),
    original: { width, height, format: from, bytes: bytes.length },
  };
});

/** Reads the format and the size from the picture's head, before a decoder makes room for its pixels. */
function inspect(bytes: Uint8Array): Format {
  const { type, width, height } = head(bytes);
  const format = FORMATS.get(type);
  if (!format) {
    throw new UnreadableImage(`Cannot make a thumbnail of a ${type} picture: send a PNG or JPEG`);
  }
  if (width * height > MAX_PIXELS) {
    throw new UnreadableImage(
      `Cannot make a thumbnail because the picture has ${width} x ${height} pixels and ${MAX_PIXELS} are allowed: send a smaller one`,
    );
  }
  return format;
}

function head(bytes: Uint8Array): { type?: string; width: number; height: number } {
  try {
    return imageSize(bytes);
  } catch (cause) {
    throw new UnreadableImage(
      "Cannot make a thumbnail because this is no picture, or its beginning is damaged: send a PNG or JPEG",
      { cause },
    );
  }
}

async function decode(bytes: Uint8Array<ArrayBuffer>, format: Format): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(new Blob([bytes], { type: `image/${format}` }));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UnreadableImage(
      `Cannot make a thumbnail because the picture is damaged (${reason}): send it whole`,
      { cause },
    );
  }
}

async function encode(
  bitmap: ImageBitmap,
  { width, height }: { width: number; height: number },
  format: Format,
): Promise<Uint8Array> {
  const small = await createImageBitmap(bitmap, {
    resizeWidth: width,
    resizeHeight: height,
    resizeQuality: "low", // a tent filter over all pixels beneath; finer ones take 2 to 3 times as long
  });
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(small);
  const blob = await canvas.convertToBlob({ type: `image/${format}`, quality: JPEG_QUALITY });
  return await blob.bytes();
}

function atLeastOne(pixels: number): number {
  return Math.max(1, Math.round(pixels));
}

/** A decoded picture, whose pixels are given back at once and not when the collector comes by. */
class Picture implements Disposable {
  constructor(readonly bitmap: ImageBitmap) {}

  [Symbol.dispose](): void {
    this.bitmap.close();
  }
}
