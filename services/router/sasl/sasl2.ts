/**
 * XEP-0388: the Extensible SASL Profile, as far as routers see it: what is offered, and the elements of an exchange. The node
 * that holds the stream writes `<success/>`, because it knows what else the client has asked for in `<authenticate/>`.
 */
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type Element, escapeText, xml } from '../../../lib/xmpp/element.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { routerLimits } from '../limits.ts';
import { type Offered, offeredNames } from './mechanisms.ts';
import { checkBare, decodeData, encodeData, type Profile } from './profile.ts';
import { offerUpgrades } from './upgrade.ts';

const NS = 'urn:xmpp:sasl:2';

/** §2.1; '' when there is no mechanism. @param elements for `<inline/>` */
export function offerSasl2(offered: Offered, elements: string): string {
  const names = offeredNames(offered);
  if (names.length === 0) return '';
  const mechanisms = names.map((name) => `<mechanism>${escapeText(name)}</mechanism>`).join('');
  const inline = elements === '' ? '' : `<inline>${elements}</inline>`;
  return `<authentication xmlns='${NS}'>${mechanisms}${inline}${offerUpgrades(offered)}</authentication>`;
}

export const sasl2: Profile = {
  ns: NS,
  read(element) {
    if (element.name !== 'authenticate') {
      checkBare(element, element.name === 'response');
      return { data: decodeData(element.element().getText().trim()) };
    }
    const { mechanism = '' } = element.attributes;
    const initial = element.child('initial-response', NS);
    return { mechanism, data: initial && decodeData(initial.getText().trim()) };
  },
  challenge: (data) => xml('challenge', { xmlns: NS }, data && encodeData(data)).toString(),
  success: (data) => (data === undefined ? '' : `<additional-data>${encodeData(data)}</additional-data>`),
  failure: (failure) => failure.toElement(NS).toString(),
};

/** §2.3: what a client says of itself. */
export interface UserAgent {
  /** Names this installation of the client for good. */
  readonly id: string;
  readonly software?: string | undefined;
  readonly device?: string | undefined;
}

/** Names the client in rows of the account. The id itself is nobody's business. */
export function clientKey(tenant: Tenant, local: string, { id }: UserAgent): string {
  return keyedDigest(tenant.secret, 'client', local, id).slice(0, 16);
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @returns undefined for a client that gives no id. @throws {SaslFailure} when the id is not a UUID */
export function readUserAgent(element: Stanza): UserAgent | undefined {
  const agent = element.child('user-agent', NS);
  const id = agent?.attrs.id?.toLowerCase();
  if (agent === undefined || id === undefined) return undefined;
  if (!uuid.test(id)) throw new SaslFailure('malformed-request', 'the id of a user agent is a UUID');
  return { id, software: shortText(agent, 'software'), device: shortText(agent, 'device') };
}

function shortText(agent: Element, name: string): string | undefined {
  const text = agent.getChildText(name, NS)?.trim();
  return text ? [...text].slice(0, routerLimits.userAgentCharactersMax).join('') : undefined;
}
