/** `skylark audit` prints the audit log of the deployment, or of a tenant. */
import type { z } from 'zod';
import { auditList, auditTenantList } from '../../router/operations/audit.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import { adminOf, atMostOne, withAdmin } from './admin-command.ts';
import type { auditOptions } from './key-options.ts';

type Entry = z.output<typeof auditList.output>['entries'][number];

/** @returns 1 when the log is not whole */
export async function audit(values: Values<typeof auditOptions>, positionals: readonly string[]): Promise<number> {
  const domain = atMostOne('audit', positionals);
  let brokenAt: number | undefined;
  let isFirst = true;
  await withAdmin(adminOf(values), async (admin) => {
    for (let { after } = values; ; ) {
      const page = await (domain === undefined ? admin.ask(auditList, { after }) : admin.ask(auditTenantList, { domain, after }));
      if (isFirst && !values.json && page.dropped !== undefined) say(droppedLine(page.dropped));
      isFirst = false;
      for (const entry of page.entries) say(values.json ? JSON.stringify(entry) : lineOf(entry));
      brokenAt ??= page.brokenAt;
      if (page.next === undefined) return;
      after = page.next;
    }
  });
  if (brokenAt === undefined) return 0;
  process.stderr.write(`skylark: the log is not whole: entry ${brokenAt} is missing or was changed\n`);
  return 1;
}

function droppedLine({ number, at, hash }: NonNullable<z.output<typeof auditList.output>['dropped']>): string {
  return `entries up to ${number}, of ${at}, were deleted after their time; the last of them has the hash ${hash}`;
}

function lineOf({ number, at, by, address, operation, input, outcome, change }: Entry): string {
  const from = address === undefined ? '' : ` from ${address}`;
  const changed = change === undefined ? '' : `; was ${JSON.stringify(change.before)}, is ${JSON.stringify(change.after)}`;
  return `${number}  ${at}  ${by}${from}  ${operation} ${JSON.stringify(input)}: ${outcome}${changed}`;
}
