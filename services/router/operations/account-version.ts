/** The version of an account, for whoever changes only what they have seen: of its row, and of the row of its role. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Conflict } from '../../../lib/ports/store.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { type AccountItem, findAccountItem } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { roleVersion } from '../core/roles.ts';
import { noAccount } from './inputs.ts';
import { operationLimits } from './limits.ts';
import { Refusal } from './refusal.ts';

export const versionInput = {
  version: z
    .string()
    .max(operationLimits.versionCharactersMax)
    .optional()
    .describe('refused if the account has another one by now'),
};

export interface SeenAccount {
  readonly version: string;
  readonly item: AccountItem;
  /** The version of the row of its role; absent: there is none. */
  readonly role: string | undefined;
}

/** @throws {Refusal} */
export async function seeAccount(
  { store }: Dependencies,
  { domain, local }: Pick<Jid, 'domain' | 'local'>,
): Promise<SeenAccount | undefined> {
  const [item, role] = await Promise.all([findAccountItem(store, domain, local), roleVersion(store, domain, local)]);
  if (item === undefined) return undefined;
  const version = createHash('sha256')
    .update(`${item.version} ${role ?? ''}`)
    .digest('base64url')
    .slice(0, operationLimits.versionCharacters);
  return { version, item, role };
}

/**
 * The account that is to be changed, if it is as the asker knows it. What the change writes is written only if the row is still that one.
 * @param wanted absent: the asker does not say
 * @throws {Refusal} `absent`, `stale`
 */
export async function checkVersion(dependencies: Dependencies, jid: Jid, wanted: string | undefined): Promise<SeenAccount> {
  const seen = await seeAccount(dependencies, jid);
  if (seen === undefined) throw noAccount(jid);
  if (wanted !== undefined && wanted !== seen.version) throw stale(jid);
  return seen;
}

/** Translates what a conditional write throws. @throws {Refusal} `stale` */
export async function orStale<Result>(jid: Jid, wanted: string | undefined, write: Promise<Result>): Promise<Result> {
  try {
    return await write;
  } catch (error) {
    if (wanted !== undefined && error instanceof Conflict) throw stale(jid);
    throw error;
  }
}

function stale(jid: Jid): Refusal {
  return new Refusal('stale', `'${jid}' was changed since: look at it again`);
}
