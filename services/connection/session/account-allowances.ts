/** What one account may send over time, in all its sessions at a node. */
import type { Clock } from '../../../lib/ports/clock.ts';
import { Allowances, type SendingRates } from '../../../lib/runtime/allowance.ts';
import { presetTerms, type SessionTerms } from '../../../lib/runtime/session-terms.ts';
import { connectionLimits } from '../limits.ts';

const { sentStanzasBurstSeconds, sentBytesBurstSeconds, sendingAccountsMax } = connectionLimits;

export function ratesOf({ stanzasPerSecond, bytesPerSecond }: SessionTerms): SendingRates {
  return {
    stanzas: { perSecond: stanzasPerSecond, burst: stanzasPerSecond * sentStanzasBurstSeconds },
    bytes: { perSecond: bytesPerSecond, burst: bytesPerSecond * sentBytesBurstSeconds },
  };
}

export function accountAllowances(clock: Clock, rates = ratesOf(presetTerms)): Allowances {
  return new Allowances(clock, rates, sendingAccountsMax);
}
