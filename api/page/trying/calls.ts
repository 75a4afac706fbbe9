/** Calls of a task in three languages, to paste. Pure. */
import { curlLine } from "../../openapi/page.ts";

/** What to call. */
export interface Call {
  /** Origin of the API, and the path below it that a proxy adds. */
  readonly base: string;
  readonly name: string;
  /** JSON values. */
  readonly body: object;
  /** Whether requests need credentials. */
  readonly isSecured: boolean;
}

/** A call in each language. All wait for the result. */
export interface Calls {
  readonly curl: string;
  readonly typescript: string;
  readonly python: string;
}

/** Writes the calls.
 *
 * @example
 * ```ts
 * import { callsOf } from "./calls.ts";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const body = { kwargs: { loud: true } };
 * const { python } = callsOf({ base: "http://127.0.0.1:8000", name: "greet", body, isSecured: false });
 * assertStringIncludes(python, '{"kwargs": {"loud": True}}');
 * ```
 */
export function callsOf({ base, name, body, isSecured }: Call): Calls {
  const url = `${base}/v1/tasks/${encodeURIComponent(name)}`;
  const waiting = JSON.stringify(`${url}?wait=10`);
  return {
    curl: curlLine(url, body, isSecured),
    typescript: `const response = await fetch(${waiting}, {
  method: "POST",
  headers: {
    "content-type": "application/json",${
      isSecured ? "\n    authorization: `Bearer ${process.env.CELERIAC_API_TOKEN}`," : ""
    }
  },
  body: JSON.stringify(${JSON.stringify(body)}),
});
const task = await response.json();`,
    python: `import json${isSecured ? ", os" : ""}, urllib.request

request = urllib.request.Request(
    ${waiting},
    data=json.dumps(${pythonLiteral(body)}).encode(),
    headers={
        "Content-Type": "application/json",${
      isSecured ? '\n        "Authorization": "Bearer " + os.environ["CELERIAC_API_TOKEN"],' : ""
    }
    },
)
print(json.load(urllib.request.urlopen(request)))`,
  };
}

const CONSTANTS: Readonly<Record<string, string>> = { true: "True", false: "False", null: "None" };

/** JSON as a Python literal: only three constants differ. */
function pythonLiteral(value: object): string {
  return JSON.stringify(value).replaceAll(
    /("(?:[^"\\]|\\.)*")([:,]?)|true|false|null|,/g,
    (token, text, sign) => {
      if (token === ",") return ", ";
      return text === undefined ? CONSTANTS[token]! : text + sign + (sign ? " " : "");
    },
  );
}
