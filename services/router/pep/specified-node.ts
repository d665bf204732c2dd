/** A node of PEP to which a feature gives a meaning. */
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Account } from '../core/account.ts';
import type { NodeConfig } from './node-config.ts';

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
