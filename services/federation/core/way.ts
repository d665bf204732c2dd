/** How a pair comes by what carries its stanzas: we connect to the peer (pairs/connector.ts), or it does to us (pairs/component-door.ts). */
import type { Carrier } from './carrier.ts';

export interface Verdict {
  readonly isValid: boolean;
  /** The peer's server does not say. */
  readonly condition?: string;
}

export interface WayEvents<Carries extends Carrier = Carrier> {
  /** The peer lets us in. Whoever is told has to read it: {@link Carrier.run}. */
  ready(carrier: Carries): void;
  /** It could not be opened, or the peer does not let us in. */
  failed(error: Error): void;
}

export interface Way {
  readonly isIdle: boolean;
  /** In words, for people. */
  readonly lastError: string | undefined;
  /** How long the pause still takes before the peer is tried again, ms; undefined where no pause is made. */
  readonly retryInMs?: number;
  /** Ends the pause. */
  endPause?(): void;
  /** Begins, unless it is begun, or it is too early to try again. @param senderOf the bare address of whoever of ours waits for it, or '' */
  connect(senderOf: () => string): void;
  /** Something was confirmed: the next trouble begins with a short pause. */
  succeeded(): void;
  /** XEP-0288 does not go well with this peer: streams are opened without it for a while. */
  avoidBidirectional?(): void;
  /** @param isFinal the answer will be the same for a while; whoever comes next asks anew */
  rest(error: Error, isFinal?: boolean): void;
  /** XEP-0220: has the peer said this key on a stream to us? @throws {Error} when its server cannot be asked */
  verify(streamId: string, key: string): Promise<Verdict>;
  /** The peer has answered a ping that was not for the pair. */
  pong?(id: string): void;
  stop(): void;
}
