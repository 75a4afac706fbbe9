import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { imageThumbnail } from "../../../shared/tasks/image_thumbnail.ts";
import { imageThumbnailHandler } from "../../../workers/tasks/image_thumbnail.ts";
import { context, readBytes } from "./fixtures.ts";
import { decodePng, meanColour } from "./png.ts";

interface Options {
  max_side?: number;
  format?: "png" | "jpeg";
}

async function thumbnail(image: Uint8Array, options: Options = {}) {
  const input = imageThumbnail.input.parse({ image: image.toBase64(), ...options });
  return imageThumbnail.output!.parse(await imageThumbnailHandler.run(input, context()));
}

async function refusal(image: Uint8Array): Promise<string> {
  const error = await assertRejects(() => thumbnail(image), Error);
  assertEquals(error.name, "UnreadableImage");
  return error.message;
}

/** By Pillow: size as shown, size of the thumbnail, mean colours of its upper and lower half. */
const FIGURES: [string, number, number[], number[], number[][]][] = [
  ["hopper.png", 64, [128, 128], [64, 64], [[101, 95, 118], [79, 65, 73]]],
  ["hopper.jpg", 64, [128, 128], [64, 64], [[101, 95, 118], [79, 65, 73]]],
  ["hopper_orientation_6.jpg", 64, [128, 128], [64, 64], [[101, 95, 118], [78, 65, 73]]],
  ["china.jpg", 128, [640, 427], [128, 85], [[191, 197, 205], [100, 95, 79]]],
  ["grace_hopper.jpg", 128, [512, 600], [109, 128], [[102, 94, 116], [63, 51, 57]]],
  ["pil_sample_cmyk.jpg", 50, [100, 100], [50, 50], [[46, 6, 9], [15, 5, 6]]],
];

for (const [file, side, shown, size, halves] of FIGURES) {
  Deno.test(`image.thumbnail matches Pillow's output for ${file}`, async () => {
    const bytes = await readBytes(`images/${file}`);
    const found = await thumbnail(bytes, { max_side: side, format: "png" });
    const format = file.endsWith("png") ? "png" : "jpeg";
    const { width, height, image, original } = found;
    assertEquals([width, height], size);
    assertEquals(original, { width: shown[0], height: shown[1], format, bytes: bytes.length });
    const pixels = await decodePng(Uint8Array.fromBase64(image));
    assertEquals([pixels.width, pixels.height], size);
    const middle = Math.floor(height / 2);
    const colours = [meanColour(pixels, 0, middle), meanColour(pixels, middle, height)];
    const furthest = Math.max(
      ...colours.flat().map((value, index) => Math.abs(value - halves.flat()[index]!)),
    );
    assert(furthest <= 3, `${JSON.stringify(colours)} instead of ${JSON.stringify(halves)}`);
  });
}

Deno.test("image.thumbnail rotates a picture by its EXIF orientation", async () => {
  const { width, height, original } = await thumbnail(
    await readBytes("images/orientation_rectangle.jpg"),
  );
  assertEquals([width, height], [1, 2]);
  assertEquals([original.width, original.height], [1, 2]);
});

Deno.test("image.thumbnail keeps the format and the transparency unless told otherwise", async () => {
  const logo = await readBytes("images/logo2.png");
  const png = await thumbnail(logo);
  assertEquals([png.width, png.height, png.format], [128, 31, "png"]);
  assertEquals((await decodePng(Uint8Array.fromBase64(png.image))).channels, 4);
  const jpeg = await thumbnail(logo, { format: "jpeg" });
  assertEquals(jpeg.format, "jpeg");
  assertEquals(Uint8Array.fromBase64(jpeg.image).slice(0, 3), new Uint8Array([0xff, 0xd8, 0xff]));
  assertEquals((await thumbnail(await readBytes("images/china.jpg"))).format, "jpeg");
});

Deno.test("image.thumbnail enlarges nothing", async () => {
  const { width, height } = await thumbnail(await readBytes("images/hopper.png"), {
    max_side: 1000,
  });
  assertEquals([width, height], [128, 128]);
});

Deno.test("image.thumbnail says that a picture is damaged", async () => {
  for (const file of ["truncated_image.png", "broken_data_stream.png"]) {
    assertMatch(await refusal(await readBytes(`images/${file}`)), /picture is damaged \(.*Png/);
  }
});

Deno.test("image.thumbnail refuses what is no PNG and no JPEG", async () => {
  const gif = Uint8Array.fromBase64("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7");
  assertMatch(await refusal(gif), /of a gif picture: send a PNG or JPEG/);
  assertMatch(await refusal(new TextEncoder().encode("no picture at all, but text")), /no picture/);
  assertMatch(await refusal(new Uint8Array([0x89, 0x50])), /no picture/);
});

Deno.test("image.thumbnail refuses a picture of too many pixels before it decodes it", async () => {
  const bomb = await readBytes("images/hopper.png");
  new DataView(bomb.buffer).setUint32(16, 50_000);
  new DataView(bomb.buffer).setUint32(20, 50_000);
  assertMatch(await refusal(bomb), /50000 x 50000 pixels/);
});
