/**
 * The features, arranged by what the router looks up: iq routes by type, namespace and name, and a list of stages for each kind.
 */
import type { Collection } from '../../../lib/runtime/collection.ts';
import type { TenantPolicy } from '../../../lib/runtime/policy/tenant-policy.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { accounts } from './accounts.ts';
import { capsFeature, hostInfo } from './disco-info.ts';
import type { AccountFeature, HostIqRoute, InBind, IqRoute, Stages } from './feature.ts';
import type { HostCommand } from './host-command.ts';

/** Declared here, because features know accounts, and accounts their turn's dependencies. */
declare module './dependencies.ts' {
  interface Dependencies {
    readonly features: FeatureIndex;
  }
}

type StageName = Exclude<keyof Stages, 'reads'>;

/** The stages of one direction, each kind in the order of the features. */
type StageLists = { readonly [Name in StageName]: readonly NonNullable<Stages[Name]>[] } & {
  /** The rows that any of these stages looks at. For what arrives they include the account itself, which may not exist. */
  readonly reads: readonly Collection<unknown>[];
};

export class FeatureIndex {
  readonly all: readonly AccountFeature[];
  /** What can be asked for in XEP-0386, and its announcement. */
  readonly inBind: readonly InBind[];
  readonly inBindOffer: string;
  readonly hostCommands: readonly HostCommand[];
  readonly outbound: StageLists;
  readonly inbound: StageLists;
  readonly #lasting: string;
  readonly #unbound: string;
  /** The host's caps, by the policy that they depend on, which is the same one until the tenant is read again. */
  readonly #caps = new WeakMap<TenantPolicy, string>();
  readonly #declared = new Map<keyof AccountFeature, readonly unknown[]>();
  readonly #answersForSessions: readonly NonNullable<AccountFeature['answersForSessions']>[];
  readonly #self = new Map<string, IqRoute>();
  readonly #account = new Map<string, IqRoute>();
  readonly #host = new Map<string, HostIqRoute>();
  readonly #uploads = new Map<string, HostIqRoute>();
  readonly #proxy = new Map<string, HostIqRoute>();
  readonly #pubsub = new Map<string, HostIqRoute>();

  constructor(features: readonly AccountFeature[]) {
    this.all = features;
    this.#answersForSessions = features.flatMap(({ answersForSessions }) => answersForSessions ?? []);
    this.#lasting = features.flatMap((feature) => feature.streamFeatures ?? []).join('');
    this.#unbound = features.flatMap((feature) => feature.unboundFeatures ?? []).join('');
    this.inBind = features.flatMap((feature) => feature.inBind ?? []);
    this.inBindOffer = this.inBind.map(({ ns }) => `<feature var='${ns}'/>`).join('');
    this.hostCommands = features.flatMap((feature) => feature.hostCommands ?? []);
    for (const feature of features) {
      for (const route of feature.iq ?? []) addOnce(route.to === 'self' ? this.#self : this.#account, route, feature.spec);
      for (const route of feature.hostIq ?? []) addOnce(this.#host, route, feature.spec);
      for (const route of feature.uploadsIq ?? []) addOnce(this.#uploads, route, feature.spec);
      for (const route of feature.proxyIq ?? []) addOnce(this.#proxy, route, feature.spec);
      for (const route of feature.pubsubIq ?? []) addOnce(this.#pubsub, route, feature.spec);
    }
    this.outbound = listStages(features, 'outbound', []);
    this.inbound = listStages(features, 'inbound', [accounts]);
  }

  /** What those features declare by this name that do, in their order. There are some sixty features, and few of them have a part in a thing. */
  of<Name extends keyof AccountFeature>(name: Name): readonly NonNullable<AccountFeature[Name]>[] {
    let declared = this.#declared.get(name);
    if (declared === undefined) {
      declared = this.all.map((feature) => feature[name]).filter((part) => part !== undefined);
      this.#declared.set(name, declared);
    }
    return declared as readonly NonNullable<AccountFeature[Name]>[];
  }

  /** Children of `<stream:features/>` after SASL, the host's caps among them: before a resource is bound. */
  unboundFeatures(tenant: Tenant): string {
    return this.#unbound + this.boundFeatures(tenant);
  }

  /** The same after a resource is bound. */
  boundFeatures(tenant: Tenant): string {
    let caps = this.#caps.get(tenant.policy);
    if (caps === undefined) {
      caps = capsFeature(hostInfo(this.all, tenant));
      this.#caps.set(tenant.policy, caps);
    }
    return this.#lasting + caps;
  }

  self(type: string, ns: string, name: string): IqRoute | undefined {
    return this.#self.get(routeKey(type, ns, name));
  }

  account(type: string, ns: string, name: string): IqRoute | undefined {
    return this.#account.get(routeKey(type, ns, name));
  }

  /** @returns who takes an answer with this id, which is for a session and not by it */
  answerForSession(id = ''): NonNullable<AccountFeature['answersForSessions']>['take'] | undefined {
    return this.#answersForSessions.find(({ idPrefix }) => id.startsWith(idPrefix))?.take;
  }

  host(type: string, ns: string, name: string): HostIqRoute | undefined {
    return this.#host.get(routeKey(type, ns, name));
  }

  uploads(type: string, ns: string, name: string): HostIqRoute | undefined {
    return this.#uploads.get(routeKey(type, ns, name));
  }

  proxy(type: string, ns: string, name: string): HostIqRoute | undefined {
    return this.#proxy.get(routeKey(type, ns, name));
  }

  pubsub(type: string, ns: string, name: string): HostIqRoute | undefined {
    return this.#pubsub.get(routeKey(type, ns, name));
  }
}

function listStages(
  features: readonly AccountFeature[],
  direction: 'outbound' | 'inbound',
  alwaysRead: readonly Collection<unknown>[],
): StageLists {
  const stages = features.flatMap((feature) => feature[direction] ?? []);
  const list = <Name extends StageName>(name: Name) => stages.map((of) => of[name]).filter((stage) => stage !== undefined);
  return {
    reads: [...new Set([...alwaysRead, ...stages.flatMap(({ reads }) => reads ?? [])])],
    guard: list('guard'),
    amend: list('amend'),
    keep: list('keep'),
    takes: list('takes'),
    follow: list('follow'),
  };
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
