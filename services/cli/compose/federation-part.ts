/** Starts an owner of streams to other servers: as the only one of its deployment, or as one of several that share the shards. */
import type { SecureContextOptions } from 'node:tls';
import type { Clock } from '../../../lib/ports/clock.ts';
import { type Keys, NotOpened } from '../../../lib/ports/keys.ts';
import { serveControl } from '../../../lib/runtime/control.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { IdMint, newIncarnation } from '../../../lib/runtime/ids.ts';
import { Heartbeat, NodeWatch } from '../../../lib/runtime/nodes.ts';
import { type ShardOwner, sharedShards } from '../../../lib/runtime/shard-owner.ts';
import { type Component, componentContext, Tenants } from '../../../lib/runtime/tenants.ts';
import { DialbackSecrets } from '../../../lib/s2s/dialback-secrets.ts';
import { provesDomain } from '../../../lib/s2s/proof.ts';
import { Roots } from '../../../lib/s2s/roots.ts';
import type { TlsSource } from '../../connection/door/tls.ts';
import type { Dependencies } from '../../federation/core/dependencies.ts';
import { Fence } from '../../federation/core/fence.ts';
import { type Federation, startFederation } from '../../federation/federation.ts';
import type { ListenAddress } from '../../federation/finding/address-guard.ts';
import { Finder } from '../../federation/finding/finder.ts';
import { poshProof } from '../../federation/finding/posh-proof.ts';
import { Resolver } from '../../federation/finding/resolver.ts';
import { tlsWith } from '../../federation/streams/tls.ts';
import { Refusal, reasonOf, UsageError } from '../core/report.ts';
import type { Ports } from './connection-part.ts';
import type { FindingValues } from './federation-options.ts';
import { changedSubject, LiveWorkers, livesNow } from './live-workers.ts';
import type { Metrics } from './metrics.ts';

/** What proves other servers by certificates of CAs. */
export interface PeerProof {
  readonly roots: Roots;
  readonly proves: Dependencies['proves'];
}

/** Opens the CAs that prove other servers. @param caFile the value of `--s2s-ca`. @throws {Refusal} when it cannot be used */
export function openProof(caFile: string | undefined, clock: Clock): PeerProof {
  try {
    const roots = Roots.ofSystem(caFile);
    return { roots, proves: async (domain, chain) => (await provesDomain(domain, chain, { roots, now: clock.now() })).ok };
  } catch (error) {
    throw new Refusal(`--s2s-ca: '${caFile}' cannot be used: ${reasonOf(error)}`);
  }
}

export interface FederationPartOptions extends Ports {
  readonly values: FindingValues;
  readonly tls: TlsSource;
  readonly keys: Keys;
  /** Without federation, nobody proves anything. */
  readonly proof: PeerProof | undefined;
  /** The addresses on which this process listens, so that it does not connect to itself. */
  readonly ownAddresses: () => readonly ListenAddress[];
}

function dependenciesOf(options: FederationPartOptions): Omit<Dependencies, 'holdsLease'> {
  const { store, bus, log, values, tls, keys, proof, ownAddresses } = options;
  const clock = DeploymentClock.of(options.clock);
  const secrets = new DialbackSecrets({ store, keys, clock });
  try {
    const resolver = new Resolver({ clock, servers: values.s2sResolver === undefined ? [] : [values.s2sResolver] });
    const networks = values.s2sNetworks?.split(',') ?? [];
    const finder = new Finder({ resolver, clock, log, networks, ownAddresses });
    return {
      ...{ store, bus, clock, log, finder },
      proves: proof === undefined ? async () => false : withPosh(proof, finder, clock),
      ownerId: clock.randomBytes(12).toString('base64url'),
      secretOf: (component) => componentSecret(keys, component),
      ids: new IdMint(clock),
      tenants: new Tenants(store, clock),
      encrypt: tlsWith((host) => certificateOf(tls, host)),
      dialback: {
        keyFor: ({ tenant, host, peer }, streamId) => secrets.keyOf({ receiving: peer, originating: host, streamId }, tenant),
        isOurs: ({ tenant, host, peer }, streamId, key) =>
          secrets.isOurs({ receiving: peer, originating: host, streamId }, key, tenant),
      },
    };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

/** A domain whose certificate is not of a CA, or not for its name, may say over HTTPS that it is its own. */
function withPosh({ roots, proves }: PeerProof, finder: Finder, clock: Clock): Dependencies['proves'] {
  const posh = poshProof({ roots, finder, clock });
  return async (domain, chain) => (await proves(domain, chain)) || posh(domain, chain);
}

async function componentSecret(keys: Keys, { domain, sealedSecret }: Component): Promise<string | undefined> {
  try {
    return (await keys.open(sealedSecret, componentContext(domain))).toString();
  } catch (error) {
    if (error instanceof NotOpened) return undefined;
    throw error;
  }
}

/** The certificate that clients of that domain are shown, too. */
async function certificateOf(tls: TlsSource, host: string): Promise<SecureContextOptions | undefined> {
  const identity = tls.isForAnyName ? undefined : await tls.identityFor(host);
  return identity?.options ?? tls.fallback;
}

/** Starts the only owner of a deployment that runs in one process. */
export function startOnlyFederation(options: FederationPartOptions): Promise<Federation> {
  return startFederation(dependenciesOf(options));
}

interface ShareOptions {
  /** Unique among the processes of this kind. */
  readonly name: string;
  /** More figures of this process for `skylark status`. */
  readonly figures?: () => Readonly<Record<string, number>>;
}

/** Starts one of several owners. */
export function startFederationPart(options: FederationPartOptions & ShareOptions): Promise<Federation> {
  return shareFederation(dependenciesOf(options), options);
}

/** Starts one of several owners, of parts that were made before. */
export async function shareFederation(
  dependencies: Omit<Dependencies, 'holdsLease'>,
  { name, figures }: ShareOptions,
): Promise<Federation> {
  const { store, bus, clock, log } = dependencies;
  const subject = `federation.${name}.${newIncarnation(bus, clock)}`;
  const onError = (error: unknown) => log.warn({ err: error }, 'cannot read the list of federation processes');
  const heartbeat = await Heartbeat.start({ store, clock, kind: 'federation', name, subject, onError });
  const registry = new LiveWorkers('federation');
  const watch = new NodeWatch({ store, clock, kind: 'federation', onLook: (live) => registry.set(live), onError });
  await watch.start();
  const shards: ShardOwner = sharedShards(name, registry);
  const fence = new Fence({ store, process: subject, isLive: livesNow(registry, () => watch.look()) });
  const federation = await startFederation(dependencies, { shards, fence, lease: () => heartbeat.lease });
  const listening = await bus.serve(changedSubject, () => {
    watch.look().catch(onError);
    return undefined;
  });
  bus.publish(changedSubject, new Uint8Array());
  const control = await serveControl(bus, subject, {
    log,
    figures: () => {
      const { pairs, failing, waiting } = federation.stats;
      return { pairs, failing, waiting, ...figures?.() };
    },
  });
  return {
    get stats() {
      return federation.stats;
    },
    async stop() {
      await control.stop();
      await listening.stop();
      watch.stop();
      await federation.stop();
      await heartbeat.stop();
      bus.publish(changedSubject, new Uint8Array());
    },
  };
}

export function tellFederation(metrics: Metrics, federation: Federation): void {
  metrics.gauge('PeerPairs', () => federation.stats.pairs);
  metrics.gauge('PeerFailures', () => federation.stats.failing);
  metrics.gauge('OutboxRows', () => federation.stats.waiting);
  metrics.gauge('OutboxAge', () => federation.stats.oldestMs);
  metrics.gauge('OutboxLag', () => federation.stats.lagMs);
}
