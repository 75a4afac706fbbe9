/** Creates a certificate authority and certificates with OpenSSL.
 * @module
 */
import { run } from "./process.ts";

/** Creates `ca.crt` and `ca.key` in a folder. */
export async function makeAuthority(folder: string): Promise<void> {
  await openssl(
    folder,
    "req",
    "-x509",
    ...KEY,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-days",
    "2",
    "-subj",
    "/CN=tests",
  );
}

/** Creates `NAME.crt` and `NAME.key` in the authority's folder.
 *
 * @param commonName the only name in the certificate */
export async function makeCertificate(
  folder: string,
  name: string,
  commonName: string,
): Promise<void> {
  const request = `${name}.csr`;
  await openssl(
    folder,
    "req",
    ...KEY,
    "-keyout",
    `${name}.key`,
    "-out",
    request,
    "-subj",
    `/CN=${commonName}`,
    "-addext",
    `subjectAltName=DNS:${commonName}`,
  );
  await openssl(
    folder,
    "x509",
    "-req",
    "-in",
    request,
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-copy_extensions",
    "copy",
    "-days",
    "2",
    "-out",
    `${name}.crt`,
  );
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];

async function openssl(folder: string, ...args: string[]): Promise<void> {
  await run("openssl", args, { cwd: folder });
}
