/** Operations that take accounts in from other servers and give them out (XEP-0227). */
import { z } from 'zod';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { addArriving } from '../accounts/add-account.ts';
import { Account } from '../core/account.ts';
import { fullText } from '../core/account-quota.ts';
import { type AccountRow, accounts, findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { Arrival } from '../portable/arrival.ts';
import { begin, givePage, type Position } from '../portable/give-page.ts';
import { portableLimits } from '../portable/limits.ts';
import { readPiece, takePiece } from '../portable/take-piece.ts';
import { accountInput, findTenant, noAccount, tenantOf } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const whyNone = 'a file with all that an account keeps, and the keys of its password, belongs on the machine of the service';

export const accountImport = operation({
  name: 'account-import',
  input: z.strictObject({
    jid: accountInput,
    piece: z
      .string()
      .min(1)
      .max(portableLimits.pieceBytesMax)
      .describe('a <user/> of XEP-0227 with some of its children')
      .meta({ isSecret: true }),
    isLast: z.boolean().optional().describe('nothing of the account follows'),
    merge: z.boolean().optional().describe('an account that is there already gets what it lacks'),
    afterMs: z.int().min(0).optional().describe('what the answer before has named'),
  }),
  output: z.object({
    jid: z.string(),
    outcome: z.enum(['taken', 'exists']).describe('exists: the account was there already, and nothing was done'),
    isNew: z.boolean(),
    taken: z.record(z.string(), z.int()),
    leftOut: z.array(z.string()),
    hasPassword: z.boolean(),
    afterMs: z.int(),
  }),
  right: 'tenant.own',
  isRepeatable: true,
  help: 'Takes in a piece of an account of another server (XEP-0227).',
  commands: ['import'],
  http: { whyNone },
  async run(dependencies, { jid, piece, isLast = false, merge = false, afterMs = 0 }) {
    const tenant = await tenantOf(dependencies, jid);
    const user = readPiece(piece);
    if (user === undefined) throw new Refusal('invalid', `the piece of '${jid}' is not a <user/> of XEP-0227`);
    const row = await rowFor(dependencies, tenant, jid);
    const answer = { jid: `${jid}`, isNew: row.isArriving === true, afterMs };
    if (!row.isArriving && !merge)
      return { ...answer, outcome: 'exists' as const, taken: {}, leftOut: [], hasPassword: hasPassword(row) };
    const account = new Account(new Turn(dependencies), tenant, jid.local);
    const arrival = new Arrival(account, { isNew: answer.isNew, madeAtMs: Date.parse(row.createdAt), afterMs });
    await takePiece(arrival, user);
    const after = await update(account.rows, accounts, '', (there) =>
      isLast && there?.isArriving ? { ...there, isArriving: undefined, isDisabled: undefined } : there,
    );
    if (after === undefined) throw noAccount(jid);
    const { taken, leftOut } = arrival;
    return {
      ...{ ...answer, outcome: 'taken' as const, taken, leftOut: [...leftOut], hasPassword: hasPassword(after) },
      afterMs: arrival.afterMs,
    };
  },
});

function hasPassword({ scram }: AccountRow): boolean {
  return Object.keys(scram).length > 0;
}

/** The account's row, which is made if there is none. @throws {Refusal} */
async function rowFor(dependencies: Dependencies, tenant: Tenant, jid: Jid): Promise<AccountRow> {
  const { domain, local } = jid;
  const there = await findAccount(dependencies.store, domain, local);
  if (there) return there;
  const outcome = await addArriving(dependencies, tenant, local);
  if (outcome === 'full') throw new Refusal('conflict', `${fullText(tenant)}; see: skylark tenant set --accounts-max`);
  if (outcome === 'reserved')
    throw new Refusal('conflict', `the name '${jid}' is kept for whoever has an invite; see: skylark invite list ${domain}`);
  if (outcome === 'leaving')
    throw new Refusal('conflict', `the last account '${jid}' is being removed; to wait for it: skylark user remove ${jid}`);
  const row = await findAccount(dependencies.store, domain, local);
  if (row === undefined) throw noAccount(jid);
  return row;
}

export const accountExport = operation({
  name: 'account-export',
  input: z.strictObject({ jid: accountInput, after: z.string().optional().describe('what the answer before has named as next') }),
  output: z.object({
    jid: z.string(),
    parts: z.array(z.object({ within: z.array(z.string()), xml: z.string().meta({ isSecret: true }) })),
    next: z.string().optional(),
  }),
  right: 'tenant.own',
  isRepeatable: true,
  help: 'Gives out a page of what an account keeps (XEP-0227). The audit log says so, although nothing is changed.',
  commands: ['export'],
  http: { whyNone },
  async run(dependencies, { jid, after }) {
    const tenant = await findTenant(dependencies, jid.domain);
    const row = await findAccount(dependencies.store, jid.domain, jid.local);
    if (row === undefined) throw noAccount(jid);
    const account = new Account(new Turn(dependencies), tenant, jid.local);
    const { given, next } = await givePage(account, row, after === undefined ? begin : readPosition(after));
    return {
      jid: `${jid}`,
      parts: given.map(({ within, xml }) => ({ within: [...within], xml })),
      next: next && JSON.stringify(next),
    };
  },
});

const positionSchema = z.union([
  z.strictObject({ kind: z.enum(['contacts', 'nodes', 'offline', 'archive']), after: z.string() }),
  z.strictObject({ kind: z.literal('items'), node: z.string(), after: z.string().optional() }),
]);

/** @throws {Refusal} */
function readPosition(text: string): Position {
  try {
    return positionSchema.parse(JSON.parse(text)) as Position;
  } catch {
    throw new Refusal('invalid', `'${text.slice(0, 100)}' is not what an answer before has named as 'next'`);
  }
}
