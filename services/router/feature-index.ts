/** Features by what the router looks up: iq routes by type, namespace and name; stages as flat lists. */
import { capsFeature, hostInfo } from './disco-info.ts';
import type { AccountFeature, HostIqRoute, IqRoute, Stages } from './feature.ts';

type StageName = keyof Stages;

export class FeatureIndex {
  readonly all: readonly AccountFeature[];
  /** Children of `<stream:features/>` after SASL, the host's caps among them. */
  readonly streamFeatures: string;
  readonly #self = new Map<string, IqRoute>();
  readonly #account = new Map<string, IqRoute>();
  readonly #host = new Map<string, HostIqRoute>();
  readonly #uploads = new Map<string, HostIqRoute>();
  readonly #stages = new Map<string, readonly unknown[]>();

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
    for (const direction of ['outbound', 'inbound'] as const) {
      for (const stage of ['guard', 'amend', 'keep', 'follow'] as const) {
        this.#stages.set(`${direction} ${stage}`, features.map((feature) => feature[direction]?.[stage]).filter(Boolean));
      }
    }
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
    return this.#stages.get(`${direction} ${name}`) as readonly NonNullable<Stages[Name]>[];
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
