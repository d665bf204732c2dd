/**
 * Which nodes of the pubsub service somebody has something to do with: subscriptions, affiliations, and the nodes that they have made. A row for
 * each person stands in the tenant's directory, so that a list of one's subscriptions does not read all nodes.
 *
 * The row is written before a node knows the person, and again behind it; so it may name too much, and never too little. What it names is looked
 * up at the node.
 */
import { hash } from 'node:crypto';
import { collection } from '../../../lib/runtime/collection.ts';
import { directoryOf, directoryParts } from '../../../lib/runtime/directory.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { pubsubLimits } from '../pep/limits.ts';
import { pubsubError } from '../pep/pubsub-error.ts';

interface KnownRow {
  /** Bare JID, because the key may be a hash. */
  readonly jid: string;
  readonly nodes: readonly string[];
  /** Those of them that they have made. */
  readonly made: readonly string[];
}

export const knownRows = collection<KnownRow>('nodesOf', 'directory', 'core', { grants: true });

type Store = Pick<Dependencies, 'store'>;

function keyOf(person: Jid): string {
  const jid = person.bare.toString();
  return Buffer.byteLength(jid) <= routerLimits.rosterAddressBytesMax ? jid : `#${hash('sha256', jid, 'base64url')}`;
}

function rowsOf({ store }: Store, { domain }: Tenant, person: Jid): Rows {
  return directoryOf(store, domain, keyOf(person));
}

/** Names of nodes that may know the person. */
export async function knownNodes(dependencies: Store, tenant: Tenant, person: Jid): Promise<readonly string[]> {
  return (await rowsOf(dependencies, tenant, person).get(knownRows, keyOf(person)))?.value.nodes ?? [];
}

/**
 * Notes at once that a node knows the person, or was made by them.
 * @param isThere whether there is a node of this name: those that are gone make room
 * @throws {StanzaError} when there are too many
 */
export async function noteKnown(
  dependencies: Store,
  tenant: Tenant,
  person: Jid,
  name: string,
  { isMade, isThere }: { readonly isMade: boolean; readonly isThere: (name: string) => Promise<boolean> },
): Promise<void> {
  const rows = rowsOf(dependencies, tenant, person);
  const add = () =>
    update(rows, knownRows, keyOf(person), (row = { jid: person.bare.toString(), nodes: [], made: [] }) => {
      if (row.nodes.includes(name) && (!isMade || row.made.includes(name))) return row;
      const next = { ...row, nodes: withName(row.nodes, name), made: isMade ? withName(row.made, name) : row.made };
      checkRoom(next);
      return next;
    });
  try {
    await add();
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    await prune(rows, person, isThere);
    await add();
  }
}

function withName(names: readonly string[], name: string): readonly string[] {
  return names.includes(name) ? names : [...names, name];
}

function checkRoom(row: KnownRow): void {
  const isTooLarge = Buffer.byteLength(JSON.stringify(row)) > routerLimits.pepRowBytesMax;
  if (row.made.length > pubsubLimits.nodesMadeMax)
    throw new StanzaError('resource-constraint', `one account makes at most ${pubsubLimits.nodesMadeMax} nodes`);
  if (row.nodes.length <= pubsubLimits.nodesKnownMax && !isTooLarge) return;
  const text = 'you have something to do with too many nodes already';
  throw pubsubError('policy-violation', 'too-many-subscriptions', { text, type: 'wait' });
}

/** Nodes that were deleted make room. */
async function prune(rows: Rows, person: Jid, isThere: (name: string) => Promise<boolean>): Promise<void> {
  const row = (await rows.get(knownRows, keyOf(person)))?.value;
  const gone = new Set<string>();
  for (const name of row?.nodes ?? []) if (!(await isThere(name))) gone.add(name);
  if (gone.size > 0) await drop(rows, person, gone);
}

/** Takes a node out of what the person's row names, at once. */
export async function dropKnown(dependencies: Store, tenant: Tenant, person: Jid, name: string): Promise<void> {
  await drop(rowsOf(dependencies, tenant, person), person, new Set([name]));
}

async function drop(rows: Rows, person: Jid, gone: ReadonlySet<string>): Promise<void> {
  await update(rows, knownRows, keyOf(person), (row) => {
    if (row === undefined) return row;
    const nodes = row.nodes.filter((name) => !gone.has(name));
    if (nodes.length === row.nodes.length) return row;
    return nodes.length === 0 ? undefined : { ...row, nodes, made: row.made.filter((name) => !gone.has(name)) };
  });
}

/** Removes the rows of addresses that are removed. */
export async function forgetKnown({ store }: Store, { domain }: Tenant, gone: GoneAddresses): Promise<void> {
  const { few } = gone;
  if (few !== undefined) {
    for (const jid of few) await directoryOf(store, domain, keyOf(jid)).delete(knownRows, keyOf(jid));
    return;
  }
  const limit = pubsubLimits.listedNodesMax;
  for (let part = 0; part < directoryParts; part++) {
    const rows = Rows.ofDirectory(store, domain, part);
    for (let after: string | undefined; ; ) {
      const page = await rows.list(knownRows, { limit, ...(after !== undefined && { after }) });
      const doomed = page.filter(({ value }) => gone.hasText(value.jid)).map(({ key }) => key);
      if (doomed.length > 0) await rows.deleteMany(knownRows, doomed);
      if (page.length < limit) break;
      after = page.at(-1)!.key;
    }
  }
}
