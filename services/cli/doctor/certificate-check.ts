/** Checks a server's certificate: which names it is for (RFC 6125), who issued it, and how long it is valid. */
import type { TLSSocket } from 'node:tls';
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
  const daysLeft = (certificate.validToDate.getTime() - now) / dayMs;
  const until = certificate.validToDate.toISOString().slice(0, 10);
  if (daysLeft <= 0) fail(`the certificate has expired on ${until}`, renewal);
  else if (certificate.validFromDate.getTime() > now)
    fail('the certificate is not valid yet', 'look at the clocks of both machines');
  else if (daysLeft < programLimits.doctorDaysLeftMin)
    fail(`the certificate expires on ${until}, in ${Math.floor(daysLeft)} days`, renewal);
  else if (daysLeft < programLimits.doctorDaysLeftSoonMin)
    findings.warn(subject, `the certificate expires on ${until}, in ${Math.floor(daysLeft)} days`, renewal);
  if (!socket.authorized && daysLeft > 0) {
    const code = `${socket.authorizationError}`;
    fail(
      `the chain of the certificate does not hold: ${chainTexts[code] ?? shown(code)}`,
      'serve the whole chain of a public authority; --ca FILE trusts another one',
    );
  }
  if (isGood)
    findings.ok(
      subject,
      `certificate for ${name}, good for ${Math.floor(daysLeft)} days, ${shown(issuerOf(certificate.issuer))}`,
    );
  return isGood;
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
