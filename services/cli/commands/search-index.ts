/** `skylark tenant index` makes messages that were archived before searchable, or not searchable any more. */
import { tenantIndex } from '../../router/operations/search-index.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import type { place } from './account-options.ts';
import { adminOf, one, withAdmin } from './admin-command.ts';

export async function indexTenant(values: Values<typeof place>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant index', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    let messages = 0;
    for (let after: string | undefined; ; ) {
      const done = await admin.ask(tenantIndex, after === undefined ? { domain } : { domain, after });
      messages += done.messages;
      after = done.next;
      if (after === undefined) break;
      process.stderr.write(`${messages} messages\n`);
    }
    say(`looked at ${messages} messages of ${domain}`);
  });
}
