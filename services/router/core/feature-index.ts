/** Features by what the router looks up: iq routes by type, namespace and name; stages as flat lists. */
import type { Collection } from '../../../lib/runtime/collection.ts';
import { accounts } from './accounts.ts';
import { capsFeature, hostInfo } from './disco-info.ts';
import type { AccountFeature, HostIqRoute, IqRoute, Stages } from './feature.ts';

/** Declared here, because features know accounts, and accounts their turn's dependencies. */
declare module './dependencies.ts' {
  interface Dependencies {
    readonly features: FeatureIndex;
  }
}

type StageName = Exclude<keyof Stages, 'reads'>;

export class FeatureIndex {
  readonly all: readonly AccountFeature[];
  /** Children of `<stream:features/>` after SASL, the host's caps among them. */
  readonly streamFeatures: string;
  readonly #self = new Map<string, IqRoute>();
  readonly #account = new Map<string, IqRoute>();
  readonly #host = new Map<string, HostIqRoute>();
  readonly #uploads = new Map<string, HostIqRoute>();
  readonly #stages: Readonly<
    Record<'outbound' | 'inbound', { readonly [Name in StageName]: readonly NonNullable<Stages[Name]>[] }>
  >;
  readonly #reads: Readonly<Record<'outbound' | 'inbound', readonly Collection<unknown>[]>>;

  constructor(features: readonly AccountFeature[]) {
    this.all = features;
    this.streamFeatures = [...features.flatMap((feature) => feature.streamFeatures ?? []), capsFeature(hostInfo(features))].join(
      '',
    );
    for (const feature of features) {
      for (const route of feature.iq ?? []) addOnce(route.to === 'self' ? this.#self : this.#account, route, feature.spec);
      for (const route of feature.hostIq ?? []) addOnce(this.#host, route, feature.spec);
      for (const route of feature.uploadsIq ?? []) addOnce(this.#uploads, route, feature.spec);
    }
    const inOrder = <Name extends StageName>(direction: 'outbound' | 'inbound', name: Name) =>
      features.map((feature) => feature[direction]?.[name]).filter((stage) => stage !== undefined);
    const stages = (direction: 'outbound' | 'inbound') => ({
      guard: inOrder(direction, 'guard'),
      amend: inOrder(direction, 'amend'),
      keep: inOrder(direction, 'keep'),
      takes: inOrder(direction, 'takes'),
      follow: inOrder(direction, 'follow'),
    });
    this.#stages = { outbound: stages('outbound'), inbound: stages('inbound') };
    const reads = (direction: 'outbound' | 'inbound') => [
      ...new Set(features.flatMap((feature) => feature[direction]?.reads ?? [])),
    ];
    this.#reads = { outbound: reads('outbound'), inbound: [accounts, ...reads('inbound')] };
  }

  self(type: string, ns: string, name: string): IqRoute | undefined {
    return this.#self.get(routeKey(type, ns, name));
  }

  account(type: string, ns: string, name: string): IqRoute | undefined {
    return this.#account.get(routeKey(type, ns, name));
  }

  host(type: string, ns: string, name: string): HostIqRoute | undefined {
    return this.#host.get(routeKey(type, ns, name));
  }

  uploads(type: string, ns: string, name: string): HostIqRoute | undefined {
    return this.#uploads.get(routeKey(type, ns, name));
  }

  stage<Name extends StageName>(direction: 'outbound' | 'inbound', name: Name): readonly NonNullable<Stages[Name]>[] {
    return this.#stages[direction][name];
  }

  /** What the stages of a direction look at; for what arrives, whether there is such an account as well. */
  reads(direction: 'outbound' | 'inbound'): readonly Collection<unknown>[] {
    return this.#reads[direction];
  }
}

function routeKey(type: string, ns: string, name: string): string {
  return `${type} ${name} ${ns}`;
}

function addOnce<Route extends { type: string; ns: string; name: string }>(
  map: Map<string, Route>,
  route: Route,
  spec: string,
): void {
  const key = routeKey(route.type, route.ns, route.name);
  if (map.has(key)) throw new Error(`${spec} declares a second route for '${key}'`);
  map.set(key, route);
}
