/** OAUTHBEARER (RFC 7628): the message of a client, and what it is told when its token is not taken (§3.2.2). */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { prepareName, readName } from './credentials.ts';

export interface Bearer {
  /** Empty: the client asks where it can get one (XEP-0493). */
  readonly token: string;
  readonly authzid: string | undefined;
}

/** §3.1: `n,a=juliet@example.org,^Aauth=Bearer eyJ…^A^A`, where ^A is the character U+0001. @throws {SaslFailure} */
export function readBearer(message: string): Bearer {
  const [head = '', ...rest] = message.split('\u0001');
  const [binding, authzid, end, ...more] = head.split(',');
  const isWhole = rest.length >= 3 && rest.at(-1) === '' && rest.at(-2) === '' && end === '' && more.length === 0;
  if (!isWhole) throw new SaslFailure('malformed-request', 'the message is not that of OAUTHBEARER');
  if (binding !== 'n' && binding !== 'y') throw new SaslFailure('malformed-request', 'OAUTHBEARER has no channel binding');
  const pairs = rest.slice(0, -2).map((pair) => pair.split(/=(.*)/s, 2) as [string, string | undefined]);
  const [, value] = pairs.find(([name]) => name === 'auth') ?? [];
  const bearer = /^(?:bearer(?: +(\S*))?)?$/i.exec(value ?? 'none');
  if (bearer === null) throw new SaslFailure('malformed-request', 'there is no bearer token');
  const named = authzid?.startsWith('a=') ? authzid.slice(2).replaceAll('=2C', ',').replaceAll('=3D', '=') : undefined;
  return { token: bearer[1] ?? '', authzid: named };
}

/** Does the client act for the account of the token alone? @throws {SaslFailure} */
export function checkOwn(local: string, authzid: string | undefined, from: string | undefined, tenant: Tenant): void {
  readName({ name: local, authzid, from }, tenant);
}

/** @returns the account of the tenant that a client names as its own; undefined if it names none */
export function ownName(authzid: string | undefined, tenant: Tenant): string | undefined {
  const jid = authzid ? Jid.tryParse(authzid) : undefined;
  return jid?.isBare && jid.domain === tenant.domain ? prepareName(jid.local, tenant) : undefined;
}

/** §3.2.2. Where the issuer is an address, its configuration is at a known place below it (OpenID Connect Discovery §4). */
export function refusalOf({ policy }: Tenant): string {
  const { jwtIssuer } = policy;
  const isAddress = jwtIssuer.startsWith('https://');
  const configuration = `${jwtIssuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  return JSON.stringify({ status: 'invalid_token', ...(isAddress && { 'openid-configuration': configuration }) });
}
