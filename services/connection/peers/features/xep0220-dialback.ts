/**
 * Server Dialback (XEP-0220). As the receiving server we ask the domain's own server whether it has said a key, by way of the owner of the
 * pair, and others wait for nothing meanwhile; a good certificate needs no call back (XEP-0344 §2.4). As the authoritative server we know
 * our own keys (XEP-0185). More pairs of domains may be proved on one stream (§2.7).
 */

import type { Domains } from '../../../../lib/s2s/arrivals.ts';
import { xml } from '../../../../lib/xmpp/element.ts';
import { StanzaError, type StanzaErrorCondition, StreamError } from '../../../../lib/xmpp/errors.ts';
import { Jid } from '../../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../../lib/xmpp/stanza.ts';
import { connectionLimits } from '../../limits.ts';
import type { Verified } from '../owner-link.ts';
import type { PeerFeature, PeerStream } from '../peer-feature.ts';

const NS = 'jabber:server:dialback';

export const dialback: PeerFeature = {
  specs: [
    { spec: 'XEP-0220', version: '1.1.1', title: 'Server Dialback: receiving and authoritative server, with errors' },
    {
      spec: 'XEP-0344',
      version: '0.3',
      title: 'Impact of TLS and DNSSEC on Dialback: §2.4, a certificate instead of a call back',
    },
  ],
  requires: ['secure'],
  advertise: (stream) => (stream.needsCertificate ? '' : `<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>`),
  elements: [
    { ns: NS, name: 'result', handle: receive },
    { ns: NS, name: 'verify', handle: vouch },
  ],
};

/** §2.1.1: the peer says that it is a domain. @throws {StreamError} for what is not a question */
function receive(element: Stanza, stream: PeerStream): undefined {
  const domains = domainsOf(element);
  if (stream.asking >= connectionLimits.verifiesPerStreamMax)
    throw new StreamError('policy-violation', 'too many domains are proved at once');
  stream.asking++;
  // The stream goes on meanwhile: the peer may have more to say, also to the server that asks it.
  void prove(element, stream, domains)
    .catch((error: unknown) => stream.fail(error as Error))
    .finally(() => stream.asking--);
}

async function prove(element: Stanza, stream: PeerStream, domains: Domains): Promise<void> {
  const { host, peer } = domains;
  const answer = (type: string, condition?: StanzaErrorCondition): void => {
    const error = condition && new StanzaError(condition);
    stream.sendElement(xml('db:result', { from: host, to: peer, type }, error?.toElement()).toString());
  };
  const { id } = stream;
  const hosts = await stream.owner.hosts(domains).catch(() => undefined);
  if (hosts === undefined) return answer('error', 'resource-constraint'); // the service is not ready
  const { tenant, isPeerOurs, isForbidden, needsCertificate } = hosts;
  if (isPeerOurs) throw new StreamError('invalid-from', `${peer} is served here`);
  if (tenant === undefined) return answer('error', 'item-not-found');
  const key = element.payload().toString().trim();
  if (isForbidden) return answer('error', 'not-allowed');
  const isCertified = await stream.proves(peer);
  if (needsCertificate && !isCertified) return answer('error', 'policy-violation');
  if (!isCertified && !stream.mayAsk(peer)) return answer('error', 'resource-constraint');
  const late: Verified = { isValid: false, condition: 'remote-server-timeout' };
  const { isValid, condition } = isCertified
    ? { isValid: true, condition: undefined }
    : await stream.owner.verify(domains, id, key).catch(() => late);
  if (!stream.isOpen) return;
  if (condition !== undefined) return answer('error', condition);
  if (isValid) stream.prove(domains, { tenant, isCertified });
  answer(isValid ? 'valid' : 'invalid');
  if (!isValid && !stream.has('proven')) stream.finish(); // §2.2.2
}

/** §2.1.3: another server asks whether a key is ours. */
async function vouch(element: Stanza, stream: PeerStream): Promise<void> {
  const domains = domainsOf(element);
  const { host, peer } = domains;
  const { id } = element.attributes;
  if (id === undefined) throw new StreamError('bad-format', 'a key to be verified needs the id of its stream');
  const key = element.payload().toString().trim();
  const { isValid, condition } = await stream.owner.check(domains, id, key);
  const error = condition && new StanzaError(condition);
  const type = condition !== undefined ? 'error' : isValid ? 'valid' : 'invalid';
  stream.sendElement(xml('db:verify', { from: host, to: peer, id, type }, error?.toElement()).toString());
}

/** @throws {StreamError} improper-addressing; not-authorized for an answer, since nothing was asked on this stream */
function domainsOf(element: Stanza): Domains {
  const { from, to, type } = element.attributes;
  if (type !== undefined) throw new StreamError('not-authorized', 'nothing was asked on this stream');
  const [theirs, ours] = [from, to].map((text) => (text === undefined ? undefined : Jid.tryParse(text)));
  const isDomain = (jid: Jid | undefined) => jid !== undefined && jid.local === '' && jid.resource === '';
  if (!isDomain(theirs) || !isDomain(ours))
    throw new StreamError('improper-addressing', '"from" and "to" of dialback are domains');
  return { host: ours!.domain, peer: theirs!.domain };
}
