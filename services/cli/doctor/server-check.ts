/**
 * Checks whether other servers can reach the domain and its rooms (RFC 6120 §3.2), with STARTTLS (§5) and TLS from the first byte
 * (XEP-0368), and how they could prove themselves there. Without federation the domain should have no records for servers.
 *
 * The doctor speaks for no domain. So its streams have no `from` and no certificate, and it does not try to prove anything: it reads what
 * a server offers to a stranger.
 */
import type { Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { pubsubDomain, roomsDomain } from '../../../lib/runtime/tenants.ts';
import type { Roots } from '../../../lib/s2s/roots.ts';
import { unicodeDomain } from '../../../lib/xmpp/idna.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { checkProtocol, checkServerCertificate } from './certificate-check.ts';
import { checkOtherAddresses, type Patient, subjectOf } from './client-check.ts';
import { shown } from './findings.ts';
import { mechanismsOf } from './mechanisms.ts';
import type { Names } from './names.ts';
import { connectSecurely, connectTcp, PeerStream, type Place, startTlsOffer } from './peer-stream.ts';
import { whyOf } from './reasons.ts';
import { placesOf } from './records-check.ts';

const alpn = 'xmpp-server';
const NS_DIALBACK_FEATURE = 'urn:xmpp:features:dialback';
const NS_ACKS = 'urn:xmpp:sm:3';

/** One host that the records of a name give to servers. */
interface Server {
  readonly place: Place;
  /** The domain, or that of its rooms or its pubsub service, in A-labels, as TLS and DNS have it. */
  readonly name: string;
  readonly isDirectTls: boolean;
}

export async function checkServers(patient: Patient, names: Names, roots: Roots): Promise<void> {
  const { domain, findings } = patient;
  let isAnywhere = false;
  for (const name of [domain, roomsDomain(domain), pubsubDomain(domain)]) {
    for (const service of ['xmpp-server', 'xmpps-server'] as const) {
      const places = await placesOf(service, name, names, findings);
      isAnywhere ||= places === undefined || places.length > 0;
      for (const place of places ?? []) {
        const isThere = await checkServer({ place, name, isDirectTls: service === 'xmpps-server' }, patient, roots);
        if (isThere) await checkOtherAddresses(place, patient);
      }
    }
  }
  if (!isAnywhere) findings.ok('federation', 'there is no record for servers, so no other server finds this domain by one');
}

/** @returns whether something answers there */
async function checkServer(server: Server, patient: Patient, roots: Roots): Promise<boolean> {
  const { place, name, isDirectTls } = server;
  const { deadline, findings } = patient;
  const subject = subjectOf(place);
  let socket: Socket;
  try {
    socket = await connectTcp(place, deadline);
  } catch (error) {
    const [text, advice] = whyOf(error);
    findings.fail(
      subject,
      `_${isDirectTls ? 'xmpps' : 'xmpp'}-server._tcp.${name} names it, and ${text}`,
      `${advice}; or remove the record where no port for servers is open`,
    );
    return false;
  }
  findings.ok(subject, `${place.address} accepts connections of servers`);
  let stream: PeerStream | undefined;
  try {
    if (isDirectTls) {
      const secure = await connectSecurely({ socket, servername: name, ALPNProtocols: [alpn] }, deadline);
      stream = new PeerStream(secure, deadline, 'jabber:server');
      if (secure.alpnProtocol === alpn) findings.ok(subject, `TLS from the first byte, ALPN ${alpn}`);
      else findings.warn(subject, `TLS without ALPN ${alpn} (XEP-0368)`, 'servers work, but the port cannot be shared');
      await checkSecure(server, stream, secure, patient, roots);
    } else {
      stream = new PeerStream(socket, deadline, 'jabber:server');
      const secure = await startTls(server, stream, { servername: name }, patient);
      if (secure !== undefined) await checkSecure(server, stream, secure, patient, roots);
    }
  } catch (error) {
    const [text, advice] = whyOf(error);
    findings.fail(subject, `${name}: ${text}`, advice);
  } finally {
    stream?.close();
  }
  return true;
}

/** @returns undefined when the server does not offer it; other servers do not go on then (RFC 7590 §3.3) */
async function startTls(
  { place, name }: Server,
  stream: PeerStream,
  options: ConnectionOptions,
  { findings }: Patient,
): Promise<TLSSocket | undefined> {
  const subject = subjectOf(place);
  const features = await stream.open(nameInXmpp(name));
  const offer = startTlsOffer(features);
  if (offer === undefined) {
    findings.fail(
      subject,
      `the server does not offer STARTTLS to servers for ${name}`,
      'give it a certificate; most servers send nothing in the clear',
    );
    return undefined;
  }
  const ways = waysOf(features);
  if (offer.isRequired || ways === '') findings.ok(subject, 'STARTTLS is offered and required');
  else
    findings.warn(
      subject,
      `STARTTLS is offered, but not required: ${ways} before it`,
      'require it, so that no stanza passes in the clear',
    );
  return stream.startTls(options);
}

async function checkSecure(
  { place, name }: Server,
  stream: PeerStream,
  secure: TLSSocket,
  { findings, now }: Patient,
  roots: Roots,
): Promise<void> {
  const subject = subjectOf(place);
  checkProtocol(subject, secure, findings);
  await checkServerCertificate(subject, secure, nameInXmpp(name), { roots, now }, findings);
  const features = await stream.open(nameInXmpp(name));
  const ways = waysOf(features);
  if (ways !== '') findings.ok(subject, `servers can prove themselves to ${name} by ${ways}`);
  else
    findings.warn(
      subject,
      `${name} offers neither dialback nor SASL EXTERNAL to a server without a certificate`,
      'only servers with a certificate that it trusts get in, if any do',
    );
  if (features.hasChild('sm', NS_ACKS)) findings.ok(subject, 'stanzas of servers are acknowledged (XEP-0198)');
  else findings.ok(subject, 'acknowledgements (XEP-0198) are not offered, or only to servers that have proved themselves');
}

/** How a server may prove itself: by dialback (XEP-0220), and by SASL, between servers EXTERNAL (XEP-0178). @returns '' for no way */
function waysOf(features: Stanza): string {
  const mechanisms = mechanismsOf(features).map((mechanism) => `SASL ${mechanism}`);
  const ways = [...(features.hasChild('dialback', NS_DIALBACK_FEATURE) ? ['dialback'] : []), ...mechanisms];
  return shown(ways.join(' and '));
}

function nameInXmpp(name: string): string {
  return unicodeDomain(name) ?? name;
}
