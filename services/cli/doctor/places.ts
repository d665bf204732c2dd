/** Goes to all places that the records of a domain name, and signs in over the first safe stream. */
import { checkOtherAddresses, type checkStartTls, type Opened, type Patient } from './client-check.ts';
import type { Names } from './names.ts';
import { placesOf } from './records-check.ts';
import { type Account, checkServices } from './services-check.ts';

/** @returns the streams over which a password may be sent */
export async function checkPlaces(
  service: 'xmpp-client' | 'xmpps-client',
  patient: Patient,
  names: Names,
  check: typeof checkStartTls,
): Promise<Opened[]> {
  const good: Opened[] = [];
  for (const place of (await placesOf(service, patient.domain, names, patient.findings)) ?? []) {
    const opened = await check(place, patient);
    if (opened !== undefined) good.push(opened);
    await checkOtherAddresses(place, patient);
  }
  return good;
}

/** Checks what the account sees, over the first safe stream. Closes all streams, even when there is no account to check with. */
export async function look(
  opened: readonly Opened[],
  account: Account | undefined,
  names: Names,
  patient: Patient,
): Promise<void> {
  const [first, ...others] = opened;
  for (const { stream } of account === undefined ? opened : others) stream.close();
  if (account === undefined) return;
  if (first !== undefined) await checkServices(first, account, names, patient);
  else patient.findings.fail(`${account.user}@${patient.domain}`, 'the password was not sent: no stream is safe', 'see above');
}
