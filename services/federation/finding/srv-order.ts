/** Orders SRV records as RFC 2782 says: by priority, and within one priority by chance, heavier ones more often first. */
import type { Clock } from '../../../lib/ports/clock.ts';

interface Weighed {
  readonly priority: number;
  readonly weight: number;
}

export function inOrder<Record extends Weighed>(records: readonly Record[], clock: Clock): Record[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((wanted) =>
    shuffled(
      records.filter(({ priority }) => priority === wanted),
      clock,
    ),
  );
}

function shuffled<Record extends Weighed>(records: readonly Record[], clock: Clock): Record[] {
  const left = [...records].sort((a, b) => a.weight - b.weight); // those without weight first, as the RFC says
  const order: Record[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    let rest = Math.floor((clock.randomBytes(4).readUInt32BE(0) / 2 ** 32) * (total + 1));
    const found = left.findIndex(({ weight }) => {
      rest -= weight;
      return rest <= 0;
    });
    order.push(...left.splice(found, 1));
  }
  return order;
}
