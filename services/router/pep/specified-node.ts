/** A node of PEP to which a feature gives a meaning. */
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Account } from '../core/account.ts';
import type { FeatureIndex } from '../core/feature-index.ts';
import type { NodeConfig } from './node-config.ts';

declare module '../core/feature.ts' {
  interface AccountFeature {
    /** Nodes of PEP that are not like others. */
    readonly nodes?: readonly SpecifiedNode[];
  }
}

export interface SpecifiedNode {
  readonly name: string;
  /** Where a client that makes the node does not say otherwise. */
  readonly config: NodeConfig;
  readonly view?: View;
}

/**
 * A node that has a configuration of its own, and for items one that is made of another node's. The two are made and deleted together.
 * A view is for the account alone: it may show what the other node does not let everybody see.
 */
export interface View {
  /** The name of the other node. */
  readonly of: string;
  readonly itemId: string;
  /** The payload as it is now. */
  readonly read: (account: Account) => Promise<Element>;
  /**
   * From now on it shows this, or nothing: changes the other node's items, and tells of that whoever wants them.
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

/** The nodes that show this one's items. */
export function viewsOf(features: FeatureIndex, name: string): readonly SpecifiedNode[] {
  return [...specifiedNodes(features).values()].filter(({ view }) => view?.of === name);
}

/** The node itself, those that show its items, and the one whose items it shows. */
export function nodesTogether(features: FeatureIndex, name: string): readonly string[] {
  const shown = specifiedNode(features, name)?.view?.of ?? name;
  return [shown, ...viewsOf(features, shown).map((view) => view.name)];
}
