/** `skylark tenant set` changes the policy of a tenant, and `skylark tenant show` prints it. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import type { PolicyKey } from '../../../lib/runtime/policy/policy-key.ts';
import { policyKeys } from '../../../lib/runtime/policy/tenant-policy.ts';
import { tenantSet, tenantShow } from '../../router/operations/tenant-policy.ts';
import { flagOf, type Values } from '../core/arguments.ts';
import { reasonOf, say, UsageError } from '../core/report.ts';
import { adminOf, one, withAdmin } from './admin-command.ts';
import type { tenantSetOptions, tenantShowOptions } from './tenant-policy-options.ts';

export async function setPolicy(values: Values<typeof tenantSetOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant set', 'DOMAIN', positionals);
  const typed: Readonly<Record<string, unknown>> = values;
  const given: typeof typed = { ...typed, jwtKeys: fromFile(typed.jwtKeys) };
  const change = Object.fromEntries(
    Object.keys(policyKeys).flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
  if (Object.keys(change).length === 0) {
    const flags = Object.keys(policyKeys).map(flagOf);
    throw new UsageError(`'skylark tenant set' needs what to set: ${flags.join(', ')}`);
  }
  return withAdmin(adminOf(values), async (admin) => {
    print(await admin.ask(tenantSet, { domain, ...change }));
  });
}

/** `@FILE` stands for what is in the file. @throws {UsageError} */
function fromFile(given: unknown): unknown {
  if (typeof given !== 'string' || !given.startsWith('@')) return given;
  try {
    return readFileSync(given.slice(1), 'utf8').trim();
  } catch (error) {
    throw new UsageError(`--jwt-keys: '${given.slice(1)}' cannot be read: ${reasonOf(error)}`);
  }
}

export async function showPolicy(values: Values<typeof tenantShowOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant show', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const shown = await admin.ask(tenantShow, { domain });
    if (values.json) say(JSON.stringify(shown));
    else print(shown);
  });
}

function print({ domain, policyVersion, policy }: z.output<typeof tenantShow.output>): void {
  say(`${domain}: version ${policyVersion} of its policy`);
  for (const [name, value] of Object.entries(policy)) {
    const { isSecret } = (policyKeys as Readonly<Record<string, PolicyKey>>)[name] ?? {};
    say(`  ${flagOf(name).slice(2)}: ${isSecret ? (value ? 'set' : 'none') : textOf(value)}`);
  }
}

/** As one would type it. */
function textOf(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? 'none' : value.join(',');
}
