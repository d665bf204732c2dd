/**
 * Renewal for one domain: whether there is something to do, whether a try is allowed now, and the try itself. A try is recorded
 * before it begins, as a failure that has not happened yet: so two concurrent runs do not both order, and a run that dies leaves
 * the domain resting.
 */
import type { Clock } from '../../lib/ports/clock.ts';
import type { DnsLookup } from '../../lib/ports/dns-records.ts';
import type { Keys } from '../../lib/ports/keys.ts';
import { Conflict, type Store } from '../../lib/ports/store.ts';
import { covers } from '../../lib/runtime/certificate-names.ts';
import { checkPem, keepPem } from '../../lib/runtime/certificate-pem.ts';
import { type CertificateEntry, Certificates } from '../../lib/runtime/certificates.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import type { Authority } from './authority.ts';
import { type Attempt, isDue, pauseAfter } from './due.ts';
import { certificateLimits } from './limits.ts';
import { challengeOf, wantedNames } from './names.ts';

export interface RenewalDependencies {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly lookup: DnsLookup;
  readonly authority: Authority;
  /** The operator's zone. */
  readonly zone: string;
}

/**
 * kept: not due. issued: there is a new one. failed: see `error`. resting: after a failure. given: the certificate is somebody
 * else's, who renews it. undelegated: the tenant has no alias yet; see `error`. unprovable: not a public name, such as
 * `localhost`.
 */
export type Outcome = 'kept' | 'issued' | 'failed' | 'resting' | 'given' | 'undelegated' | 'unprovable';

export interface Result {
  readonly domain: string;
  readonly outcome: Outcome;
  /** The certificate in use. */
  readonly entry?: CertificateEntry;
  readonly error?: string;
}

const attempts = collection<Attempt>('attempt', 'certificate');

/** @param isForced renew even if it is not due, or rests. @throws {Unavailable} when the store is away */
export async function renew(dependencies: RenewalDependencies, domain: string, isForced = false): Promise<Result> {
  const { store, clock } = dependencies;
  const entry = await new Certificates(store).find(domain);
  const { components = [] } = (await new Tenants(store, clock).find(domain)) ?? {};
  const wanted = wantedNames(
    domain,
    components.map((component) => component.domain),
  );
  const now = clock.now();
  if (entry?.source === 'pem') return { domain, outcome: 'given', entry };
  if (wanted.length === 0) return { domain, outcome: 'unprovable', entry };
  const lacks = wanted.filter((name) => entry === undefined || !covers(entry.names, name));
  const isWanted = isForced || entry === undefined || isDue(entry, now);
  if (!isWanted && lacks.length === 0) return { domain, outcome: 'kept', entry };

  const rows = Rows.ofCertificate(store, domain);
  const before = await rows.get(attempts);
  if (!isForced && before !== undefined && now < before.value.notBeforeMs) {
    return { domain, outcome: 'resting', entry, error: before.value.error };
  }
  const found = await findDelegated(dependencies, wanted).catch(tell);
  if (typeof found === 'string') return { domain, outcome: 'failed', entry, error: found };
  const names = found.filter(({ isDelegated }) => isDelegated).map(({ name }) => name);
  const gains = lacks.some((name) => names.includes(name));
  const loses = wanted.some((name) => !lacks.includes(name) && !names.includes(name));
  if (!isWanted && (!gains || loses)) return { domain, outcome: 'kept', entry };
  if (!names.includes(wanted[0]!)) return { domain, outcome: 'undelegated', entry, error: found[0]!.advice };

  const failures = (before?.value.failures ?? 0) + 1;
  const pauseMs = pauseAfter(failures, clock.randomBytes(2).readUInt16BE() / 0x1_0000);
  const attempt: Attempt = { failures, notBeforeMs: now + pauseMs, error: 'the last try did not finish' };
  try {
    await rows.put(attempts, '', attempt, before ? { version: before.version } : 'absent');
  } catch (error) {
    if (error instanceof Conflict) return { domain, outcome: 'resting', entry, error: 'another run is trying it' };
    throw error;
  }
  try {
    const issued = await issue(dependencies, domain, names);
    await rows.delete(attempts);
    return { domain, outcome: 'issued', entry: issued };
  } catch (error) {
    const told = tell(error);
    await rows.put(attempts, '', { ...attempt, error: told });
    return { domain, outcome: 'failed', entry, error: told };
  }
}

/**
 * Checks the alias before it asks the CA for anything: a proof that cannot work would count against the domain.
 * @throws {Unavailable}
 */
function findDelegated({ lookup, zone }: RenewalDependencies, names: readonly string[]) {
  return Promise.all(
    names.map(async (name) => {
      const { alias, target } = challengeOf(name, zone);
      const there = await lookup.alias(alias);
      return {
        name,
        isDelegated: there === target,
        advice: `${alias} must be a CNAME of ${target}; ${there === undefined ? 'there is none' : `it points to ${there}`}`,
      };
    }),
  );
}

async function issue(dependencies: RenewalDependencies, domain: string, names: readonly string[]): Promise<CertificateEntry> {
  const { store, keys, clock, authority } = dependencies;
  const abort = new AbortController();
  const timer = clock.after(certificateLimits.renewalDomainMs, () => {
    abort.abort(new Error(`the CA issued no certificate within ${certificateLimits.renewalDomainMs / 1000} s`));
  });
  try {
    const pem = await Promise.race([authority.obtain(names, abort.signal), aborted(abort.signal)]);
    const entry = checkPem(domain, pem, 'acme', clock.now());
    await keepPem({ store, keys }, entry, pem);
    return entry;
  } finally {
    timer.cancel();
  }
}

/** Work inside the library's own pauses cannot be stopped, so we stop waiting for it. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** One line of an error that may contain a CA's text. */
function tell(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, certificateLimits.failureCharactersMax);
}
