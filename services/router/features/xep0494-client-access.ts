/**
 * XEP-0494: Client Access Management: what can sign in to the account, and how to end that.
 *
 * A client is known if it has said which one it is when it signed in by XEP-0388 (sasl/clients.ts). Other sessions are listed
 * as long as they last. Whoever signed in with the password last may do so again, so only a new password keeps it out (§3.2).
 */
import { hash as hashOnce } from 'node:crypto';
import { readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { type AccountRow, accounts } from '../core/accounts.ts';
import type { AccountFeature } from '../core/feature.ts';
import { type ClientRow, clients, listClients, slotsOf, type TokenSlot } from '../sasl/clients.ts';
import { passwordMark } from '../sasl/tokens.ts';
import { clientOf } from '../sessions/bind.ts';
import { endSessionNow } from '../sessions/end-sessions.ts';

const NS = 'urn:xmpp:cam:0';

export const clientAccess: AccountFeature = {
  spec: 'XEP-0494',
  version: '0.1.0',
  title: 'Client Access Management',
  note: 'A client that signed in with the password last is kept out by a new password only.',
  disco: { account: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'list', to: 'self', handle: (_request, account) => list(account) },
    { type: 'set', ns: NS, name: 'revoke', to: 'self', handle: revoke },
  ],
};

/** A client, a session, or both. */
export interface Access {
  readonly id: string;
  readonly row: ClientRow | undefined;
  readonly sessions: readonly SessionEntry[];
  readonly hasPassword: boolean;
  readonly hasToken: boolean;
}

/** §3.1. A client that has neither a valid token nor the password of today, and no session, has no access. */
export async function accessesOf(account: Account): Promise<readonly Access[]> {
  const [owner, rows, [sessions = []]] = await Promise.all([
    account.get(accounts),
    listClients(account.rows),
    readSessions(account.turn.dependencies.store, [account]),
  ]);
  const known = rows.map(({ key, value }): Access => {
    const own = sessions.filter((entry) => clientOf.of(entry) === key);
    return { id: key, row: value, sessions: own, ...rightsOf(value, owner, account.now.getTime()) };
  });
  const ids = new Set(known.map(({ id }) => id));
  const others = sessions.filter((entry) => !ids.has(clientOf.of(entry) ?? ''));
  const unnamed = others.map((entry): Access => {
    return { id: sessionId(entry), row: undefined, sessions: [entry], hasPassword: true, hasToken: false };
  });
  return [...known, ...unnamed].filter((access) => access.hasToken || access.hasPassword || access.sessions.length > 0);
}

function rightsOf(row: ClientRow, owner: AccountRow | undefined, nowMs: number): Pick<Access, 'hasPassword' | 'hasToken'> {
  const password = owner && passwordMark(owner);
  const isValid = (slot: TokenSlot) => slot.password === password && slot.expiresAtMs > nowMs;
  return {
    hasPassword: row.by === 'password' && row.password === password,
    hasToken: slotsOf(row).some(isValid),
  };
}

/** The name of a session at its node is nobody's business. */
export function sessionId({ node, sid }: SessionEntry): string {
  return hashOnce('sha256', `${node} ${sid}`, 'base64url').slice(0, 16);
}

async function list(account: Account): Promise<Element> {
  return xml('clients', { xmlns: NS }, ...(await accessesOf(account)).map(describe));
}

function describe({ id, row, sessions, hasPassword, hasToken }: Access): Element {
  const [firstMs, lastMs] = row ? [row.firstMs, row.lastMs] : [sessions[0]!.boundAt, sessions[0]!.boundAt];
  const { software, device } = row ?? {};
  return xml(
    'client',
    { connected: `${sessions.length > 0}`, id, type: 'session' },
    xml('first-seen', {}, new Date(firstMs).toISOString()),
    xml('last-seen', {}, new Date(lastMs).toISOString()),
    xml('auth', {}, hasPassword ? xml('password') : undefined, hasToken ? xml('fast') : undefined),
    xml('permission', { status: 'unrestricted' }),
    software || device
      ? xml('user-agent', {}, software && xml('software', {}, software), device && xml('device', {}, device))
      : undefined,
  );
}

/** §3.2. */
async function revoke(request: Element, account: Account): Promise<undefined> {
  const { id } = request.attrs;
  const access = (await accessesOf(account)).find((one) => one.id === id);
  if (access === undefined) throw new StanzaError('item-not-found', 'there is no such client');
  if (access.hasPassword) {
    const extra = xml('password-reset-required', { xmlns: NS });
    throw new StanzaError('service-unavailable', 'only a new password keeps this client out', { extra });
  }
  revokeAccess(account, access);
}

/** Queues the end of what a client has without the password: its token, and its sessions. */
export function revokeAccess(account: Account, access: Access): void {
  account.delete(clients, access.id);
  account.turn.afterCommit(async () => {
    for (const entry of access.sessions) await end(account, entry);
  });
}

async function end({ turn, tenant, local, session }: Account, entry: SessionEntry): Promise<void> {
  if (entry.sid === session?.sid) return; // its own client has given up its tokens, and goes by itself
  const ending = { condition: 'not-authorized', text: 'the access of this client was revoked' };
  await endSessionNow(turn.dependencies, tenant, local, entry, ending);
}
