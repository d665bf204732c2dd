/**
 * XEP-0386: binding a resource in one step with signing in. The resource of a client that has said which one it is stays the
 * same from bind to bind, and an older session of that client ends.
 */
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { SessionAddress } from '../../../lib/runtime/wire.ts';
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { archiveMetadata } from '../archive/archive-query.ts';
import { leaveToArchive, readsArchive } from '../archive/cursor.ts';
import { Account } from '../core/account.ts';
import type { AccountRow } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { type Binder, bindResource, clientOf } from './bind.ts';

export const NS_BIND2 = 'urn:xmpp:bind:0';

/**
 * @returns the full JID, the account, and what the router has to say inside of `<bound/>`
 * @throws {StreamError} when no session can begin now
 */
export async function bind2(
  dependencies: Dependencies,
  tenant: Tenant,
  binder: Binder,
  address: SessionAddress,
  request: Stanza,
): Promise<{ jid: Jid; bound: string; row: AccountRow }> {
  const { local, client } = binder;
  const asked = dependencies.features.inBind.filter(({ ns, name }) => request.hasChild(name, ns));
  const jid = resourceOf(dependencies, tenant, binder, request.child('tag', NS_BIND2)?.getText().trim() ?? '');
  const begin = (fresh: SessionEntry) => asked.reduce((entry, feature) => feature.begin(entry), readsArchive.with(fresh, true));
  let row: AccountRow;
  try {
    row = await bindResource(dependencies, tenant, binder, address, jid, {
      begin,
      isSameClient: (other) => client !== undefined && clientOf.of(other) === client,
    });
  } catch (error) {
    if (error instanceof StanzaError) throw new StreamError('resource-constraint', error.text);
    throw error;
  }
  const account = new Account(new Turn(dependencies), tenant, local, { ...address, resource: jid.resource }, jid);
  const metadata = await archiveMetadata(account);
  await leaveToArchive(account);
  return { jid, bound: metadata.toString(), row };
}

/**
 * §2.2.1: the tag of the client, and an identifier of ours. The id of the client cannot be found out from it.
 * @param tag left out where it cannot be part of a resource
 */
function resourceOf(dependencies: Dependencies, tenant: Tenant, { local, client }: Binder, tag: string): Jid {
  const id =
    client === undefined
      ? dependencies.clock.randomBytes(9).toString('base64url')
      : keyedDigest(tenant.secret, 'resource', local, client, tag).slice(0, 12);
  const plain = Jid.of(local, tenant.domain, id);
  if (tag === '' || [...tag].length > routerLimits.resourceTagCharactersMax) return plain;
  try {
    return Jid.of(local, tenant.domain, `${tag}/${id}`);
  } catch (error) {
    if (error instanceof StanzaError) return plain;
    throw error;
  }
}
