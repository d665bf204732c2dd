/** The nodes of an account (XEP-0163): the bare JID is the service. */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import type { Turn } from '../core/turn.ts';
import type { NodeConfig } from './node-config.ts';
import { createNode, listNodes, type PepNode } from './nodes.ts';
import { notify } from './notify.ts';
import type { Place } from './place.ts';
import { dropSubscribers } from './subscriptions.ts';

export class AccountPlace implements Place {
  readonly site = 'account';
  readonly account: Account;
  readonly asker: Jid;
  readonly requestId: string;

  /** @param asker full JID; without it, the account itself acts */
  constructor(account: Account, asker: Jid = account.jid) {
    const { by, dependencies } = account.turn;
    this.account = account;
    this.asker = asker;
    this.requestId = by?.id ?? dependencies.ids.mint();
  }

  get turn(): Turn {
    return this.account.turn;
  }

  get tenant(): Tenant {
    return this.account.tenant;
  }

  get jid(): Jid {
    return this.account.jid;
  }

  holder(): Account {
    return this.account;
  }

  async namesFor(): Promise<readonly string[]> {
    return (await listNodes(this.account)).map(({ name }) => name);
  }

  async keepsOrder(): Promise<boolean> {
    return false;
  }

  async checkCreator(): Promise<void> {
    if (!this.asker.bare.equals(this.jid)) throw new StanzaError('forbidden', 'only the account itself may do that');
  }

  create(name: string, config: NodeConfig): Promise<{ readonly node: PepNode; readonly isNew: boolean }> {
    return createNode(this.account, name, config, { requestId: this.requestId });
  }

  async configured(): Promise<void> {}

  async deleted(): Promise<void> {}

  async relate(): Promise<void> {}

  async unrelate(): Promise<void> {}

  tell(node: PepNode, ...events: readonly Element[]): Promise<void> {
    return notify(this.account, node, ...events);
  }

  async tellDeleted(node: PepNode, event: Element, isTold: boolean): Promise<void> {
    if (isTold) await notify(this.account, node, event);
    dropSubscribers(this.account, node);
  }

  async isForeign(domain: string): Promise<boolean> {
    return (await this.account.hosted(domain)) === undefined;
  }
}
