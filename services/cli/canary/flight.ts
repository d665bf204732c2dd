/**
 * What the canary does: it finds the domain as a client does, signs in with an account of its own, writes to itself and into a room, and asks
 * the pages for people. Its
 * password is new each time and known to nobody else: only who may write the row of this account can make one.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { setCredentials } from '../../router/core/accounts.ts';
import { deriveKeys } from '../../router/sasl/passwords.ts';
import { checkDirectTls, checkStartTls, type Patient } from '../doctor/client-check.ts';
import { Deadline } from '../doctor/deadline.ts';
import { type Finding, Findings } from '../doctor/findings.ts';
import { Names } from '../doctor/names.ts';
import { checkPlaces, look } from '../doctor/places.ts';
import { programLimits } from '../limits.ts';
import { checkPages } from './pages-check.ts';

export interface Flight {
  readonly store: Store;
  readonly clock: Clock;
  readonly domain: string;
  /** The local part of the account. */
  readonly user: string;
  /** `address:port` of the DNS server to ask; undefined for those of the system. */
  readonly dnsServer: string | undefined;
  /** Where the pages for people are; undefined: they are not looked at. */
  readonly webUrl?: string | undefined;
}

/** @returns what was found; something is wrong when any of it is `fail` */
export async function fly({ store, clock, domain, user, dnsServer, webUrl }: Flight): Promise<readonly Finding[]> {
  const findings = new Findings();
  const password = randomBytes(programLimits.canaryPasswordBytes).toString('base64url');
  if (!(await setCredentials(store, domain, user, await deriveKeys(password, clock)))) {
    findings.fail(`${user}@${domain}`, 'there is no such account', `add it: skylark user add ${user}@${domain}`);
    return findings.list;
  }
  const deadline = new Deadline(programLimits.canaryFlightMs, programLimits.doctorStepMs);
  const names = new Names(deadline, dnsServer);
  const patient = (own: Findings): Patient => ({ domain, ca: undefined, deadline, findings: own, now: clock.now() });
  const [startTls, directTls] = [patient(new Findings()), patient(new Findings())];
  const pages = new Findings();
  const asked = webUrl === undefined ? Promise.resolve() : checkPages(webUrl, domain, pages);
  const opened = await Promise.all([
    checkPlaces('xmpp-client', startTls, names, checkStartTls),
    checkPlaces('xmpps-client', directTls, names, checkDirectTls),
  ]);
  await look(opened.flat(), { user, password, isKept: true }, names, patient(findings));
  await asked;
  return [startTls.findings, directTls.findings, findings, pages].flatMap(({ list }) => list);
}
