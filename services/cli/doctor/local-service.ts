/** Checks of the service on this machine: whether it runs, whether its ports answer or are free, and which certificate it shows. */
import { once } from 'node:events';
import { connect, createServer, isIP } from 'node:net';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import { domainToASCII } from 'node:url';
import { adminAddress } from '../compose/admin-address.ts';
import { checkPemFlags, readPemFiles } from '../compose/certificate.ts';
import { componentPortOf } from '../compose/component-options.ts';
import { peerPortsOf } from '../compose/federation-options.ts';
import { hostPort } from '../compose/listening.ts';
import type { StartValues } from '../compose/start-options.ts';
import { flagOf } from '../core/arguments.ts';
import { isLoopback } from '../core/options.ts';
import { reasonOf } from '../core/report.ts';
import { programLimits } from '../limits.ts';
import { type Findings, shown } from './findings.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** Does a service have the folder? It answers at the operators' socket then. */
export function isRunning(folder: string): Promise<boolean> {
  return answers({ path: adminAddress(folder) });
}

interface Place {
  readonly flag: string;
  readonly host: string;
  readonly port: number;
}

function placesOf(values: StartValues): Place[] {
  const { bind, componentBind, c2sPort, c2sTlsPort, httpPort, httpsPort, proxyPort, healthPort } = values;
  const ports = { c2sPort, c2sTlsPort, httpPort, httpsPort, ...peerPortsOf(values), proxyPort, healthPort };
  const all = Object.entries(ports).map(([name, port]) => ({ flag: flagOf(name), host: bind, port: port ?? 0 }));
  all.push({ flag: '--component-port', host: componentBind, port: componentPortOf(values) ?? 0 });
  return all.filter(({ port }) => port > 0);
}

/** An address that stands for all of them is reached at the loopback. */
const reached = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host);

export async function checkListening(values: StartValues, runs: boolean, findings: Findings): Promise<void> {
  for (const { flag, host, port } of placesOf(values)) {
    const subject = `port ${port} (${flag})`;
    if (runs) {
      if (await answers({ host: reached(host), port })) findings.ok(subject, 'the service answers');
      else
        findings.fail(
          subject,
          `nobody answers at ${hostPort(host, port)}`,
          'the service runs with other settings: start it again with these',
        );
    } else {
      const refusal = await whyNotFree(host, port);
      if (refusal === undefined) findings.ok(subject, 'it is free; the service does not run');
      else findings.fail(subject, `the service could not listen on ${hostPort(host, port)}: ${refusal}`, adviceOn(port, flag));
    }
  }
}

function adviceOn(port: number, flag: string): string {
  const byRight = port < 1024 ? '; ports below 1024 need root or CAP_NET_BIND_SERVICE, which skylark service install gives' : '';
  return `stop what listens there (ss -ltnp), or choose another with ${flag}${byRight}`;
}

async function answers(where: { readonly path: string } | { readonly host: string; readonly port: number }): Promise<boolean> {
  const socket = connect(where).setTimeout(programLimits.doctorLocalMs, () => socket.destroy());
  const isThere = await new Promise<boolean>((resolve) => {
    socket
      .once('connect', () => resolve(true))
      .once('error', () => resolve(false))
      .once('close', () => resolve(false));
  });
  socket.destroy();
  return isThere;
}

async function whyNotFree(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    server.close();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** As clients see it, on the port for direct TLS. */
export async function checkShownCertificate(values: StartValues, runs: boolean, now: number, findings: Findings): Promise<void> {
  const subject = `certificate of ${values.domain}`;
  if (!runs) {
    try {
      const files = checkPemFlags(values);
      if (files !== undefined) readPemFiles(files);
      findings.warn(subject, 'the service does not run, so it shows none', 'start it, and look again');
    } catch (error) {
      findings.fail(subject, shown((error as Error).message), 'the service cannot start without these files');
    }
    return;
  }
  const name = domainToASCII(values.domain) || values.domain;
  const found = await shownCertificate(reached(values.bind), values.c2sTlsPort, name).catch((error: unknown) => error);
  if (found instanceof Error || found === undefined) {
    findings.fail(
      subject,
      `no client gets in: ${shown(found ? reasonOf(found) : 'no certificate is shown')}`,
      adviceOnNone(values),
    );
    return;
  }
  judge(found as PeerCertificate, subject, values, now, findings);
}

function adviceOnNone({ certificates, domain }: StartValues): string {
  return certificates === 'store'
    ? `put one into the store: skylark certificate add ${domain}, or skylark certificate renew`
    : 'look at the files of --cert and --key, and at the log';
}

async function shownCertificate(host: string, port: number, name: string): Promise<PeerCertificate | undefined> {
  // Whether its chain holds is judged from outside: here it counts what is shown.
  const socket = connectTls({ host, port, ...(isIP(name) === 0 && { servername: name }), rejectUnauthorized: false });
  socket.setTimeout(programLimits.doctorLocalMs, () => socket.destroy(new Error('the service does not answer')));
  try {
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerCertificate();
    return Object.keys(certificate).length === 0 ? undefined : certificate;
  } finally {
    socket.destroy();
  }
}

/** @returns the hosts of the domain that the certificate is not for, as A-labels */
function uncovered(certificate: PeerCertificate, hosts: readonly string[]): string[] {
  const names = namesOf(certificate);
  return hosts.filter((host) => !names.includes(host) && !names.includes(`*${host.slice(host.indexOf('.'))}`));
}

function namesOf({ subjectaltname = '' }: PeerCertificate): string[] {
  return subjectaltname.split(', ').map((name) => name.replace(/^(?:DNS|IP Address):/, ''));
}

function judge(certificate: PeerCertificate, subject: string, values: StartValues, now: number, findings: Findings): void {
  const { valid_from: from, valid_to: to, issuer, subject: owner } = certificate;
  const domain = domainToASCII(values.domain) || values.domain;
  const days = Math.floor((Date.parse(to) - now) / dayMs);
  const text = `it is valid for ${days} days`;
  const renew =
    values.cert === undefined
      ? 'renew it: skylark certificate renew, or add the next one'
      : `'${values.cert}' has not been renewed: look at the log of what does that`;
  const isSelfSigned = JSON.stringify(issuer) === JSON.stringify(owner);
  const besides = uncovered(
    certificate,
    ['conference', 'upload', 'pubsub'].map((service) => `${service}.${domain}`),
  );
  if (days < 0) findings.fail(subject, `it ended on ${to}`, renew);
  else if (Date.parse(from) > now) findings.fail(subject, `it is not valid before ${from}`, 'look at the clock of this machine');
  else if (uncovered(certificate, [domain]).length > 0)
    findings.fail(
      subject,
      `it is for ${shown(namesOf(certificate).join(', '))}`,
      `get one for ${domain}: clients refuse this one`,
    );
  else if (days < programLimits.doctorDaysLeftMin) findings.fail(subject, text, renew);
  else if (days < programLimits.doctorDaysLeftSoonMin) findings.warn(subject, text, renew);
  else if (isSelfSigned && !isLoopback(values.bind))
    findings.warn(
      subject,
      'it is self-signed: clients ask whether to trust it, and some other servers refuse it',
      'get one of a CA, and name it with --cert and --key, or put it into the store: --certificates store',
    );
  else if (besides.length > 0)
    findings.warn(
      subject,
      `${text}, and is not for ${besides.join(' and ')}`,
      'get one for these, too: rooms and files are there',
    );
  else findings.ok(subject, isSelfSigned ? `${text}; it is self-signed, which is enough for this machine` : text);
}
