/**
 * XEP-0060 §4.1: what people are to a node. An account is the owner of its nodes, and whoever makes a node of the service becomes its owner;
 * the node's row has all others, because they are looked at with each notification.
 */
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { RowHolder } from '../core/row-holder.ts';
import { pubsubLimits } from './limits.ts';
import { changeNode, changeNodes, type PepNode, siteOf } from './nodes.ts';

export const affiliationNames = ['owner', 'publisher', 'publish-only', 'member', 'none', 'outcast'] as const;
export type Affiliation = (typeof affiliationNames)[number];

/** All affiliations of a node, by bare JID. */
export type Affiliations = ReadonlyMap<string, Affiliation>;

export function affiliationsOf(holder: RowHolder, { affiliations = {} }: PepNode): Affiliations {
  const listed = Object.entries(affiliations) as [string, Affiliation][];
  return new Map(siteOf(holder) === 'account' ? [...listed, [holder.jid.toString(), 'owner']] : listed);
}

export function affiliationOf(holder: RowHolder, { affiliations = {} }: PepNode, person: Jid): Affiliation {
  if (siteOf(holder) === 'account' && person.bare.equals(holder.jid)) return 'owner';
  const jid = person.bare.toString();
  return Object.hasOwn(affiliations, jid) ? (affiliations[jid] as Affiliation) : 'none';
}

export function ownersOf(holder: RowHolder, node: PepNode): readonly string[] {
  return [...affiliationsOf(holder, node)].flatMap(([jid, affiliation]) => (affiliation === 'owner' ? [jid] : []));
}

export interface AffiliationChange {
  /** Bare. */
  readonly jid: Jid;
  readonly affiliation: Affiliation;
}

interface Changes {
  /** What was refused, with the affiliations as they are. */
  readonly refused: readonly AffiliationChange[];
  /** What is now as it was asked for. */
  readonly accepted: readonly AffiliationChange[];
}

/** Changes affiliations at once: those that can be changed. A node never loses its last owner (§8.9.2.4). @throws {StanzaError} */
export async function changeAffiliations(
  holder: RowHolder,
  node: PepNode,
  changes: readonly AffiliationChange[],
): Promise<Changes> {
  let refused: AffiliationChange[] = [];
  let accepted: AffiliationChange[] = [];
  await changeNode(holder, node, (there) => {
    [refused, accepted] = [[], []];
    let isChanged = false;
    const next = new Map(affiliationsOf(holder, there));
    // Who becomes an owner is looked at first, so that a node can be handed over in one request.
    for (const change of changes.toSorted((one, other) => rank(one) - rank(other))) {
      const jid = change.jid.toString();
      const before = next.get(jid) ?? 'none';
      if (before === 'owner' && change.affiliation !== 'owner' && !mayLose(holder, next, jid)) {
        refused.push({ jid: change.jid, affiliation: before });
        continue;
      }
      if (change.affiliation === 'none') next.delete(jid);
      else next.set(jid, change.affiliation);
      isChanged ||= before !== change.affiliation;
      accepted.push(change);
    }
    return isChanged ? withAffiliations(holder, there, next) : there;
  });
  return { refused, accepted };
}

function rank({ affiliation }: AffiliationChange): number {
  return affiliation === 'owner' ? 0 : 1;
}

function mayLose(holder: RowHolder, affiliations: Affiliations, owner: string): boolean {
  if (siteOf(holder) === 'account') return owner !== holder.jid.toString();
  return [...affiliations.values()].filter((affiliation) => affiliation === 'owner').length > 1;
}

/** @throws {StanzaError} when there are too many */
function withAffiliations(holder: RowHolder, node: PepNode, affiliations: Affiliations): PepNode {
  const own = siteOf(holder) === 'account' ? holder.jid.toString() : undefined;
  const listed = [...affiliations].filter(([jid]) => jid !== own);
  if (listed.length > pubsubLimits.affiliationsMax)
    throw new StanzaError('policy-violation', `a node has at most ${pubsubLimits.affiliationsMax} affiliations`);
  return { ...node, affiliations: listed.length === 0 ? undefined : Object.fromEntries(listed) };
}

/** Ends what addresses that are removed are to the nodes here, and have been: no node names them as its maker any more. */
export async function forgetAffiliations(holder: RowHolder, gone: GoneAddresses): Promise<void> {
  const isGone = (jid: string) => gone.has(Jid.parse(jid));
  await changeNodes(holder, (node) => {
    const listed = Object.entries(node.affiliations ?? {});
    const left = listed.filter(([jid]) => !isGone(jid));
    const { madeBy, ...others } = node;
    const isMakerGone = madeBy !== undefined && isGone(madeBy);
    if (left.length === listed.length && !isMakerGone) return node;
    return { ...(isMakerGone ? others : node), affiliations: Object.fromEntries(left) };
  });
}
