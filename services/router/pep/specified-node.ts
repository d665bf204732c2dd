/** Nodes of PEP that a specification gives a meaning to. */
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Account } from '../core/account.ts';
import type { FeatureIndex } from '../core/feature-index.ts';
import type { Pending } from '../core/stages.ts';
import type { NodeConfig } from './node-config.ts';

declare module '../core/feature.ts' {
  interface AccountFeature {
    /** The nodes of PEP that this specification gives a meaning to. */
    readonly nodes?: readonly SpecifiedNode[];
  }
}

export interface SpecifiedNode {
  readonly name: string;
  /** The configuration, unless the client that makes the node asks for another one. */
  readonly config: NodeConfig;
  readonly view?: View;
  /** Called before the commit when items of the node or its configuration change, or it is deleted. @param published items that are new */
  readonly changed?: (account: Account, published: readonly { readonly payload: string }[]) => Pending;
}

/**
 * A node whose only item is made from the items of another node. It has a configuration of its own, and the two nodes are made
 * and deleted together. Only the account itself may read a view, because the other node may be private.
 */
export interface View {
  /** The name of the node whose items are shown. */
  readonly of: string;
  readonly itemId: string;
  /** Makes the payload from the items as they are now. */
  readonly read: (account: Account) => Promise<Element>;
  /**
   * Changes the items of the other node so that the view shows this payload, or nothing, and notifies whoever wants these items.
   * @throws {StanzaError}
   */
  readonly write: (account: Account, payload: Element | undefined) => Promise<void>;
}

const nodesOf = new WeakMap<FeatureIndex, ReadonlyMap<string, SpecifiedNode>>();

function specifiedNodes(features: FeatureIndex): ReadonlyMap<string, SpecifiedNode> {
  let nodes = nodesOf.get(features);
  if (!nodes) {
    nodes = new Map(features.all.flatMap((feature) => (feature.nodes ?? []).map((node) => [node.name, node])));
    nodesOf.set(features, nodes);
  }
  return nodes;
}

export function specifiedNode(features: FeatureIndex, name: string): SpecifiedNode | undefined {
  return specifiedNodes(features).get(name);
}

/** The views of a node. */
export function viewsOf(features: FeatureIndex, name: string): readonly SpecifiedNode[] {
  return [...specifiedNodes(features).values()].filter(({ view }) => view?.of === name);
}

/** The names of nodes that are made and deleted together: a node and its views. @param name any of them */
export function nodesTogether(features: FeatureIndex, name: string): readonly string[] {
  const shown = specifiedNode(features, name)?.view?.of ?? name;
  return [shown, ...viewsOf(features, shown).map((view) => view.name)];
}
