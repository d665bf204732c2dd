/**
 * A collection names rows of one kind under an account, a room, a node of pubsub or a tenant, and their value's shape. Its rows stand in the
 * partition of their owner under the sort key `<name>/<key>`; values are JSON.
 *
 * Whoever declares a collection says whose it is, and that is all that erasure needs: it deletes an owner's partitions, whatever stands
 * in them (docs/decisions/0010-erasure.md). A collection that gives something to addresses other than its owner's is declared with
 * `grants`: what it says of an address has to end with that address.
 */
import type { Table } from '../ports/store.ts';

/** The kinds of partitions, lib/runtime/rows.ts. */
export type OwnerKind =
  | 'account'
  | 'room'
  | 'pubsub'
  | 'tenant'
  | 'certificate'
  | 'federation'
  | 'outbox'
  | 'directory'
  | 'deployment';

export interface Collection<Value> {
  readonly name: string;
  /** How the sort keys of its rows begin: the name and a slash. The key of a single row is this. */
  readonly prefix: string;
  readonly owner: OwnerKind;
  /** Another kind of partition under which such rows stand, too. */
  readonly alsoOf?: OwnerKind | undefined;
  readonly table: Table;
  /** Its rows give rights to addresses that are not its owner: subscriptions, affiliations. */
  readonly grants?: boolean;
  /** Never set; carries the type. */
  readonly shape?: Value;
}

const declared: Collection<unknown>[] = [];

export function collection<Value>(
  name: string,
  owner: OwnerKind,
  table: Table = 'core',
  { grants = false, alsoOf }: { readonly grants?: boolean; readonly alsoOf?: OwnerKind } = {},
): Collection<Value> {
  const made: Collection<Value> = { name, prefix: `${name}/`, owner, alsoOf, table, grants };
  declared.push(made);
  return made;
}

/** All collections of the modules that are loaded: what erasure, export and counting have to know. */
export function declaredCollections(): readonly Collection<unknown>[] {
  return declared;
}
