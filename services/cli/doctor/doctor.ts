/** `skylark doctor DOMAIN` checks a domain from outside, as clients, browsers and other servers see it, without store or bus. */
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import { Roots } from '../../../lib/s2s/roots.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { readPassword } from '../core/password.ts';
import { reasonOf, say, UsageError } from '../core/report.ts';
import { publicDomain } from '../dns/host-name.ts';
import { programLimits } from '../limits.ts';
import { checkDirectTls, checkStartTls, type Patient } from './client-check.ts';
import { Deadline } from './deadline.ts';
import type { DoctorValues, OutsideValues } from './doctor-options.ts';
import { type Finding, Findings } from './findings.ts';
import { examineHere } from './local.ts';
import { Names } from './names.ts';
import { checkPlaces, look } from './places.ts';
import { checkAcme } from './records-check.ts';
import { checkServers } from './server-check.ts';
import type { Account } from './services-check.ts';
import { checkWeb } from './web-check.ts';

export interface Examined {
  readonly domain: string;
  readonly findings: readonly Finding[];
}

/** @returns 1 when a check failed */
export async function doctor(values: DoctorValues, positionals: readonly string[]): Promise<number> {
  const { domain, findings } = await (values.local ? examineHere : examine)(values, positionals);
  report(domain, findings, values.json);
  return findings.some(({ state }) => state === 'fail') ? 1 : 0;
}

/** @throws {UsageError | Refusal} when arguments are wrong; problems of the domain become findings instead */
export async function examine(values: OutsideValues, positionals: readonly string[]): Promise<Examined> {
  const [text, ...rest] = positionals;
  if (text === undefined) throw new UsageError("'skylark doctor' needs a DOMAIN; see: skylark help doctor");
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is an unexpected argument; see: skylark help doctor`);
  const { ascii: domain } = publicDomain(text);
  const ca = readAuthorities(values.ca);
  const roots = rootsOf(ca ?? rootCertificates, values.ca);
  const account = await readAccount(values, domain);
  const totalMs = values.timeout! * 1_000;
  const deadline = new Deadline(totalMs, Math.min(programLimits.doctorStepMs, totalMs));
  const names = new Names(deadline, values.dns);
  const part = (): Patient => ({ domain, ca, deadline, findings: new Findings(), now: systemClock.now() });

  // The checks run at the same time, so that one that hangs does not use up the time of the others. The report keeps this order.
  const parts = [part(), part(), part(), part(), part()] as const;
  const [startTls, directTls, servers, web, acme] = parts;
  const opened = await Promise.all([
    checkPlaces('xmpp-client', startTls, names, checkStartTls),
    checkPlaces('xmpps-client', directTls, names, checkDirectTls),
    checkServers(servers, names, roots),
    checkWeb(web, names, values.webPort!),
    checkAcme(domain, values.acmeZone, names, acme.findings),
  ]);
  const last = part();
  await look(
    opened.slice(0, 2).flatMap((one) => one ?? []),
    account,
    names,
    last,
  );
  return { domain, findings: [...parts, last].flatMap((one) => one.findings.list) };
}

/** @returns the public authorities and those of the file. @throws {UsageError} */
function readAuthorities(path: string | undefined): string[] | undefined {
  if (path === undefined) return undefined;
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--ca: '${path}' cannot be read: ${reasonOf(error)}`);
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new UsageError(`--ca: '${path}' holds no certificate in PEM`);
  return [...rootCertificates, pem];
}

/** What proves servers to each other. @throws {UsageError} */
function rootsOf(ca: readonly string[], path: string | undefined): Roots {
  try {
    return Roots.ofPem(ca);
  } catch (error) {
    throw new UsageError(`--ca: '${path}' cannot be used: ${reasonOf(error)}`);
  }
}

/** @returns undefined when no account is given. @throws {UsageError} */
async function readAccount({ user, password }: OutsideValues, domain: string): Promise<Account | undefined> {
  if (user === undefined) {
    if (password !== undefined) throw new UsageError('--password needs --user with the name of the account');
    return undefined;
  }
  let local: string;
  try {
    local = Jid.of(user, domain).local;
  } catch {
    throw new UsageError(`--user: '${user}' is not allowed; it takes the part before the @ of an address`);
  }
  return { user: local, password: password ?? (await readPassword(`${local}@${domain}`)) };
}

function report(domain: string, findings: readonly Finding[], json: boolean): void {
  const count = (state: Finding['state']) => findings.filter((one) => one.state === state).length;
  const [failed, warned] = [count('fail'), count('warn')];
  if (json) {
    for (const finding of findings) say(JSON.stringify(finding));
    say(JSON.stringify({ domain, checks: findings.length, failed, warned }));
    return;
  }
  for (const { state, subject, text, advice } of findings) {
    say(`${state.padEnd(5)} ${subject}: ${text}`);
    if (advice !== undefined) say(`      → ${advice}`);
  }
  say(`${domain}: ${findings.length} checks, ${failed} failed, ${warned} with a warning`);
}
