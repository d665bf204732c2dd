/**
 * Gets a certificate from a CA by ACME (RFC 8555) with DNS-01. `acme-client` speaks the protocol; this file provides the proofs.
 * The CA is asked to look only after we have seen the record ourselves, because failed proofs count against the domain.
 */
import { Agent } from 'node:https';
import acme from 'acme-client';
import { type Clock, sleep } from '../../lib/ports/clock.ts';
import type { DnsLookup, DnsRecords } from '../../lib/ports/dns-records.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import type { Pem } from '../../lib/runtime/certificate-pem.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { certificateLimits } from './limits.ts';
import { challengeOf } from './names.ts';

export interface AuthorityOptions {
  /** The URL of the CA's directory. */
  readonly url: string;
  /** PEM of the account's key. */
  readonly accountKey: string;
  /** The address to which the CA writes about the account. */
  readonly email?: string;
  /** PEM of the CA that signed the directory's own TLS certificate, if Node does not know that CA. */
  readonly trusted?: string;
  readonly clock: Clock;
  readonly records: DnsRecords;
  readonly lookup: DnsLookup;
  /** The operator's zone, such as `acme.operator.example`. */
  readonly zone: string;
}

export interface Authority {
  /** @throws {Error} with the CA's own words; {Unavailable} when DNS cannot be changed or asked */
  obtain(names: readonly string[], signal: AbortSignal): Promise<Pem>;
}

export async function makeAccountKey(): Promise<string> {
  return (await acme.crypto.createPrivateEcdsaKey()).toString();
}

export function openAuthority(options: AuthorityOptions): Authority {
  const { url, accountKey, trusted, clock, records, lookup, zone } = options;
  // All clients of the library share one HTTP client, which has no limits of its own.
  const { defaults } = acme.axios;
  defaults.timeout = certificateLimits.acmeRequestTimeoutMs;
  defaults.maxContentLength = runtimeLimits.certificateBytesMax;
  defaults.maxRedirects = 0;
  Object.assign(defaults, { acmeSettings: { ...acmeSettings, retryMaxAttempts: certificateLimits.acmeTriesMax - 1 } });
  if (trusted !== undefined) defaults.httpsAgent = new Agent({ ca: trusted });
  const client = new acme.Client({
    directoryUrl: url,
    accountKey,
    backoffAttempts: certificateLimits.acmePollsMax,
    backoffMin: certificateLimits.acmePollMs,
    backoffMax: certificateLimits.acmePollMaxMs,
  });
  let account: Promise<unknown> | undefined;
  return {
    async obtain(names, signal) {
      account ??= signUp(client, options.email).catch((error) => {
        account = undefined;
        throw error;
      });
      await account;
      const [key, csr] = await acme.crypto.createCsr({ altNames: [...names] }, await acme.crypto.createPrivateEcdsaKey());
      const wanted = new Set(names);
      const chain = await client.auto({
        csr,
        skipChallengeVerification: true,
        challengePriority: ['dns-01'],
        async challengeCreateFn({ identifier }, challenge, proof) {
          signal.throwIfAborted();
          const target = targetOf(identifier.value, challenge.type);
          await records.put(target, [proof]);
          await seen(target, proof, signal);
        },
        challengeRemoveFn: ({ identifier }, challenge) => records.remove(targetOf(identifier.value, challenge.type)),
      });
      signal.throwIfAborted();
      return { chain, key: key.toString() };

      /** The CA's answer is not trusted: only names that we ordered become records. */
      function targetOf(name: string, type: string): string {
        if (type !== 'dns-01')
          throw new Error(`the CA does not offer the DNS-01 challenge for ${JSON.stringify(name).slice(0, 80)}`);
        if (!wanted.has(name))
          throw new Error(`the CA asks about ${JSON.stringify(name).slice(0, 80)}, which is not in the order`);
        return challengeOf(name, zone).target;
      }
    },
  };

  /** Asks again when there is no answer. */
  async function isThere(target: string, proof: string): Promise<boolean> {
    try {
      return (await lookup.texts(target)).includes(proof);
    } catch (error) {
      if (error instanceof Unavailable) return false;
      throw error;
    }
  }

  async function seen(target: string, proof: string, signal: AbortSignal): Promise<void> {
    const untilMs = clock.monotonic() + certificateLimits.dnsSeenMs;
    for (;;) {
      if (await isThere(target, proof)) return;
      signal.throwIfAborted();
      if (clock.monotonic() >= untilMs)
        throw new Unavailable(`the record at ${target} was not visible within ${certificateLimits.dnsSeenMs / 1000} s`);
      await sleep(clock, certificateLimits.dnsPollMs);
    }
  }
}

/** Looks for the key's account first, because CAs limit how many are made and some refuse to be told the same again. */
async function signUp(client: acme.Client, email: string | undefined): Promise<unknown> {
  try {
    return await client.createAccount({ onlyReturnExisting: true });
  } catch {
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
    return client.createAccount({ termsOfServiceAgreed: true, ...contact });
  }
}

/** The library's other settings. */
const acmeSettings = { httpChallengePort: 80, httpsChallengePort: 443, tlsAlpnChallengePort: 443, retryDefaultDelay: 2 };
