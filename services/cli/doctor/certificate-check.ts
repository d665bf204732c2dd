/** Checks a server's certificate: which names it is for (RFC 6125), who issued it, and how long it is valid. */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PathOptions } from '../../../lib/s2s/path.ts';
import { peerChain, provesDomain } from '../../../lib/s2s/proof.ts';
import { programLimits } from '../limits.ts';
import { type Findings, shown } from './findings.ts';

const dayMs = 86_400_000;

const chainTexts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'a certificate of the chain has expired',
  CERT_NOT_YET_VALID: 'a certificate of the chain is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its chain ends in an authority that nobody knows',
  UNABLE_TO_GET_ISSUER_CERT: 'a certificate of the chain is missing',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'a certificate of the chain is missing, or the authority is not known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'a certificate of the chain is missing',
};

const renewal = 'renew it: `skylark dns` prints the _acme-challenge record that renewal by itself needs';

/** @returns whether the certificate is good enough to send a password */
export function checkCertificate(subject: string, socket: TLSSocket, name: string, now: number, findings: Findings): boolean {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    findings.fail(subject, 'the server shows no certificate', 'configure one for the domain');
    return false;
  }
  let isGood = true;
  const fail = (text: string, advice: string) => {
    isGood = false;
    findings.fail(subject, text, advice);
  };
  const names = shown(certificate.subjectAltName ?? certificate.subject ?? 'nobody');
  const isNamed = certificate.checkHost(name) !== undefined;
  if (certificate.ca && !isNamed)
    fail(
      `the server shows the certificate of an authority (${names}) where its own belongs: the chain is reversed`,
      'put the certificate of the domain first, then each before its issuer',
    );
  else if (!isNamed)
    fail(`the certificate is not for ${name}, but for ${names}`, `get one that names ${name}; clients refuse this one`);
  const daysLeft = daysLeftOf(certificate, now);
  if (daysLeft <= 0) fail(`the certificate has expired on ${dayOf(certificate)}`, renewal);
  else if (certificate.validFromDate.getTime() > now)
    fail('the certificate is not valid yet', 'look at the clocks of both machines');
  else if (!checkDaysLeft(subject, certificate, now, findings)) isGood = false;
  if (!socket.authorized && daysLeft > 0) {
    const code = `${socket.authorizationError}`;
    fail(
      `the chain of the certificate does not hold: ${chainTexts[code] ?? shown(code)}`,
      'serve the whole chain of a public authority; --ca FILE trusts another one',
    );
  }
  if (isGood) findings.ok(subject, praise(name, certificate, now));
  return isGood;
}

/**
 * Checks what proves a domain to other servers, by the rules that Skylark has for its own peers (RFC 6120 §13.7.1.2).
 * @param domain in U-labels
 */
export async function checkServerCertificate(
  subject: string,
  socket: TLSSocket,
  domain: string,
  options: PathOptions,
  findings: Findings,
): Promise<void> {
  const chain = peerChain(socket);
  const proof = await provesDomain(domain, chain, options);
  if (!proof.ok) {
    findings.fail(
      subject,
      shown(proof.reason),
      `serve one for ${domain} with its whole chain, or name it in a POSH document; --ca FILE trusts another authority`,
    );
    return;
  }
  const own = new X509Certificate(chain[0]!);
  if (checkDaysLeft(subject, own, options.now, findings)) findings.ok(subject, praise(domain, own, options.now));
}

function daysLeftOf({ validToDate }: X509Certificate, now: number): number {
  return (validToDate.getTime() - now) / dayMs;
}

/** Checks how long a certificate that is valid now stays valid. @returns false when it has to be renewed at once */
function checkDaysLeft(subject: string, certificate: X509Certificate, now: number, findings: Findings): boolean {
  const daysLeft = daysLeftOf(certificate, now);
  const text = `the certificate expires on ${dayOf(certificate)}, in ${Math.floor(daysLeft)} days`;
  if (daysLeft < programLimits.doctorDaysLeftMin) {
    findings.fail(subject, text, renewal);
    return false;
  }
  if (daysLeft < programLimits.doctorDaysLeftSoonMin) findings.warn(subject, text, renewal);
  return true;
}

function dayOf({ validToDate }: X509Certificate): string {
  return validToDate.toISOString().slice(0, 10);
}

function praise(name: string, certificate: X509Certificate, now: number): string {
  const days = Math.floor(daysLeftOf(certificate, now));
  return `certificate for ${name}, good for ${days} days, ${shown(issuerOf(certificate.issuer))}`;
}

/** Picks the organisation (`O=Let's Encrypt`), or else the common name, from the issuer's lines. */
function issuerOf(issuer: string): string {
  const lines = issuer.split('\n');
  const line = lines.find((one) => one.startsWith('O=')) ?? lines.find((one) => one.startsWith('CN='));
  return line === undefined ? 'issuer without a name' : `issued by ${line.slice(line.indexOf('=') + 1)}`;
}

const strong: ReadonlySet<string> = new Set(['TLSv1.2', 'TLSv1.3']);

/** Only TLS 1.2 and 1.3 are accepted (RFC 7590 §3.3, RFC 8996). */
export function checkProtocol(subject: string, socket: TLSSocket, findings: Findings): void {
  const version = socket.getProtocol() ?? 'unknown';
  if (strong.has(version)) findings.ok(subject, version.replace('v', ' '));
  else findings.fail(subject, `the server negotiates ${version}`, 'offer TLS 1.2 and 1.3 only');
}
