/**
 * Where a request finds nodes: an account, or the pubsub service of the tenant. What is asked of nodes is the same at both; what differs is
 * here.
 */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { RowHolder } from '../core/row-holder.ts';
import type { Turn } from '../core/turn.ts';
import type { NodeConfig, Site } from './node-config.ts';
import type { PepNode } from './nodes.ts';

export interface Place {
  readonly site: Site;
  readonly turn: Turn;
  readonly tenant: Tenant;
  /** The address that speaks for the nodes. */
  readonly jid: Jid;
  /** Who asks. */
  readonly asker: Jid;
  /** The id of the request, as minted at ingress: when it comes again, it has the same. */
  readonly requestId: string;
  /** Whose rows are those of the node. */
  holder(name: string): RowHolder;
  /** Names of the nodes that somebody may have subscriptions or affiliations at. */
  namesFor(person: Jid): Promise<readonly string[]>;
  /** May the asker manage every node as an owner does? What is published there the owners alone let somebody read. */
  keepsOrder(): Promise<boolean>;
  /** @throws {StanzaError} if the asker may not make nodes (§8.1.1) */
  checkCreator(): Promise<void>;
  /** Makes a node at once, with the asker as its owner. @throws {StanzaError} */
  create(name: string, config: NodeConfig): Promise<{ readonly node: PepNode; readonly isNew: boolean }>;
  /** Called when the configuration of a node has changed. */
  configured(node: PepNode): Promise<void>;
  /** Called when a node was deleted. */
  deleted(node: PepNode): Promise<void>;
  /** Called before somebody is given a subscription or an affiliation at a node. @throws {StanzaError} when that is too much */
  relate(person: Jid, name: string): Promise<void>;
  /** Called when somebody may have lost the last of those. */
  unrelate(person: Jid, node: PepNode): Promise<void>;
  /** Tells those who are to hear of events, children of `<event/>`, in order. At the service this is recorded at once. */
  tell(node: PepNode, ...events: readonly Element[]): Promise<void>;
  /** Tells of a deletion that follows, and ends the subscriptions. @param isTold false: nobody hears of it */
  tellDeleted(node: PepNode, event: Element, isTold: boolean): Promise<void>;
  /** Is the domain one of another server? */
  isForeign(domain: string): Promise<boolean>;
}
