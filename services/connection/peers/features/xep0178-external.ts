/** SASL EXTERNAL between servers (XEP-0178 §3, RFC 6120 §13.7.2.1): the peer is the domain that its certificate proves. */
import { SaslFailure, StreamError } from '../../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../../lib/xmpp/stanza.ts';
import { forbidden } from '../owner-link.ts';
import type { PeerFeature, PeerStream } from '../peer-feature.ts';

const NS = 'urn:ietf:params:xml:ns:xmpp-sasl';

export const external: PeerFeature = {
  specs: [{ spec: 'XEP-0178', version: '1.3', title: 'SASL EXTERNAL of other servers' }],
  requires: ['secure'],
  forbids: ['proven'],
  async advertise(stream) {
    const { peer } = stream.domains;
    return peer !== '' && (await stream.proves(peer))
      ? `<mechanisms xmlns='${NS}'><mechanism>EXTERNAL</mechanism></mechanisms>`
      : '';
  },
  elements: [{ ns: NS, name: 'auth', handle: authenticate }],
};

async function authenticate(element: Stanza, stream: PeerStream): Promise<void> {
  if (element.attributes.mechanism !== 'EXTERNAL') return stream.refuseSasl(new SaslFailure('invalid-mechanism'));
  const { host, peer } = stream.domains;
  const claimed = identityIn(element.payload().toString().trim());
  if (claimed === undefined) return stream.refuseSasl(new SaslFailure('incorrect-encoding'));
  if (claimed !== '' && claimed !== peer)
    return stream.refuseSasl(new SaslFailure('invalid-authzid', 'the stream is for another domain'));
  const isProven = peer !== '' && (await stream.proves(peer));
  if (!isProven) return stream.refuseSasl(new SaslFailure('not-authorized', 'the certificate does not prove the domain'));
  const { tenant, isForbidden } = await stream.owner.hosts(stream.domains);
  if (tenant === undefined) throw new StreamError('host-unknown', `${host} is not served here`);
  if (isForbidden) throw forbidden(stream.domains);
  if (!stream.isOpen) return;
  stream.sendElement(`<success xmlns='${NS}'/>`);
  stream.prove(stream.domains, { tenant, isCertified: true });
  stream.restart();
}

/** '=' stands for an empty one (RFC 6120 §6.4.2). @returns undefined when it is not base64 */
function identityIn(text: string): string | undefined {
  if (text === '' || text === '=') return '';
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64').toString() : undefined;
}
