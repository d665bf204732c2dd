/** The whole cluster in one process: the product's own services on simulated ports, composed as the command line composes them. */
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Bus } from '../../lib/ports/bus.ts';
import type { Keys } from '../../lib/ports/keys.ts';
import { type Put, type Store, Unavailable } from '../../lib/ports/store.ts';
import type { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Heartbeat, NodeWatch } from '../../lib/runtime/nodes.ts';
import { type PairName, pairShard } from '../../lib/runtime/outbox.ts';
import { directPeers } from '../../lib/runtime/peer-addresses.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { composeRouter } from '../../services/cli/compose/compose-router.ts';
import { startConnectionPart } from '../../services/cli/compose/connection-part.ts';
import { shareFederation } from '../../services/cli/compose/federation-part.ts';
import { startMucPart } from '../../services/cli/compose/muc-part.ts';
import type { TlsSource } from '../../services/connection/door/tls.ts';
import type { ConnectionNode } from '../../services/connection/node.ts';
import { PeerStreams } from '../../services/connection/peers/peer-streams.ts';
import { Cork } from '../../services/connection/stream/cork.ts';
import { SocketTransport } from '../../services/connection/stream/transport.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { Reaper } from '../../services/router/sessions/reaper.ts';
import { PartitionMeter } from '../support/partition-meter.ts';
import type { Door } from './client-parts.ts';
import { type Plant, plainPlant } from './plant.ts';
import { SimProcess } from './process.ts';
import type { PushServer } from './push-server.ts';
import { Pipe } from './remote/pipe.ts';
import type { PeerDoor, RemoteServer } from './remote/remote-server.ts';
import { simFinder } from './remote/sim-finder.ts';
import { BusNetwork, type SimBus } from './sim-bus.ts';
import { HttpCall, type HttpDoor } from './sim-http.ts';
import { SimSocket } from './sim-socket.ts';
import { SimStore, simulatedLink } from './sim-store.ts';
import { StoreRows } from './store-rows.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

export type Kind = 'connection' | 'router' | 'muc' | 'federation';

/** A place for a process, which is filled again when that has died. */
export class Slot {
  readonly kind: Kind;
  readonly name: string;
  process: SimProcess | undefined;
  bus: SimBus | undefined;
  node: ConnectionNode | undefined;
  /** What takes the requests of BOSH. */
  web: EventEmitter | undefined;
  /** Streams of other servers. */
  peers: PeerStreams | undefined;
  stop: (() => Promise<void>) | undefined;
  /** By how much the clock of its machine is ahead; restarts do not change it. */
  wallAheadMs = 0;

  constructor(kind: Kind, name: string) {
    this.kind = kind;
    this.name = name;
  }
}

export interface ClusterOptions {
  readonly world: World;
  readonly weather: Weather;
  readonly counts: Readonly<Record<Kind, number>>;
  readonly skewMsMax: number;
  readonly plant?: Plant;
  /** Routers look for what is to be done later. */
  readonly isLater?: boolean;
  readonly remotes: readonly RemoteServer[];
  readonly pushServer: PushServer;
  readonly onPut: (process: string, row: Put) => void;
  readonly onError: (process: string, error: unknown) => void;
}

/** No socket is ever opened, so no certificate is ever shown. */
const noTls = {
  fallback: undefined,
  contextFor: () => undefined,
  identityFor: () => undefined,
  certificateFor: () => undefined,
  isForAnyName: true,
  onReload: () => () => {},
} satisfies TlsSource;

/** Secrets lie open in these rows. */
const openKeys: Keys = {
  seal: async (secret) => Buffer.from(secret).toString('base64'),
  open: async (sealed) => Buffer.from(sealed, 'base64'),
};

/** Lists of pushes that a router looks at with each heartbeat: all of them within four. */
const listsPerRound = routerLimits.pushDueLists / 4;

interface Ports {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly log: Logger;
}

/** A connection that is taken for one with TLS. */
class EncryptedTransport extends SocketTransport {
  override readonly isSecure = true;

  constructor(socket: Socket, { clock }: SimProcess) {
    super(socket, '192.0.2.2', new Cork(), clock, noTls);
  }
}

export class Cluster {
  readonly slots: readonly Slot[];
  readonly rows: StoreRows;
  readonly network: BusNetwork;
  readonly #options: ClusterOptions;
  readonly #plant: Plant;
  /** What all processes together ask of each partition. */
  readonly #meter: PartitionMeter;
  #processes = 0;
  #hasFarStep = false;
  #hasForgotten = false;

  constructor(options: ClusterOptions) {
    const { world, weather, counts } = options;
    this.#options = options;
    this.#plant = options.plant ?? plainPlant;
    this.rows = new StoreRows(() => world.epochMs);
    this.#meter = new PartitionMeter(() => world.epochMs);
    this.network = new BusNetwork(world, world.random.fork('bus'), weather);
    this.slots = (['connection', 'router', 'muc', 'federation'] as const).flatMap((kind) =>
      Array.from({ length: counts[kind] }, (_, index) => new Slot(kind, `${kind[0]}${index + 1}`)),
    );
  }

  of(kind: Kind): readonly Slot[] {
    return this.slots.filter((slot) => slot.kind === kind);
  }

  /** For clients. */
  get doors(): readonly Door[] {
    return this.of('connection').map((slot) => ({
      name: slot.name,
      connect: (reader) => {
        const { process, node } = slot;
        if (process === undefined || process.isDead || node === undefined) return undefined;
        const { world } = this.#options;
        const socket = new SimSocket(world, world.random.fork(`socket ${world.events}`), process, reader);
        world.schedule(0, process, 'io', () =>
          node.acceptWebSocket(socket.forNode, { address: '192.0.2.1', isSecure: true, binding: {} }),
        );
        return socket;
      },
    }));
  }

  /** For clients of BOSH: any node takes any request. */
  get boshDoors(): readonly HttpDoor[] {
    return this.of('connection').map((slot) => ({
      post: (body, reader) => {
        const { process, web } = slot;
        if (process === undefined || process.isDead || web === undefined) return undefined;
        const { world } = this.#options;
        return new HttpCall(world, world.random.fork(`http ${world.events}`), process, web, body, reader);
      },
    }));
  }

  /** For remote servers. */
  get peerDoors(): readonly PeerDoor[] {
    return this.of('connection').map((slot) => ({
      connect: (far) => {
        const { process, peers } = slot;
        if (process === undefined || process.isDead || peers === undefined) return undefined;
        const { world } = this.#options;
        const pipe = new Pipe(world, world.random.fork(`pipe ${world.events}`), process);
        pipe.open(far);
        world.schedule(1, process, 'io', () => peers.accept(new EncryptedTransport(pipe.socket, process)));
        return pipe;
      },
    }));
  }

  /** The slot whose process has the shard of a pair of domains, by the row that names it. */
  ownerOf(host: string, peer: string): string | undefined {
    const key = { table: 'live', partition: `#s2s-${pairShard({ host, peer })}`, sort: 'owner/' } as const;
    return /"federation\.([^."]*)\./.exec(this.rows.get(key)?.value ?? '')?.[1];
  }

  /** A handle of the simulation's own, without faults. */
  direct(): Store {
    return new SimStore(this.rows, async (apply) => apply());
  }

  /** Starts what is not running; a start that fails is tried again, as a supervisor does. */
  start(slot: Slot): void {
    if (slot.process !== undefined && !slot.process.isDead) return;
    this.#hasForgotten ||= this.#hasFarStep && slot.kind === 'federation';
    const { world, weather, skewMsMax, pushServer, onPut, onError } = this.#options;
    const number = ++this.#processes;
    const random = world.random.fork(`slot ${slot.name} ${number}`);
    const skewMs = Math.round(random.between(-skewMsMax, skewMsMax));
    const process = new SimProcess(world, `${slot.name}#${number}`, number, slot.wallAheadMs + skewMs);
    world.note('start', process.name);
    const store = new SimStore(this.rows, simulatedLink(world, process, weather, random.fork('store')), {
      isStale: (changedMs) => random.chance(0.3) && world.epochMs - changedMs < 500,
      survivors: (count) => (random.chance(weather.store.partial) ? random.below(count + 1) : count),
      onPut: (row) => onPut(process.name, row),
      meter: this.#meter,
    });
    const bus = this.network.join(process.clock, process);
    slot.process = process;
    slot.bus = bus;
    slot.node = undefined;
    slot.web = undefined;
    slot.peers = undefined;
    slot.stop = undefined;
    const ports = {
      store: this.#plant.store(slot.kind, store, this.rows),
      bus: this.#plant.bus(slot.kind, slot.kind === 'router' ? pushServer.at(bus) : bus, process.clock),
      clock: this.#plant.clock(process.clock, slot.kind),
      log: this.#log(process),
    };
    world.schedule(0, process, 'io', () => {
      this.#compose(slot, process, ports).catch((error: unknown) => {
        world.note(process.name, 'did not start:', String(error));
        if (!(error instanceof Unavailable)) onError(process.name, error);
        this.#end(slot, process, 500);
      });
    });
  }

  /** A step of the clock on the wall, which holds over restarts. */
  /** A clock went further than what waits for other servers is kept, and an owner that may have given some of it up has died since. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  stepWall(slot: Slot, byMs: number): void {
    this.#hasFarStep ||= Math.abs(byMs) >= runtimeLimits.peerHoldSeconds * 1_000;
    slot.wallAheadMs += byMs;
    slot.process?.setWall(slot.wallAheadMs);
    this.#options.world.note('the clock of', slot.name, 'steps by', byMs, 'ms');
  }

  /** As SIGTERM does. */
  drain(slot: Slot): void {
    const { process, stop, bus } = slot;
    if (process === undefined || process.isDead || stop === undefined) return;
    this.#options.world.note('drain', process.name);
    this.#options.world.schedule(0, process, 'io', () => {
      stop()
        .then(() => bus?.close())
        .catch((error: unknown) => this.#options.world.note(process.name, 'did not stop cleanly:', String(error)))
        .finally(() => this.#end(slot, process, 200));
    });
  }

  #end(slot: Slot, process: SimProcess, restartMs: number): void {
    const { world } = this.#options;
    world.after(0, () => process.kill());
    world.after(restartMs, () => this.start(slot));
  }

  async #compose(slot: Slot, process: SimProcess, ports: Ports): Promise<void> {
    const { name } = slot;
    await ports.clock.start(ports);
    if (slot.kind === 'connection') {
      const part = await startConnectionPart({
        ...ports,
        name,
        tls: noTls,
        listen: { bind: '127.0.0.1' },
        features: this.#plant.features,
      });
      slot.node = part.node;
      slot.web = new EventEmitter();
      part.node.attachBosh(slot.web as Server);
      const { bus, clock, log } = ports;
      const peers = { peers: directPeers, proves: async () => false, listen: { bind: '127.0.0.1' }, reusePort: false };
      const streams = await PeerStreams.start({
        bus,
        clock,
        log,
        ids: new IdMint(clock),
        tls: noTls,
        cork: new Cork(),
        gate: () => true,
        ...peers,
      });
      slot.peers = streams;
      slot.stop = async () => {
        await streams.stop();
        await part.stop();
      };
    } else if (slot.kind === 'federation') {
      const part = await shareFederation(this.#federationOf(process, ports), { name });
      slot.stop = () => part.stop();
    } else if (slot.kind === 'muc') {
      const part = await startMucPart(ports, name, { isFederated: true });
      slot.stop = () => part.stop();
    } else {
      const { store, clock, log } = ports;
      const { dependencies, router, later } = await composeRouter({ ...ports, isFederated: true, keys: openKeys });
      const onError = (error: unknown) => log.warn({ err: error }, 'a look at the nodes failed');
      const subject = `router.${name}.${clock.randomBytes(4).toString('hex')}`;
      const heartbeat = await Heartbeat.start({ store, clock, kind: 'router', name, subject, onError });
      const reaper = new Reaper(dependencies, { features: listsPerRound });
      const watch = new NodeWatch({ store, clock, onLook: (_, dead) => reaper.clean(dead), onError });
      await watch.start();
      if (this.#options.isLater) later.watch();
      slot.stop = async () => {
        watch.stop();
        await later.stop();
        await reaper.stop();
        await heartbeat.stop();
        await router.stop();
      };
    }
  }

  /** There is no TLS: whoever answers is taken for the peer. */
  #federationOf(process: SimProcess, { store, bus, clock, log }: Ports): Parameters<typeof shareFederation>[0] {
    const { remotes } = this.#options;
    const keyOf = ({ host, peer }: PairName, streamId: string): string => `key-${host}-${peer}-${streamId}`;
    return {
      ...{ store, bus, clock, log },
      ids: new IdMint(clock),
      tenants: new Tenants(store, clock),
      finder: simFinder(clock, process, remotes),
      dialback: {
        keyFor: async (pair, streamId) => keyOf(pair, streamId),
        isOurs: async (pair, streamId, key) => key === keyOf(pair, streamId),
      },
      proves: async () => true,
      secretOf: async () => undefined,
      ownerId: process.name,
      encrypt: async (_pair, socket) => ({ socket, chain: [] }),
    };
  }

  #log(process: SimProcess): Logger {
    const { world, onError } = this.#options;
    const quiet = (): void => {};
    const say = (level: string) => (what: unknown, text?: string) => {
      const { err: error, reason = '' } = (typeof what === 'object' ? what : {}) as { err?: Error; reason?: string };
      if (level === 'error') onError(process.name, error ?? text ?? what);
      world.trace?.push(
        `${(world.nowMs / 1000).toFixed(4).padStart(9)}   ${process.name} ${level}: ${text ?? what} ${error ?? reason}`.trimEnd(),
      );
    };
    const isTraced = world.trace !== undefined;
    const log = { trace: quiet, debug: isTraced ? say('debug') : quiet, info: isTraced ? say('info') : quiet };
    return { ...log, warn: isTraced ? say('warn') : quiet, error: say('error'), fatal: say('error') } as unknown as Logger;
  }
}
