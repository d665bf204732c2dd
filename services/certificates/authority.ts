/**
 * A certificate from a CA by ACME (RFC 8555) with DNS-01: `acme-client` speaks the protocol, this file the proofs. The CA is asked to look
 * only after we have seen the record ourselves, because failed proofs count against the domain.
 */
import { Agent } from 'node:https';
import acme from 'acme-client';
import { limits } from '../../lib/limits.ts';
import { type Clock, sleep } from '../../lib/ports/clock.ts';
import type { DnsLookup, DnsRecords } from '../../lib/ports/dns-records.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { challengeOf } from './names.ts';
import type { Pem } from './pem.ts';

export interface AuthorityOptions {
  /** Of the CA's directory. */
  readonly url: string;
  /** PEM. */
  readonly accountKey: string;
  /** For the CA's messages about the account. */
  readonly email?: string;
  /** PEM of the CA that the directory's own TLS certificate is of, when it is none that Node knows. */
  readonly trusted?: string;
  readonly clock: Clock;
  readonly records: DnsRecords;
  readonly lookup: DnsLookup;
  /** The operator's zone, `acme.operator.example`. */
  readonly zone: string;
}

export interface Authority {
  /** @throws {Error} with what the CA says; {Unavailable} when DNS does not get there */
  obtain(names: readonly string[], signal: AbortSignal): Promise<Pem>;
}

export async function makeAccountKey(): Promise<string> {
  return (await acme.crypto.createPrivateEcdsaKey()).toString();
}

export function openAuthority(options: AuthorityOptions): Authority {
  const { url, accountKey, trusted, clock, records, lookup, zone } = options;
  // The library has one HTTP client for all, without limits of its own.
  const { defaults } = acme.axios;
  defaults.timeout = limits.acmeRequestTimeoutMs;
  defaults.maxContentLength = limits.certificateBytesMax;
  defaults.maxRedirects = 0;
  Object.assign(defaults, { acmeSettings: { ...acmeSettings, retryMaxAttempts: limits.acmeTriesMax - 1 } });
  if (trusted !== undefined) defaults.httpsAgent = new Agent({ ca: trusted });
  const client = new acme.Client({
    directoryUrl: url,
    accountKey,
    backoffAttempts: limits.acmePollsMax,
    backoffMin: limits.acmePollMs,
    backoffMax: limits.acmePollMaxMs,
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

      /** What the CA names is not believed: only our own names ever become records. */
      function targetOf(name: string, type: string): string {
        if (type !== 'dns-01') throw new Error(`the CA offers no proof by DNS for ${JSON.stringify(name).slice(0, 80)}`);
        if (!wanted.has(name))
          throw new Error(`the CA asks about ${JSON.stringify(name).slice(0, 80)}, which is not in the order`);
        return challengeOf(name, zone).target;
      }
    },
  };

  /** A question without an answer is asked again. */
  async function isThere(target: string, proof: string): Promise<boolean> {
    try {
      return (await lookup.texts(target)).includes(proof);
    } catch (error) {
      if (error instanceof Unavailable) return false;
      throw error;
    }
  }

  async function seen(target: string, proof: string, signal: AbortSignal): Promise<void> {
    const untilMs = clock.monotonic() + limits.dnsSeenMs;
    for (;;) {
      if (await isThere(target, proof)) return;
      signal.throwIfAborted();
      if (clock.monotonic() >= untilMs)
        throw new Unavailable(`the record at ${target} is not seen within ${limits.dnsSeenMs / 1000} s`);
      await sleep(clock, limits.dnsPollMs);
    }
  }
}

/** The key's account is asked for first: CAs limit how many are made, and some refuse to be told the same again. */
async function signUp(client: acme.Client, email: string | undefined): Promise<unknown> {
  try {
    return await client.createAccount({ onlyReturnExisting: true });
  } catch {
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
    return client.createAccount({ termsOfServiceAgreed: true, ...contact });
  }
}

/** The rest of what the library has there. */
const acmeSettings = { httpChallengePort: 80, httpsChallengePort: 443, tlsAlpnChallengePort: 443, retryDefaultDelay: 2 };
