/**
 * The settings of tests, with placeholders for the bundles of `npm run bundle`. It does not load the CDK, which takes a second.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const scratch = mkdtempSync(join(tmpdir(), 'skylark-infra-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

// biome-ignore lint/suspicious/noExplicitAny: templates and manifests are JSON of any form
export type Json = any;

export const flags: Record<string, unknown> = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'cdk.json'), 'utf8'),
).context;

export type Context = Readonly<Record<string, unknown>>;

export function makeBundles(...names: string[]): string {
  const folder = mkdtempSync(join(scratch, 'dist-'));
  for (const name of names) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'index.mjs'), `export const handler = async () => '${name}';\n`);
  }
  return folder;
}

const bundles = makeBundles(
  'skylark',
  'web-lambda',
  'certificates-lambda',
  'canary-lambda',
  'bus-keys-lambda',
  'scale-in-lambda',
);

export const base: Context = {
  domains: 'example.org,example.net',
  budgetEmail: 'ops@example.org',
  acmeEmail: 'certificates@example.org',
  hostedZoneId: 'Z0123456789ABC',
  hostedZoneName: 'example.org',
  bundles,
};
