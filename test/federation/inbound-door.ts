/** The door for streams of other servers on a clock that is moved: the peer's bytes go in, what we say comes out. Owners and routers say yes. */
import pino from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { IdMint } from '../../lib/runtime/ids.ts';
import type { PairRequest } from '../../lib/runtime/pair-wire.ts';
import { routerSubject, shardCount } from '../../lib/runtime/wire.ts';
import { Arrivals } from '../../lib/s2s/arrivals.ts';
import { peerFeatures } from '../../services/connection/peers/features/index.ts';
import { InboundStream, type PeerStreamHost } from '../../services/connection/peers/inbound-stream.ts';
import { OwnerLink } from '../../services/connection/peers/owner-link.ts';
import { PeerShares } from '../../services/connection/peers/peer-shares.ts';
import type { SocketTransport } from '../../services/connection/stream/transport.ts';
import { ManualClock, settled } from '../connection/manual-clock.ts';

const namespaces = `xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'`;

export class InboundDoor {
  readonly clock = new ManualClock();
  /** Stanzas that routers took. */
  taken = 0;
  /** Keys that owners were asked to have verified. */
  asked = 0;
  readonly #host: PeerStreamHost;
  readonly #serve: () => Promise<unknown>;

  constructor() {
    const bus = memoryBus({ clock: this.clock });
    const clock = DeploymentClock.of(this.clock);
    const log = pino({ level: 'silent' });
    this.#host = {
      ...{ clock, log, features: peerFeatures, owner: new OwnerLink(bus), shares: new PeerShares(clock) },
      arrivals: (events) => new Arrivals({ bus, clock, log, ids: new IdMint(clock) }, events),
      proves: () => Promise.resolve(false),
      identityFor: () => undefined,
      startTls: () => {},
      closed: () => {},
    };
    this.#serve = async () => {
      const owner = (payload: Uint8Array) => {
        const { header } = decodeFrame<PairRequest>(payload);
        if (header.kind === 'verify') this.asked++;
        const isPeerOurs = 'peer' in header && header.peer === 'b.example';
        return Promise.resolve(encodeFrame(header.kind === 'host' ? { tenant: 'a.example', isPeerOurs } : { isValid: true }));
      };
      for (let shard = 0; shard < shardCount; shard++) await bus.serve(`s2s.${shard}`, owner);
      await bus.serve(routerSubject, (payload) => {
        this.taken += decodeFrame(payload).bodies.length;
        return Promise.resolve(encodeFrame({ ok: true }));
      });
    };
  }

  static async open(): Promise<InboundDoor> {
    const door = new InboundDoor();
    await door.#serve();
    return door;
  }

  /** A connection from this address. */
  connect(address: string, { isSecure = true } = {}): Caller {
    return new Caller(this.#host, address, isSecure);
  }

  /** An open stream on which the domain has proved itself by dialback. */
  async proven(peer: string, address = '192.0.2.1'): Promise<Caller> {
    const caller = this.connect(address);
    await caller.open(peer);
    await caller.say(`<db:result from='${peer}' to='a.example'>key</db:result>`);
    return caller;
  }
}

/** The other server. */
export class Caller {
  /** What we have said since the last look. */
  #heard = '';
  isPaused = false;
  hasEnded = false;
  readonly stream: InboundStream;

  constructor(host: PeerStreamHost, address: string, isSecure: boolean) {
    const transport = {
      isSecure,
      address,
      open: () => {},
      send: (text: string) => {
        this.#heard += text;
        return 0;
      },
      end: () => {
        this.hasEnded = true;
      },
      destroy: () => {},
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
      },
    };
    this.stream = new InboundStream(host, transport as unknown as SocketTransport);
  }

  async say(xml: string): Promise<void> {
    this.stream.data(Buffer.from(xml));
    await settled();
  }

  async open(from: string, to = 'a.example'): Promise<void> {
    await this.say(`<?xml version='1.0'?><stream:stream ${namespaces} from='${from}' to='${to}' version='1.0'>`);
  }

  heard(): string {
    const heard = this.#heard;
    this.#heard = '';
    return heard;
  }
}
