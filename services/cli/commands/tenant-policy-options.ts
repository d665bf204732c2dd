/** The options of `skylark tenant set` and `skylark tenant show`: one for each key of a tenant's policy. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { PolicyKey } from '../../../lib/runtime/policy/policy-key.ts';
import { policyKeys } from '../../../lib/runtime/policy/tenant-policy.ts';
import type { Option, Options } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { reasonOf, UsageError } from '../core/report.ts';
import { place } from './account-options.ts';

function policyOption({ schema, placeholder, text, allowed, fromText, isFile }: PolicyKey): Option<unknown> {
  const typed = z
    .string()
    .transform((given) => fromText(isFile && given.startsWith('@') ? contentOf(given.slice(1), isFile) : given))
    .pipe(schema)
    .optional();
  return { placeholder, text, allowed, schema: typed, isFlagOnly: true };
}

/** @throws {UsageError} */
function contentOf(path: string, as: 'text' | 'base64'): string {
  try {
    return as === 'text' ? readFileSync(path, 'utf8').trim() : readFileSync(path, 'base64');
  } catch (error) {
    throw new UsageError(`'${path}' cannot be read: ${reasonOf(error)}`);
  }
}

const policyOptions: Options = Object.fromEntries(
  Object.entries<PolicyKey>(policyKeys).map(([name, key]) => [name, policyOption(key)]),
);

export const tenantSetOptions = { ...policyOptions, ...place };
export const tenantShowOptions = { json, ...place } satisfies Options;
