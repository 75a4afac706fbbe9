import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LogOutput } from "../../../shared/telemetry/log.ts";
import { jsonLine, textLine } from "../../../shared/telemetry/log_format.ts";

type Part = Parameters<typeof textLine>[0];

function record(part: Partial<Part> = {}): Part {
  return {
    category: ["celeriac", "task", "t"],
    level: "info",
    message: ["m"],
    rawMessage: "m",
    properties: {},
    timestamp: 0,
    ...part,
  };
}

const hostile = new Proxy({}, {
  get: () => {
    throw new Error("trap");
  },
  ownKeys: () => {
    throw new Error("trap");
  },
});
const cyclic: Record<string, unknown> = { n: 1 };
cyclic.self = cyclic;

Deno.test("textLine() escapes control characters", () => {
  for (const code of ["\u001b[2J", "\r", "\u0007", "\u009b31m", "\u202e", "\u2028", "\0"]) {
    const line = textLine(record({ message: [`a${code}b`] }));
    assert(!line.includes(code.charAt(0)), JSON.stringify(line));
    assertEquals(line.split("\n").length, 2);
  }
});

Deno.test("textLine() indents further lines, so that no text forges a record", () => {
  const forged = "x\n1970-01-01T00:00:00.000Z error worker: all is lost";
  const [, second] = textLine(record({ message: [forged] })).split("\n");
  assertStringIncludes(second ?? "", "    1970-01-01");
});

Deno.test("textLine() escapes a logger's name, which holds the name of a task", () => {
  const line = textLine(record({ category: ["celeriac", "task", "a\nb\u001b"] }));
  assertStringIncludes(line, "task.a\n    b\\x1b: m");
});

Deno.test("textLine() shows properties that the message does not name", () => {
  const properties = { named: 1, list: [1, { a: "b" }], big: 12345678901234567890n };
  const line = textLine(
    record({ message: ["see ", 1, ""], rawMessage: "see {named}", properties }),
  );
  assertStringIncludes(line, 'see 1 list=[ 1, { a: "b" } ] big=12345678901234567890n\n');
});

Deno.test("textLine() shows an error with its stack and causes", () => {
  const error = new TypeError("outer", { cause: new Error("inner") });
  const line = textLine(record({ properties: { error } }));
  assertStringIncludes(line, "TypeError: outer\n        at ");
  assertStringIncludes(line, "log_test.ts");
  assertStringIncludes(line, "Error: inner");
});

Deno.test("textLine() and jsonLine() accept any value", () => {
  const properties = {
    hostile,
    cyclic,
    big: 1n,
    nan: NaN,
    nothing: undefined,
    map: new Map([["k", 1]]),
    symbol: Symbol("s"),
    get broken() {
      throw new Error("getter");
    },
  };
  for (const format of [textLine, jsonLine]) {
    const line = format(record({ message: ["m ", hostile, ""], properties }));
    assertStringIncludes(line, "cannot be read");
    assert(line.endsWith("\n"));
  }
});

Deno.test("jsonLine() keeps the fields of a record apart from its own", () => {
  const properties = { level: "mine", message: "mine", error: new RangeError("r"), n: 2 ** 60 };
  const line = jsonLine(record({ level: "warning", properties }));
  const { level, message, fields } = JSON.parse(line);
  assertEquals([level, message], ["warn", "m"]);
  assertEquals([fields.level, fields.message, fields.n], ["mine", "mine", 2 ** 60]);
  assertEquals([fields.error.name, fields.error.message], ["RangeError", "r"]);
  assertStringIncludes(fields.error.stack, "log_test.ts");
});

Deno.test("jsonLine() is one line whatever the text holds", () => {
  const line = jsonLine(record({ message: ["a\nb\r\u001b\u0085\u2028c"] }));
  assert(!/[\p{Cc}\u2028]/u.test(line.slice(0, -1)), JSON.stringify(line));
  assertEquals(JSON.parse(line).message, "a\nb\r\u001b\u0085\u2028c");
});

Deno.test("textLine() and jsonLine() bound a record", () => {
  const long = "x".repeat(1_000_000);
  for (const format of [textLine, jsonLine]) {
    const line = format(record({ message: [long], properties: { long } }));
    assert(line.length < 200_000, `${line.length}`);
    assertMatch(line, /\.\.\. \(\d{7,} characters\)/);
  }
});

Deno.test("LogOutput completes partial writes", () => {
  let written = "";
  const output = new LogOutput((bytes) => {
    written += new TextDecoder().decode(bytes.subarray(0, 3));
    return Math.min(3, bytes.length);
  });
  output.add("first line\n", false);
  assertEquals(written, "");
  output.add("second line\n", true);
  assertEquals(written, "first line\nsecond line\n");
});

Deno.test("LogOutput survives a standard error that is closed", () => {
  const output = new LogOutput(() => {
    throw new Deno.errors.BrokenPipe("closed");
  });
  output.add("line\n", true);
});
