/** Resource binding (RFC 6120 §7) and the end of a session. */
import { limits } from '../../lib/limits.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { markHeld, type Owner, type SessionEntry, unmarkHeld, updateSessions } from '../../lib/runtime/sessions.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { CloseRequest, SessionAddress } from '../../lib/runtime/wire.ts';
import { xml } from '../../lib/xmpp/element.ts';
import { StanzaError, StreamError } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { Account } from './account.ts';
import { findAccount } from './accounts.ts';
import type { Parts } from './parts.ts';
import { Turn } from './turn.ts';

const bindNs = 'urn:ietf:params:xml:ns:xmpp-bind';

/**
 * Writes the session, then answers. A session that holds the resource already is ended with `conflict` (§7.7.2.2: the newer wins,
 * because the older is usually a lost connection of the same device).
 */
export async function bind(
  parts: Parts,
  tenant: Tenant,
  local: string,
  address: SessionAddress,
  iq: Stanza,
): Promise<{ jid: Jid; reply: Buffer }> {
  const request = iq.type === 'set' ? iq.child('bind', bindNs) : undefined;
  if (!request) throw new StanzaError('not-allowed', 'bind a resource first');
  const wanted = request.getChildText('resource')?.trim() ?? '';
  const jid = Jid.of(local, tenant.domain, wanted || parts.clock.randomBytes(6).toString('base64url'));
  const owner: Owner = { domain: tenant.domain, local };
  await markHeld(parts.store, address, owner);
  let replaced: SessionEntry | undefined;
  const entry: SessionEntry = { ...address, resource: jid.resource, boundAt: parts.clock.now(), available: false, priority: 0 };
  await updateSessions(parts.store, owner, (sessions) => {
    replaced = sessions.find((other) => other.resource === jid.resource && other.sid !== address.sid);
    const others = sessions.filter((other) => other.resource !== jid.resource && other.sid !== address.sid);
    if (others.length >= limits.sessionsPerAccountMax) {
      throw new StanzaError('resource-constraint', `${limits.sessionsPerAccountMax} resources are bound`);
    }
    return [...others, entry];
  });
  if (!(await findAccount(parts.store, tenant.domain, local))) {
    // removed since it signed in: whoever removes it after this look finds the session written above
    await endSession(parts, tenant, local, address);
    throw new StreamError('not-authorized', 'the account was removed');
  }
  if (replaced) await closeReplaced(parts, tenant, local, replaced);
  const { id } = iq.attributes;
  const reply = xml('iq', { type: 'result', id }, xml('bind', { xmlns: bindNs }, xml('jid', {}, jid.toString())));
  return { jid, reply: Buffer.from(reply.toString()) };
}

async function closeReplaced(parts: Parts, tenant: Tenant, local: string, entry: SessionEntry): Promise<void> {
  await closeStream(parts, entry, 'conflict', 'another session bound this resource');
  await sayGoodbye(parts, tenant, local, entry);
}

/** Tells the node that holds the session to end its stream. A node that does not answer is gone, and the stream with it. */
export async function closeStream(parts: Parts, { node, sid }: SessionAddress, condition: string, text: string): Promise<void> {
  const request: CloseRequest = { kind: 'close', sid, condition, text };
  try {
    await parts.bus.request(node, encodeFrame(request), { timeoutMs: limits.deliveryTimeoutMs });
  } catch (error) {
    parts.log.info({ err: error, node }, 'the node of a session to be closed did not answer');
  }
}

/**
 * The session is over: its entry goes first, then those who knew of it are told. Does nothing when it is gone already, or has moved
 * to another node, which the one that asks does not know of.
 */
export async function endSession(parts: Parts, tenant: Tenant, local: string, address: SessionAddress): Promise<void> {
  let ended: SessionEntry | undefined;
  await updateSessions(parts.store, { domain: tenant.domain, local }, (sessions) => {
    ended = sessions.find(({ sid, node }) => sid === address.sid && node === address.node);
    return ended ? sessions.filter((entry) => entry !== ended) : sessions;
  });
  if (ended) await sayGoodbye(parts, tenant, local, ended);
  else await unmarkHeld(parts.store, address);
}

async function sayGoodbye(parts: Parts, tenant: Tenant, local: string, entry: SessionEntry): Promise<void> {
  const turn = new Turn(parts);
  const account = new Account(turn, tenant, local);
  for (const feature of parts.features.all) await feature.ended?.(account, entry);
  await turn.finish();
  await unmarkHeld(parts.store, entry);
}
