/** Tables of mistakes that people make, and the message that each gives. */
import { assert, assertEquals } from "@std/assert";

/** A message, and the mistake that gives it. */
export type Mistake = readonly [message: string, make: () => unknown];

/** Tests that each mistake gives its message, which says what is wrong, why, and what to do. */
export function testMistakes(title: string, table: readonly Mistake[]): void {
  Deno.test(`mistakes in ${title} say what is wrong, why and what to do`, async () => {
    for (const [message, make] of table) {
      assertEquals(await messageOf(make), message);
      assert(/^Cannot .+ because .+: .+/s.test(message), message);
    }
  });
}

/** The message of what is thrown, or rejected. */
export async function messageOf(make: () => unknown): Promise<string> {
  try {
    await make();
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}
