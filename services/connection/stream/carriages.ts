/** How many streams there are, by what carries them. They are gone through when somebody asks, and nothing is kept up to date. */
import type { Carriage, PeerKind } from '../../../lib/runtime/traffic.ts';

export interface OpenStreams {
  readonly peer: PeerKind;
  readonly transport: Carriage;
  readonly count: number;
}

export function openStreamsOf(
  peer: PeerKind,
  carriages: readonly Carriage[],
  streams: Iterable<{ readonly carriage: Carriage }>,
): readonly OpenStreams[] {
  const counts = new Map(carriages.map((carriage) => [carriage, 0]));
  for (const { carriage } of streams) counts.set(carriage, (counts.get(carriage) ?? 0) + 1);
  return [...counts].map(([transport, count]) => ({ peer, transport, count }));
}
