/** Reads the pixels of a PNG, so that a test sees a thumbnail as a person does.
 * @module
 */

/** A picture of 8 bits a channel. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** 3 = RGB, 4 = RGBA. */
  readonly channels: number;
  readonly data: Uint8Array;
}

/** Decodes a PNG of 8 bits a channel that is not interlaced. */
export async function decodePng(png: Uint8Array): Promise<Pixels> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const channels = view.getUint8(25) === 6 ? 4 : 3;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 8; at < png.length; at += 12 + view.getUint32(at)) {
    const type = new TextDecoder().decode(png.subarray(at + 4, at + 8));
    if (type === "IDAT") parts.push(png.slice(at + 8, at + 8 + view.getUint32(at)));
  }
  const inflated = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const raw = await new Response(inflated).bytes();
  return { width, height, channels, data: unfilter(raw, width * channels, height, channels) };
}

function unfilter(raw: Uint8Array, stride: number, height: number, step: number): Uint8Array {
  const data = new Uint8Array(stride * height);
  const at = (x: number, y: number) => x < 0 || y < 0 ? 0 : data[y * stride + x] ?? 0;
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)] ?? 0;
    for (let x = 0; x < stride; x++) {
      const [left, up, corner] = [
        at(x - step, y),
        at(x, y - 1),
        x < step ? 0 : at(x - step, y - 1),
      ];
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
      data[y * stride + x] = (raw[y * (stride + 1) + 1 + x] ?? 0) + guess;
    }
  }
  return data;
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(guess - value)) as [
    number,
    number,
    number,
  ];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** Mean red, green and blue of the rows from `from` up to `to`, rounded. */
export function meanColour({ width, channels, data }: Pixels, from: number, to: number): number[] {
  const count = (to - from) * width;
  return [0, 1, 2].map((channel) => {
    let sum = 0;
    for (let pixel = from * width; pixel < to * width; pixel++) {
      sum += data[pixel * channels + channel] ?? 0;
    }
    return Math.round(sum / count);
  });
}
