/** Checksums of migrations. */

/** SHA-256 of a migration in hex, independent of its line endings. */
export async function checksum(statements: string): Promise<string> {
  const bytes = new TextEncoder().encode(statements.replaceAll("\r\n", "\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
