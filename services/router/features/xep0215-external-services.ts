/**
 * XEP-0215: External Service Discovery, for STUN and TURN servers that the operator of the tenant names. Passwords for TURN are made of the
 * secret that the servers share with the tenant (the REST API that coturn has as `use-auth-secret`):
 *
 *     username = <time of expiry, seconds>:<who>      password = base64(HMAC-SHA1(secret, username))
 *
 * The name goes through the network in the clear, so `who` is a digest of the account. Whoever has asked is told of changes as long as it is
 * available (§3.2). The session's entry says what it has asked for, and the router that changes the policy looks through the tenant's accounts.
 */
import { createHmac } from 'node:crypto';
import { accountNames, pagesOfNames } from '../../../lib/runtime/directory.ts';
import { type CallServer, parseCallServer } from '../../../lib/runtime/policy/call-servers.ts';
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import { readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Account } from '../core/account.ts';
import { type Dependencies, withoutDeadline } from '../core/dependencies.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import { openPolicySecret } from '../core/policy-secrets.ts';
import { sessionPart } from '../core/session-part.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';

const NS = 'urn:xmpp:extdisco:2';
const whoCharacters = 16;

export const externalServices: AccountFeature = {
  spec: 'XEP-0215',
  version: '1.0.0',
  title: 'External Service Discovery',
  note: 'STUN and TURN servers, for accounts of the tenant.',
  disco: { host: [NS] },
  hostIq: [
    { type: 'get', ns: NS, name: 'services', handle: list },
    { type: 'get', ns: NS, name: 'credentials', handle: giveCredentials },
  ],
};

/** The types that a session has asked for; '' stands for all. */
const asked = sessionPart<readonly string[]>('services');

const types: readonly string[] = ['', 'stun', 'stuns', 'turn', 'turns'];

/** §3.1, §3.2. */
async function list(request: Element, { account, tenant, turn }: HostContext): Promise<Element> {
  const own = ownAccount(account);
  const { type } = request.attrs as { type?: string };
  const wanted = type ?? '';
  if (types.includes(wanted)) {
    await own.updateSession((entry) => {
      const before = asked.of(entry) ?? [];
      return before.includes(wanted) ? entry : asked.with(entry, [...before, wanted]);
    });
  }
  const credentials = await credentialsFor(turn.dependencies, tenant, own.local);
  const found = serversOf(tenant).filter((server) => isOfType(server, wanted));
  return xml('services', { xmlns: NS, type }, ...found.map((server) => serviceElement(server, credentials)));
}

/** §3.3. */
async function giveCredentials(request: Element, { account, tenant, turn }: HostContext): Promise<Element> {
  const own = ownAccount(account);
  const { host, type, port } = (request.getChild('service', NS)?.attrs ?? {}) as { host?: string; type?: string; port?: string };
  if (!host || !type) throw new StanzaError('bad-request', 'a request for credentials names host and type');
  const named = serversOf(tenant).filter((server) => {
    return server.host === host.toLowerCase() && server.type === type && (port === undefined || `${server.port}` === port);
  });
  const credentials = await credentialsFor(turn.dependencies, tenant, own.local);
  const found = credentials === undefined ? [] : named.filter(isTurn);
  if (found.length === 0) throw new StanzaError('item-not-found', 'there are no credentials for such a service');
  return xml('credentials', { xmlns: NS }, ...found.map((server) => serviceElement(server, credentials)));
}

/** @throws {StanzaError} */
function ownAccount(account: Account | undefined): Account {
  if (!account?.session) throw new StanzaError('forbidden', 'only accounts of this domain are told of its services');
  return account;
}

function serversOf({ policy }: Pick<Tenant, 'policy'>): readonly CallServer[] {
  return policy.callServers.flatMap((uri) => parseCallServer(uri) ?? []);
}

function isOfType({ type }: CallServer, wanted: string): boolean {
  return wanted === '' || type === wanted;
}

function isTurn({ type }: CallServer): boolean {
  return type === 'turn' || type === 'turns';
}

interface Credentials {
  readonly username: string;
  readonly password: string;
  /** XEP-0082. */
  readonly expires: string;
}

/** @returns undefined if the tenant has no secret. @throws {Unavailable} */
async function credentialsFor(dependencies: Dependencies, tenant: Tenant, local: string): Promise<Credentials | undefined> {
  const secret = await openPolicySecret(dependencies, tenant, 'turnSecret');
  if (secret === undefined) return undefined;
  const until = Math.floor((dependencies.clock.timeOfDay() + routerLimits.callCredentialsMs) / 1_000);
  const username = `${until}:${keyedDigest(tenant.secret, 'turn', local).slice(0, whoCharacters)}`;
  const password = createHmac('sha1', secret).update(username).digest('base64');
  return { username, password, expires: new Date(until * 1_000).toISOString().replace('.000Z', 'Z') };
}

function serviceElement(server: CallServer, credentials: Credentials | undefined, action?: Action): Element {
  const { type, host, port, transport } = server;
  const given = isTurn(server) && action !== 'delete' ? credentials : undefined;
  return xml('service', { action, type, host, port, transport, ...given, restricted: given && '1' });
}

/** §3.2; the table in §2 has `remove` for `delete`, which the schema (§9) does not allow. */
type Action = 'add' | 'delete' | 'modify';

/** Tells the sessions that have asked, after the policy was changed, in the background. */
export function tellOfServices(dependencies: Dependencies, before: Tenant, after: Tenant): void {
  const changes = changesBetween(before, after);
  if (changes.length === 0) return;
  tell(withoutDeadline(dependencies), after, changes).catch((error: unknown) => {
    dependencies.log.error(
      { err: error, domain: after.domain },
      'not all clients were told that the services for calls have changed',
    );
  });
}

type Change = readonly [CallServer, Action];

function changesBetween(before: Tenant, after: Tenant): readonly Change[] {
  const [old, now] = [before, after].map(({ policy }) => new Set(policy.callServers)) as [Set<string>, Set<string>];
  const isNewSecret = before.policy.turnSecret !== after.policy.turnSecret;
  return [
    ...serversOf(before)
      .filter((_, index) => !now.has(before.policy.callServers[index]!))
      .map((server) => [server, 'delete'] as const),
    ...serversOf(after).flatMap((server, index): Change[] => {
      if (!old.has(after.policy.callServers[index]!)) return [[server, 'add']];
      return isNewSecret && isTurn(server) ? [[server, 'modify']] : [];
    }),
  ];
}

async function tell(dependencies: Dependencies, tenant: Tenant, changes: readonly Change[]): Promise<void> {
  const { store } = dependencies;
  for await (const locals of pagesOfNames(store, tenant.domain, accountNames, routerLimits.callNewsAccounts)) {
    const owners = locals.map((local) => ({ domain: tenant.domain, local }));
    const turn = new Turn(dependencies);
    for (const [index, sessions] of (await readSessions(store, owners)).entries()) {
      await tellSessions(new Account(turn, tenant, locals[index]!), sessions, changes);
    }
    await turn.finish();
  }
}

async function tellSessions(account: Account, sessions: readonly SessionEntry[], changes: readonly Change[]): Promise<void> {
  const listening = sessions.filter((entry) => entry.available && asked.of(entry) !== undefined);
  if (listening.length === 0) return;
  const credentials = await credentialsFor(account.turn.dependencies, account.tenant, account.local);
  for (const entry of listening) {
    for (const wanted of asked.of(entry)!) {
      const news = changes.filter(([server]) => isOfType(server, wanted));
      if (news.length === 0) continue;
      const services = news.map(([server, action]) => serviceElement(server, credentials, action));
      const push = xml('services', { xmlns: NS, type: wanted || undefined }, ...services);
      const id = `push-${account.turn.dependencies.ids.mint()}`;
      account.deliver(xml('iq', { from: account.domain, type: 'set', id }, push), ({ sid }) => sid === entry.sid);
      if (wanted === '') break; // it says everything
    }
  }
}
