/** What a node tells of itself, read from its parts when somebody asks. */
import type { Outside } from './outside.ts';
import { type OpenStreams, openStreamsOf } from './stream/carriages.ts';
import type { Stream } from './stream/stream.ts';

export interface ConnectionStats {
  /** How many streams clients have. */
  readonly streams: number;
  /** How many streams other servers have. */
  readonly peerStreams: number;
  readonly sessions: number;
  readonly parked: number;
  readonly batchesInFlight: number;
  /** Number of connections that did not begin with a valid PROXY header. */
  readonly badProxyHeaders: number;
  /** Number of deliveries that were lost and then read from the archive. */
  readonly resyncs: number;
}

interface Parts {
  readonly streams: ReadonlySet<Stream>;
  readonly outside: Outside | undefined;
  readonly held: ReadonlyMap<string, { readonly isParked: boolean }>;
  readonly router: { readonly inFlight: number };
  readonly peers: { readonly refused: number };
  readonly resyncs: number;
}

export function statsOf({ streams, outside, held, router, peers, resyncs }: Parts): ConnectionStats {
  let parked = 0;
  for (const { isParked } of held.values()) if (isParked) parked++;
  const counts = { batchesInFlight: router.inFlight, badProxyHeaders: peers.refused, resyncs };
  return { streams: streams.size, peerStreams: outside?.peerStreams ?? 0, sessions: held.size, parked, ...counts };
}

/** All streams, those of other servers and components, too. */
export function allStreams({ streams, outside }: Pick<Parts, 'streams' | 'outside'>): readonly OpenStreams[] {
  return [...openStreamsOf('client', ['tcp', 'tls', 'websocket', 'bosh'], streams), ...(outside?.openStreams ?? [])];
}
