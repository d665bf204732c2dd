/** The streams of a node that are not clients': those of other servers and of components, where there are ports for them. */
import type { CarryReply, CarryRequest } from '../../lib/runtime/component-wire.ts';
import { directPeers } from '../../lib/runtime/peer-addresses.ts';
import { ComponentStreams, type ComponentStreamsOptions } from './components/component-streams.ts';
import type { Addresses, Listen } from './door/listen.ts';
import { PeerStreams, type PeerStreamsOptions } from './peers/peer-streams.ts';
import type { OpenStreams } from './stream/carriages.ts';

export interface OutsideOptions extends Omit<PeerStreamsOptions, 'listen' | 'proves'>, Pick<ComponentStreamsOptions, 'subject'> {
  readonly listen: Listen;
  readonly proves?: PeerStreamsOptions['proves'] | undefined;
}

export class Outside {
  readonly #peers: PeerStreams | undefined;
  readonly #components: ComponentStreams | undefined;

  private constructor(peers: PeerStreams | undefined, components: ComponentStreams | undefined) {
    this.#peers = peers;
    this.#components = components;
  }

  /** @throws when a port cannot be had */
  static async start(options: OutsideOptions): Promise<Outside> {
    const { listen, proves = async () => false } = options;
    const { s2sPort, s2sTlsPort, componentPort, componentBind = '127.0.0.1' } = listen;
    const hasPeers = s2sPort !== undefined || s2sTlsPort !== undefined;
    const peers = hasPeers ? await PeerStreams.start({ ...options, proves }) : undefined;
    if (componentPort === undefined) return new Outside(peers, undefined);
    const ofComponents = { bind: componentBind, port: componentPort };
    try {
      // No load balancer stands before them.
      return new Outside(peers, await ComponentStreams.start({ ...options, peers: directPeers, listen: ofComponents }));
    } catch (error) {
      await peers?.stop();
      throw error;
    }
  }

  get addresses(): Pick<Addresses, 's2s' | 's2sTls' | 'component'> {
    const { plain: s2s, secure: s2sTls } = this.#peers?.addresses ?? {};
    return { s2s, s2sTls, component: this.#components?.address };
  }

  get peerStreams(): number {
    return this.#peers?.size ?? 0;
  }

  get openStreams(): readonly OpenStreams[] {
    return [...(this.#peers?.openStreams ?? []), ...(this.#components?.openStreams ?? [])];
  }

  /** All of these streams. */
  get size(): number {
    return this.peerStreams + (this.#components?.size ?? 0);
  }

  /** Writes what is for a component. */
  carry(request: CarryRequest, bodies: readonly Buffer[]): Promise<CarryReply> | CarryReply {
    return this.#components?.carry(request, bodies) ?? { isWritten: false, buffered: 0 };
  }

  /** Those that have not ended in time. */
  destroy(): void {
    this.#peers?.destroy();
    this.#components?.destroy();
  }

  /** Takes new streams again, at the same ports. @throws when a port cannot be had: then none are taken */
  async reopen(): Promise<void> {
    await this.#peers?.reopen();
    try {
      await this.#components?.reopen();
    } catch (error) {
      await this.#peers?.stop();
      throw error;
    }
  }

  /** Takes no new streams, and ends those that are there in order. */
  async stop(deadlineMs?: number): Promise<void> {
    await Promise.all([this.#peers?.stop(deadlineMs), this.#components?.stop()]);
  }
}
