/** Reads streams by line. */

/** Yields the lines of a stream without line breaks. A line with more than `maxLength` characters is split. */
export async function* readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxLength: number,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) yield* pieces(line, maxLength);
    while (rest.length > maxLength) {
      yield rest.slice(0, maxLength);
      rest = rest.slice(maxLength);
    }
  }
  if (rest !== "") yield rest;
}

function* pieces(line: string, maxLength: number): Generator<string> {
  for (let start = 0; start === 0 || start < line.length; start += maxLength) {
    yield line.slice(start, start + maxLength);
  }
}
