import { Buffer } from "node:buffer";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeFields } from "../../../shared/broker/amqp/field_reader.ts";
import { FieldTable } from "../../../shared/broker/amqp/field_writer.ts";
import type { Headers } from "../../../shared/broker/message.ts";
import { InvalidInput } from "../../../shared/errors.ts";

/** Encoded fields, without the length prefix. */
function wire(headers: Headers): Uint8Array {
  const buffer = Buffer.alloc(65536);
  const length = new FieldTable(headers).write(buffer, 0);
  return new Uint8Array(buffer.subarray(4, length));
}

/** The tag of a single header whose name has one letter. */
function tagOf(value: Headers[string]): string {
  return String.fromCharCode(wire({ x: value })[2] ?? 0);
}

const bytes = (...parts: (number | string)[]) =>
  new Uint8Array(
    parts.flatMap((part) =>
      typeof part === "number" ? [part] : Array.from(part, (letter) => letter.charCodeAt(0))
    ),
  );

Deno.test("FieldTable writes integers as I, beyond 32 bits as l, negative ones beyond 32 bits as doubles", () => {
  for (
    const integer of [
      0,
      -0,
      1,
      -1,
      127,
      128,
      -129,
      200,
      300,
      32767,
      -32768,
      2 ** 31 - 1,
      -(2 ** 31),
      5n,
    ]
  ) {
    assertEquals(tagOf(integer), "I", String(integer));
  }
  for (const integer of [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER, 2n ** 62n]) {
    assertEquals(tagOf(integer), "l", String(integer));
  }
  for (const number of [-(2 ** 31) - 1, Number.MIN_SAFE_INTEGER, 1.5, 2 ** 60, -1e300]) {
    assertEquals(tagOf(number), "d", String(number));
  }
});

Deno.test("FieldTable never writes a tag that py-amqp misreads, at any depth", () => {
  const integers = [];
  for (let exponent = 0; exponent <= 53; exponent++) {
    for (const near of [-1, 0, 1]) integers.push(2 ** exponent + near, -(2 ** exponent) + near);
  }
  const sent = integers.filter((integer) => Number.isSafeInteger(integer));
  for (const integer of sent) {
    const encoded = wire({ k: { k: [integer, [integer, { k: integer }]] } });
    const tag = String.fromCharCode(encoded[14] ?? 0);
    assert(tag === "I" || tag === "l" || tag === "d", `${tag} for ${integer}`);
    const inner = String.fromCharCode(encoded[14 + 1 + (tag === "I" ? 4 : 8) + 5] ?? 0);
    assertEquals(inner, tag);
    assertEquals(decodeFields(encoded), { k: { k: [integer, [integer, { k: integer }]] } });
  }
});

Deno.test("decodeFields() reads the output of FieldTable", () => {
  const long = "long text, ".repeat(20);
  const headers = {
    "": null,
    "ключ": "значение",
    "__proto__x": [],
    mixed: `${"a".repeat(60)}ä`,
    long,
    wide: `${long}é😀`,
    table: { "!": "int32", value: "no number", empty: {} },
    list: [{ "!": "timestamp" }, true, false, 1.5, 2n ** 62n],
    date: new Date(1_700_000_000_000),
    bytes: new Uint8Array([0, 255]),
  };
  assertEquals(decodeFields(wire(headers)), headers);
});

Deno.test("FieldTable rejects headers larger than the buffer and names over 255 bytes", () => {
  const table = new FieldTable({ text: "x".repeat(100), list: [1] });
  const size = table.write(Buffer.alloc(200), 0);
  assertEquals(table.write(Buffer.alloc(size + 3), 3), size);
  for (let room = 0; room < size; room++) {
    assertThrows(() => table.write(Buffer.alloc(room), 0), RangeError);
  }
  for (const name of ["n".repeat(256), "ä".repeat(128)]) {
    assertThrows(() => wire({ [name]: 1 }), RangeError, "too long");
  }
});

Deno.test("FieldTable names the header that it cannot encode", () => {
  for (
    const bad of [NaN, Infinity, -Infinity, 2n ** 63n, -(2n ** 53n), new Date(NaN), new Date(-1)]
  ) {
    const error = assertThrows(() => wire({ a: { b: [bad] } }), InvalidInput);
    assertEquals(error.field, "a.b[0]");
  }
});

Deno.test("decodeFields() reads every tag of RabbitMQ and of the specification", () => {
  const tables: [Uint8Array, Headers[string]][] = [
    [bytes("t", 1), true],
    [bytes("b", 0xff), -1],
    [bytes("B", 0xff), 255],
    [bytes("s", 0xff, 0xfe), -2],
    [bytes("U", 0xff, 0xfe), -2],
    [bytes("u", 0xff, 0xfe), 65534],
    [bytes("I", 0xff, 0xff, 0xff, 0xff), -1],
    [bytes("i", 0xff, 0xff, 0xff, 0xff), 2 ** 32 - 1],
    [bytes("l", 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), -1],
    [bytes("L", 0, 0, 1, 0, 0, 0, 0, 0), 2 ** 40],
    [bytes("L", 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff), -(2 ** 40) - 1],
    [bytes("L", 0x40, 0, 0, 0, 0, 0, 0, 0), 2n ** 62n],
    [bytes("f", 0x3f, 0xc0, 0, 0), 1.5],
    [bytes("d", 0x3f, 0xf8, 0, 0, 0, 0, 0, 0), 1.5],
    [bytes("D", 2, 0, 0, 1, 0x3b), 3.15],
    [bytes("T", 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0), new Date(1_700_000_000_000)],
    [bytes("T", 0x7f, 0, 0, 0, 0, 0, 0, 0), 0x7f00000000000000n],
    [bytes("V"), null],
    [bytes("S", 0, 0, 0, 2, 0xc3, 0xa4), "ä"],
    [bytes("x", 0, 0, 0, 2, 0, 255), new Uint8Array([0, 255])],
    [bytes("A", 0, 0, 0, 3, "t", 0, "V"), [false, null]],
    [bytes("F", 0, 0, 0, 3, 1, "k", "V"), { k: null }],
  ];
  for (const [value, expected] of tables) {
    const tag = String.fromCharCode(value[0] ?? 0);
    const after = bytes(1, "z", "t", 1);
    assertEquals(decodeFields(new Uint8Array([1, 0x78, ...value, ...after])), {
      x: expected,
      z: true,
    }, tag);
    assertEquals(decodeFields(Buffer.from([1, 0x78, ...value])), { x: expected }, tag);
  }
});

Deno.test("decodeFields() never throws", () => {
  const whole = wire({
    a: 1,
    list: [1, "two", { three: null }],
    text: "x".repeat(50),
    date: new Date(0),
    bytes: new Uint8Array(5),
  });
  for (let length = 0; length <= whole.length; length++) decodeFields(whole.subarray(0, length));
  for (let at = 0; at < whole.length; at++) {
    for (const byte of [0, 0x41, 0x46, 0x53, 0x7a, 0xff]) decodeFields(whole.with(at, byte));
  }
});

Deno.test("decodeFields() skips the rest of the innermost table after an unknown tag", () => {
  const inner = bytes(1, "a", "t", 1, 1, "b", "?", 1, 2, 3);
  const table = new Uint8Array([
    1,
    0x78,
    0x46,
    0,
    0,
    0,
    inner.length,
    ...inner,
    ...bytes(1, "y", "t", 1),
  ]);
  assertEquals(decodeFields(table), { x: { a: true }, y: true });
});

Deno.test("decodeFields() limits the nesting of tables", () => {
  let nested = new Uint8Array();
  for (let depth = 0; depth < 20_000; depth++) {
    const length = new Uint8Array(5);
    length[0] = 0x41;
    new DataView(length.buffer).setUint32(1, nested.length);
    if (depth % 1000 === 0) nested = new Uint8Array([...length, ...nested]);
    else {
      const next = new Uint8Array(5 + nested.length);
      next.set(length);
      next.set(nested, 5);
      nested = next;
    }
  }
  const fields = decodeFields(new Uint8Array([1, 0x78, ...nested, ...bytes(1, "y", "t", 1)]));
  assertEquals(fields["y"], true);
  assert(Array.isArray(fields["x"]));
});

Deno.test("decodeFields() reads __proto__ as a normal header", () => {
  const fields = decodeFields(bytes(9, "__proto__", "F", 0, 0, 0, 4, 1, "x", "t", 1));
  assertEquals(Object.getPrototypeOf(fields), Object.prototype);
  assertEquals(Object.keys(fields), ["__proto__"]);
});

Deno.test("decodeFields() accepts duplicate names", () => {
  for (const name of ["__proto__", "constructor", "x", ""]) {
    const field = [name.length, name, "t"];
    const fields = decodeFields(bytes(...field, 0, ...field, 1));
    assertEquals(Object.entries(fields), [[name, true]]);
    assertEquals(Object.getPrototypeOf(fields), Object.prototype);
  }
});

Deno.test("decodeFields() survives a million malformed tables", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = mulberry32(seed);
  const table = new Uint8Array(96);
  let at = 0;
  try {
    for (let count = 0; count < 1_000_000; count++) {
      at = 0;
      while (at < 64) at = hostileField(table, at, random);
      // Change a few random bytes: lengths beyond the end, unknown tags.
      if (count % 2 === 0) table[random() % at] = random() & 255;
      decodeFields(table.subarray(0, count % 3 === 0 ? random() % at : at));
    }
  } catch (cause) {
    const hex = table.subarray(0, at).toHex();
    throw new Error(`Cannot decode ${hex} (seed ${seed})`, { cause });
  }
});

const NAMES = ["__proto__", "constructor", "x", ""];
const TAGS = "tbBsUuIilLfdDTVSxAF?";

/** Writes a field at `at`: a frequently repeated name and a value of any tag. Nested values contain the fields that follow. */
function hostileField(table: Uint8Array, at: number, random: () => number): number {
  const name = NAMES[random() & 3]!;
  table[at++] = name.length;
  for (let index = 0; index < name.length; index++) table[at++] = name.charCodeAt(index);
  const tag = TAGS[random() % TAGS.length]!;
  table[at++] = tag.charCodeAt(0);
  if ("SxAF".includes(tag)) {
    table.fill(0, at, at + 3);
    table[at + 3] = random() & 31;
    return at + 4;
  }
  const size = "tbB".includes(tag) ? 1 : "sUu".includes(tag) ? 2 : "Iif".includes(tag) ? 4 : 8;
  for (let index = 0; index < size; index++) table[at + index] = random() & 255;
  return at + (tag === "V" ? 0 : tag === "D" ? 5 : size);
}

/** A small seeded random number generator. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
