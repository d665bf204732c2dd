/** The nodes of a tenant's pubsub service, `pubsub.example.org` (XEP-0060). */
import { rightsOf } from '../../../lib/runtime/rights.ts';
import { pubsubDomain, type Tenant } from '../../../lib/runtime/tenants.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { isGuest } from '../core/guests.ts';
import type { HostContext } from '../core/host.ts';
import { heldBy } from '../core/roles.ts';
import type { Turn } from '../core/turn.ts';
import { affiliationOf } from '../pep/affiliations.ts';
import type { NodeConfig } from '../pep/node-config.ts';
import { checkName, createNode, findNode, keyOfNew, type PepNode } from '../pep/nodes.ts';
import type { Place } from '../pep/place.ts';
import { eventNs } from '../pep/pubsub-error.ts';
import { ServiceNode } from '../pep/service-node.ts';
import { pendingOf, subscribersOfPerson, subscriptionsOf } from '../pep/subscriptions.ts';
import { fanOutId, recordFanOut } from './fan-out-rows.ts';
import { fanOutsOf } from './fan-outs.ts';
import { dropKnown, knownNodes, noteKnown } from './known-nodes.ts';
import { listNode, unlistNode } from './node-directory.ts';

/** What the tenant's domain says of itself (XEP-0485): nobody else makes a node of this name. */
export const serverInfoNode = 'serverinfo';

export class ServicePlace implements Place {
  readonly site = 'service';
  readonly turn: Turn;
  readonly tenant: Tenant;
  readonly jid: Jid;
  readonly asker: Jid;
  readonly requestId: string;
  readonly #host: HostContext;
  #keepsOrder: Promise<boolean> | undefined;
  /** Events of this request so far. */
  #events = 0;

  constructor(host: HostContext, asker: Jid) {
    this.turn = host.turn;
    this.tenant = host.tenant;
    this.jid = Jid.of('', pubsubDomain(host.tenant.domain));
    this.asker = asker;
    this.requestId = host.id;
    this.#host = host;
  }

  holder(name: string): ServiceNode {
    return new ServiceNode(this.turn, this.tenant, name);
  }

  namesFor(person: Jid): Promise<readonly string[]> {
    return knownNodes(this.turn.dependencies, this.tenant, person);
  }

  /** Admins of the tenant keep order at its nodes. */
  keepsOrder(): Promise<boolean> {
    const { account } = this.#host;
    if (account === undefined) return Promise.resolve(false);
    this.#keepsOrder ??= heldBy(this.turn.dependencies.store, this.tenant.domain, account.local).then((held) =>
      rightsOf(held).includes('tenant.rooms'),
    );
    return this.#keepsOrder;
  }

  async checkCreator(): Promise<void> {
    const { account } = this.#host;
    const { policy } = this.tenant;
    const isMember = account !== undefined && !isGuest(account);
    if (isMember && (policy.pubsub === 'members' || (await this.keepsOrder()))) return;
    throw new StanzaError('forbidden', 'you may not make nodes here');
  }

  /** The directory names the node before it is there, so that whatever is there can be found. */
  async create(name: string, config: NodeConfig): Promise<{ readonly node: PepNode; readonly isNew: boolean }> {
    checkName(name);
    if (name === serverInfoNode && this.asker.toString() !== this.tenant.domain)
      throw new StanzaError('not-allowed', `'${name}' is for the domain itself`);
    const { dependencies } = this.turn;
    const holder = this.holder(name);
    const there = await findNode(holder, name);
    const key = keyOfNew(this.requestId, name);
    if (there !== undefined) return { node: there, isNew: there.key === key };
    await this.#note(this.asker, name, true);
    await listNode(dependencies, this.tenant, { name, key, config, madeAt: dependencies.clock.timeOfDay() });
    const made = await createNode(holder, name, config, {
      madeBy: this.asker.bare.toString(),
      requestId: this.requestId,
    });
    await listNode(dependencies, this.tenant, made.node);
    if (made.isNew) await this.#note(this.asker, name, true);
    else await this.unrelate(this.asker, made.node);
    return made;
  }

  async configured(node: PepNode): Promise<void> {
    await listNode(this.turn.dependencies, this.tenant, node);
  }

  async deleted(node: PepNode): Promise<void> {
    await unlistNode(this.turn.dependencies, this.tenant, node);
    const maker = node.madeBy === undefined ? undefined : Jid.tryParse(node.madeBy);
    if (maker !== undefined) await dropKnown(this.turn.dependencies, this.tenant, maker, node.name);
  }

  async relate(person: Jid, name: string): Promise<void> {
    await this.#note(person, name, false);
    this.turn.afterCommit(() => this.#note(person, name, false));
  }

  async unrelate(person: Jid, node: PepNode): Promise<void> {
    if (await this.#isRelated(person, node)) return;
    await dropKnown(this.turn.dependencies, this.tenant, person, node.name);
    // Somebody may have given them something meanwhile.
    if (await this.#isRelated(person, node)) await this.#note(person, node.name, false);
  }

  async #isRelated(person: Jid, { name }: PepNode): Promise<boolean> {
    const holder = this.holder(name);
    const node = await findNode(holder, name);
    if (node === undefined) return false;
    if (affiliationOf(holder, node, person) !== 'none') return true;
    if ((await subscriptionsOf(holder, node, person)).length > 0) return true;
    return subscribersOfPerson(await pendingOf(holder, node), person).length > 0;
  }

  #note(person: Jid, name: string, isMade: boolean): Promise<void> {
    const isThere = async (other: string) => (await findNode(this.holder(other), other)) !== undefined;
    return noteKnown(this.turn.dependencies, this.tenant, person, name, { isMade, isThere });
  }

  async tell(node: PepNode, ...events: readonly Element[]): Promise<void> {
    if (!node.config.deliverNotifications) return;
    for (const event of events) await this.#record(node, event, false);
  }

  tellDeleted(node: PepNode, event: Element, isTold: boolean): Promise<void> {
    return this.#record(node, isTold ? event : undefined, true);
  }

  async #record(node: PepNode, event: Element | undefined, isDeletion: boolean): Promise<void> {
    const { dependencies } = this.turn;
    const id = fanOutId(node.name, this.requestId, this.#events++);
    const type = node.config.notificationType === 'normal' ? undefined : 'headline';
    const message =
      event && xml('message', { from: this.jid.toString(), type, id }, xml('event', { xmlns: eventNs }, event)).toString();
    await recordFanOut(dependencies, this.holder(node.name), { id, key: node.key, xml: message, isDeletion });
    this.turn.afterCommit(() => fanOutsOf(dependencies).start(this.tenant, node.name));
  }

  async isForeign(domain: string): Promise<boolean> {
    return (await this.turn.dependencies.tenants.place(domain)) === undefined;
  }
}
