/**
 * Checks the ports for clients: STARTTLS (RFC 6120 §5) and TLS from the first byte (XEP-0368). Each port's certificate and SASL
 * mechanisms are checked, too.
 */
import type { TLSSocket } from 'node:tls';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { checkCertificate, checkProtocol } from './certificate-check.ts';
import type { Deadline } from './deadline.ts';
import { type Findings, shown } from './findings.ts';
import { checkMechanisms, mechanismsOf } from './mechanisms.ts';
import { connectSecurely, connectTcp, PeerStream, type Place, startTlsOffer } from './peer-stream.ts';
import { whyOf } from './reasons.ts';

const alpn = 'xmpp-client';

export interface Patient {
  readonly domain: string;
  /** PEM texts of all certificate authorities to trust; undefined for the public ones that Node knows. */
  readonly ca: readonly string[] | undefined;
  readonly deadline: Deadline;
  readonly findings: Findings;
  readonly now: number;
}

/** A stream over TLS whose certificate is good, with the stream features that the server sent last. */
export interface Opened {
  readonly stream: PeerStream;
  readonly features: Stanza;
}

export function subjectOf({ host, port }: Place): string {
  return `${host}:${port}`;
}

/** @returns the stream when a password may be sent over it, and the caller must close it; undefined otherwise */
export async function checkStartTls(place: Place, patient: Patient): Promise<Opened | undefined> {
  const { deadline, domain, findings, ca } = patient;
  const subject = subjectOf(place);
  return guarded(subject, findings, async (keep) => {
    const stream = keep(new PeerStream(await connectTcp(place, deadline), deadline));
    findings.ok(subject, `${place.address} accepts connections`);
    const features = await stream.open(domain);
    const startTls = startTlsOffer(features);
    if (startTls === undefined) {
      findings.fail(
        subject,
        'the server does not offer STARTTLS',
        'give it a certificate; clients refuse to sign in in the clear',
      );
      checkClear(subject, features, findings);
      return undefined;
    }
    if (!startTls.isRequired && mechanismsOf(features).length > 0)
      findings.warn(subject, 'STARTTLS is offered, but not required', 'require it, so that no client signs in in the clear');
    else findings.ok(subject, 'STARTTLS is offered and required');
    checkClear(subject, features, findings);
    const secure = await stream.startTls({ servername: domain, ...trust(ca) });
    return checkSecure(subject, stream, secure, patient);
  });
}

/** @returns the stream when a password may be sent over it, and the caller must close it; undefined otherwise */
export async function checkDirectTls(place: Place, patient: Patient): Promise<Opened | undefined> {
  const { deadline, domain, findings, ca } = patient;
  const subject = subjectOf(place);
  return guarded(subject, findings, async (keep) => {
    const raw = await connectTcp(place, deadline);
    findings.ok(subject, `${place.address} accepts connections`);
    const secure = await connectSecurely({ socket: raw, servername: domain, ALPNProtocols: [alpn], ...trust(ca) }, deadline);
    const stream = keep(new PeerStream(secure, deadline));
    if (secure.alpnProtocol === alpn) findings.ok(subject, `TLS from the first byte, ALPN ${alpn}`);
    else findings.warn(subject, `TLS without ALPN ${alpn} (XEP-0368)`, 'clients work, but the port cannot be shared with HTTPS');
    return checkSecure(subject, stream, secure, patient);
  });
}

/** Connects to the other addresses of a host: a load balancer has one in each zone, and a client may choose any of them. */
export async function checkOtherAddresses(place: Place, { deadline, findings }: Patient): Promise<void> {
  for (const address of place.others ?? []) {
    const subject = subjectOf(place);
    try {
      (await connectTcp({ ...place, address }, deadline)).destroy();
      findings.ok(subject, `${address} accepts connections, too`);
    } catch (error) {
      const [text, advice] = whyOf(error);
      const isOurs = (error as NodeJS.ErrnoException).code === 'ENETUNREACH';
      findings[isOurs ? 'warn' : 'fail'](subject, `${address}: ${text}`, advice);
    }
  }
}

/** The TLS option that replaces Node's authorities with `ca`; no option when that is undefined. */
export function trust(ca: readonly string[] | undefined): { readonly ca?: string[] } {
  return ca === undefined ? {} : { ca: [...ca] };
}

/** RFC 6120 §13.8.4: before TLS, where others can listen, a server should not offer mechanisms to sign in with. */
function checkClear(subject: string, features: Stanza, findings: Findings): void {
  const mechanisms = mechanismsOf(features);
  if (mechanisms.length === 0) findings.ok(subject, 'nobody can sign in without TLS');
  else if (mechanisms.includes('PLAIN'))
    findings.fail(subject, 'the server takes passwords in the clear (PLAIN before TLS)', 'require TLS before authentication');
  else
    findings.warn(
      subject,
      `signing in works without TLS: ${shown(mechanisms.join(', '))}`,
      'require TLS before authentication: all that follows is in the clear',
    );
}

async function checkSecure(
  subject: string,
  stream: PeerStream,
  secure: TLSSocket,
  { domain, findings, now }: Patient,
): Promise<Opened | undefined> {
  checkProtocol(subject, secure, findings);
  const isGood = checkCertificate(subject, secure, domain, now, findings);
  const features = await stream.open(domain);
  checkMechanisms(subject, features, findings);
  return isGood ? { stream, features } : undefined;
}

/** Runs a check and turns the peer's errors into findings. Closes the stream given to `keep`, unless the check returns it. */
async function guarded(
  subject: string,
  findings: Findings,
  check: (keep: (stream: PeerStream) => PeerStream) => Promise<Opened | undefined>,
): Promise<Opened | undefined> {
  let stream: PeerStream | undefined;
  const keep = (one: PeerStream) => {
    stream = one;
    return one;
  };
  let opened: Opened | undefined;
  try {
    opened = await check(keep);
  } catch (error) {
    findings.fail(subject, ...whyOf(error));
  } finally {
    if (opened === undefined) stream?.close();
  }
  return opened;
}
