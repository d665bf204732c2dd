/** What an operator is told about the pairs of a process. */
import { pairShard } from '../../../lib/runtime/outbox.ts';
import type { PairReport, PairsReply, PairsRequest } from '../../../lib/runtime/pair-wire.ts';
import { federationLimits } from '../limits.ts';
import type { Pair } from './pair.ts';

/** @param now the deployment's time */
function reportOf({ name, carrier, way, waiting, oldestAt }: Pair, now: number): PairReport {
  const isConnecting = carrier === undefined && !way.isIdle;
  const state = carrier !== undefined ? 'open' : isConnecting ? 'connecting' : waiting > 0 ? 'resting' : 'idle';
  const oldestMs = oldestAt === undefined ? 0 : Math.max(0, now - oldestAt);
  const retryInMs = state === 'resting' ? way.retryInMs : undefined;
  return { ...name, state, proof: carrier?.proof, lastError: way.lastError, waiting, oldestMs, retryInMs };
}

/** Pairs that had a stream and have none now are not worth a line, unless something was wrong with them. */
export function reportPairs(pairs: Iterable<Pair>, { shard, tenant }: PairsRequest, now: number): PairsReply {
  const reports: PairReport[] = [];
  for (const pair of pairs) {
    if (pairShard(pair.name) !== shard || (tenant !== undefined && pair.name.tenant !== tenant)) continue;
    const report = reportOf(pair, now);
    if (report.state !== 'idle' || report.lastError !== undefined) reports.push(report);
  }
  reports.sort((one, other) => other.oldestMs - one.oldestMs);
  const { pairsReportedMax } = federationLimits;
  return { pairs: reports.slice(0, pairsReportedMax), isMore: reports.length > pairsReportedMax };
}
