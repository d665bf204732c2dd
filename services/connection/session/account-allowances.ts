/** What one account may send over time, in all its sessions at a node. */
import type { Clock } from '../../../lib/ports/clock.ts';
import { Allowances, type SendingRates } from '../../../lib/runtime/allowance.ts';
import { connectionLimits } from '../limits.ts';

const defaultRates: SendingRates = {
  stanzas: { perSecond: connectionLimits.sentStanzasPerSecond, burst: connectionLimits.sentStanzasBurst },
  bytes: { perSecond: connectionLimits.sentBytesPerSecond, burst: connectionLimits.sentBytesBurst },
};

export function accountAllowances(clock: Clock, rates = defaultRates): Allowances {
  return new Allowances(clock, rates, connectionLimits.sendingAccountsMax);
}
