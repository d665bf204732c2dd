/**
 * The certificate for streams and web pages. It is the operator's, or a self-signed one (ECDSA P-256, RFC 6120 §13.7.1.2) that is
 * created once and kept in the data folder.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Refusal, reasonOf, UsageError } from '../core/report.ts';
import { programLimits } from '../limits.ts';

export interface PemFiles {
  readonly cert: string;
  readonly key: string;
}

export interface PemPair extends PemFiles {
  /** The files that the certificate and the key were read from. */
  readonly files: PemFiles;
}

/** @throws {UsageError} when only one of the two flags is given */
export function checkPemFlags({ cert, key }: { readonly cert?: string; readonly key?: string }): PemFiles | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) throw new UsageError(`--key: '${key}' needs --cert with the certificate that belongs to it`);
  if (key === undefined) throw new UsageError(`--cert: '${cert}' needs --key with the private key that belongs to it`);
  return { cert, key };
}

/** @throws {UsageError} for files that cannot be read, are not PEM, or do not belong together */
export function readPemFiles(files: PemFiles): PemPair {
  const cert = readText('--cert', files.cert);
  const key = readText('--key', files.key);
  const certificate = parse('--cert', files.cert, 'a certificate in PEM', () => new X509Certificate(cert));
  const privateKey = parse('--key', files.key, 'a private key in PEM without a passphrase', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new UsageError(`--key: '${files.key}' does not belong to the certificate in '${files.cert}'`);
  }
  return { cert, key, files };
}

function readText(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag}: '${path}' cannot be read: ${reasonOf(error)}`);
  }
}

function parse<Parsed>(flag: string, path: string, what: string, read: () => Parsed): Parsed {
  try {
    return read();
  } catch {
    throw new UsageError(`${flag}: '${path}' is not ${what}`);
  }
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Returns the certificate from the folder if it is valid for the domain and for long enough. Otherwise creates a new one there.
 * @throws {Refusal} when the folder cannot be written
 */
export async function keepSelfSigned(folder: string, domain: string, clock: Clock): Promise<PemPair> {
  const files = { cert: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
  const kept = readKept(files);
  if (kept !== undefined && isGood(new X509Certificate(kept.cert), domain, clock)) return kept;
  // Imported only here: what writes certificates is large, and a service that has one needs none of it.
  const { makeSelfSigned } = await import('./self-signed.ts');
  const made = await makeSelfSigned(nameOf(domain), clock);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeWhole(files.key, made.key, 0o600, clock);
    writeWhole(files.cert, made.cert, 0o644, clock);
  } catch (error) {
    throw new Refusal(`cannot keep a certificate in ${folder}: ${reasonOf(error)}`);
  }
  return { ...made, files };
}

function readKept(files: PemFiles): PemPair | undefined {
  try {
    return readPemFiles(files);
  } catch (error) {
    if (error instanceof UsageError) return undefined; // absent or incomplete: a new one replaces it
    throw error;
  }
}

function isGood(certificate: X509Certificate, domain: string, clock: Clock): boolean {
  const name = nameOf(domain);
  const isForDomain = (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined;
  return isForDomain && certificate.validToDate.getTime() - clock.now() > programLimits.ownCertificateDaysLeftMin * dayMs;
}

/** The domain as it is written in certificates: as A-labels, or as an IP address without brackets. */
function nameOf(domain: string): string {
  return domain.startsWith('[') ? domain.slice(1, -1) : domainToASCII(domain) || domain;
}

/** Replaces a file in one step, so that a reader sees the old text or the new one, never a part. */
function writeWhole(path: string, text: string, mode: number, clock: Clock): void {
  const draft = `${path}.${clock.randomBytes(6).toString('hex')}`;
  writeFileSync(draft, text, { mode, flag: 'wx' });
  renameSync(draft, path);
}
