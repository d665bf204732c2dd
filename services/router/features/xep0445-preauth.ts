/** XEP-0445: Pre-Authenticated In-Band Registration. A stream that has shown an invite may register although registration is closed. */
import { linkId } from '../../../lib/runtime/invite-wire.ts';
import { networkOf } from '../../../lib/runtime/networks.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { AccountFeature } from '../core/feature.ts';
import { errorWith, isAnswerable, resultWith } from '../core/replies.ts';
import { finishInvited } from '../invites/befriend.ts';
import { findInvite } from '../invites/invites.ts';
import { type Registering, registerBeforeAuth, type ShownInvite } from './xep0077-registration.ts';

export const NS_PREAUTH = 'urn:xmpp:pars:0';
const featureNs = 'urn:xmpp:ibr-token:0';

export const preauthenticatedRegistration: AccountFeature = {
  spec: 'XEP-0445',
  version: '0.2.0',
  title: 'Pre-Authenticated In-Band Registration',
  begun: (account, row) => finishInvited(account.turn.dependencies, account.tenant, account.local, row),
};

/** §3, beside that of XEP-0077. It is '' where nobody may invite, and without TLS. */
export function preauthStreamFeature({ policy }: Tenant, { secure }: { readonly secure: boolean }): string {
  return secure && policy.invites !== 'nobody' ? xml('register', { xmlns: featureNs }).toString() : '';
}

interface Answered {
  readonly answer: string;
  /** The invite that the stream may register by from now on, also after the invite's time. */
  readonly shown?: ShownInvite;
}

/**
 * Handles an iq of a stream that has not signed in, which may register or show an invite.
 * @returns '' as the answer if none is needed
 * @throws {StreamError | StanzaError} for anything else
 * @throws {Unavailable}
 */
export async function registerOrShow(
  dependencies: Dependencies,
  tenant: Tenant,
  iq: Stanza,
  stream: Registering & { readonly secure: boolean },
): Promise<Answered> {
  const isInvite = iq.hasChild('preauth', NS_PREAUTH);
  if (!isInvite && !iq.hasChild('query', 'jabber:iq:register')) throw new StreamError('not-authorized', 'sign in first');
  if (!stream.secure) throw new StanzaError('not-allowed', 'TLS is required before passwords are sent');
  if (isInvite) return showInvite(dependencies, tenant, iq, stream.address);
  return { answer: await registerBeforeAuth(dependencies, tenant, iq, stream) };
}

/**
 * §4: a stream shows an invite. One that is unknown, used up or over is answered in the same way.
 * @throws {Unavailable}
 */
async function showInvite(dependencies: Dependencies, tenant: Tenant, iq: Stanza, address = ''): Promise<Answered> {
  if (!isAnswerable(iq)) return { answer: '' };
  const addresses = { from: iq.attributes.to };
  try {
    const shown = await readInvite(dependencies, tenant, iq, address);
    return { answer: resultWith(iq, addresses).toString(), shown };
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    return { answer: errorWith(iq, addresses, error).toString() };
  }
}

/** @throws {StanzaError} */
async function readInvite(dependencies: Dependencies, tenant: Tenant, iq: Stanza, address: string): Promise<ShownInvite> {
  const token = iq.child('preauth', NS_PREAUTH)?.attrs.token as string | undefined;
  if (iq.id === undefined || iq.type !== 'set' || iq.children.length !== 1 || !token)
    throw new StanzaError('bad-request', 'an invite is shown in an iq of type set, with its token');
  if (iq.to && iq.to.toString() !== tenant.domain)
    throw new StanzaError('not-allowed', `before you sign in, only ${tenant.domain} answers`);
  if (!dependencies.shares.mayLookAtInvite(tenant.domain, networkOf(address)))
    throw new StanzaError('resource-constraint', 'too many invites were shown; try again later');
  const id = linkId('invite', token);
  const invite = await findInvite(dependencies, tenant, id);
  if (invite === undefined)
    throw new StanzaError('item-not-found', 'the invite is not valid: it may be used up, or its time is over');
  return { id, invite: { name: invite.name } };
}
