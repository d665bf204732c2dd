/** Room features by what the worker looks up: requests by type, name and namespace; everything else as flat lists. */
import type { ConfigField } from './config-field.ts';
import type {
  AffiliationStages,
  EntryReference,
  EntryStages,
  MessageStages,
  OccupantIqRoute,
  PresenceStages,
  RoomCommand,
  RoomFeature,
  RoomForgetting,
  RoomIqRoute,
  RoomRows,
  ServiceIqRoute,
} from './room-feature.ts';

/** Declared here, because features know turns, and turns their dependencies. */
declare module './dependencies.ts' {
  interface RoomDependencies {
    readonly features: RoomFeatureIndex;
  }
}

export class RoomFeatureIndex {
  readonly all: readonly RoomFeature[];
  readonly configFields: readonly ConfigField[];
  readonly entry: readonly EntryStages[];
  readonly presence: readonly PresenceStages[];
  readonly message: readonly MessageStages[];
  readonly commands: ReadonlyMap<string, RoomCommand>;
  readonly affiliation: readonly AffiliationStages[];
  readonly prefetch: readonly EntryReference[];
  readonly rows: readonly RoomRows[];
  readonly forgets: readonly RoomForgetting[];
  /** By {@link routeKey}. */
  readonly iq: ReadonlyMap<string, RoomIqRoute>;
  readonly occupantIq: ReadonlyMap<string, OccupantIqRoute>;
  readonly serviceIq: ReadonlyMap<string, ServiceIqRoute>;

  constructor(features: readonly RoomFeature[]) {
    this.all = features;
    this.configFields = features.flatMap(({ configFields }) => configFields ?? []);
    this.entry = features.flatMap(({ entry }) => entry ?? []);
    this.presence = features.flatMap(({ presence }) => presence ?? []);
    this.message = features.flatMap(({ message }) => message ?? []);
    this.affiliation = features.flatMap(({ affiliation }) => affiliation ?? []);
    this.prefetch = features.flatMap(({ prefetch }) => prefetch ?? []);
    this.rows = features.flatMap(({ rows }) => rows ?? []);
    this.forgets = features.flatMap(({ forgets }) => forgets ?? []);
    const commands = features.flatMap((feature) => feature.commands ?? []);
    this.commands = byKey(commands, ({ node }) => node);
    this.iq = byRoute(features.flatMap(({ iq }) => iq ?? []));
    this.occupantIq = byRoute(features.flatMap(({ occupantIq }) => occupantIq ?? []));
    this.serviceIq = byRoute(features.flatMap(({ serviceIq }) => serviceIq ?? []));
  }
}

export function routeKey({
  type,
  name,
  ns,
}: {
  readonly type: string | undefined;
  readonly name: string;
  readonly ns: string;
}): string {
  return `${type} ${name} ${ns}`;
}

export function byRoute<Route extends { readonly type: string; readonly name: string; readonly ns: string }>(
  routes: readonly Route[],
): ReadonlyMap<string, Route> {
  return byKey(routes, routeKey);
}

function byKey<Value>(values: readonly Value[], keyOf: (value: Value) => string): ReadonlyMap<string, Value> {
  const map = new Map<string, Value>();
  for (const value of values) {
    const key = keyOf(value);
    if (map.has(key)) throw new Error(`two features of rooms handle '${key}'`);
    map.set(key, value);
  }
  return map;
}
