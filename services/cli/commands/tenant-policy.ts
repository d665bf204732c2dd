/** `skylark tenant set` changes the policy of a tenant, and `skylark tenant show` prints it. */
import type { z } from 'zod';
import type { PolicyKey } from '../../../lib/runtime/policy/policy-key.ts';
import { policyKeys } from '../../../lib/runtime/policy/tenant-policy.ts';
import { tenantSet, tenantShow } from '../../router/operations/tenant-policy.ts';
import { flagOf, type Values } from '../core/arguments.ts';
import { say, UsageError } from '../core/report.ts';
import { adminOf, one, withAdmin } from './admin-command.ts';
import type { tenantSetOptions, tenantShowOptions } from './tenant-policy-options.ts';

export async function setPolicy(values: Values<typeof tenantSetOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant set', 'DOMAIN', positionals);
  const given: Readonly<Record<string, unknown>> = values;
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
  const text = Array.isArray(value) ? value.join(',') : String(value);
  return text === '' ? 'none' : text;
}
