/** A node of the tenant's pubsub service, with its rows: a partition of its own, so that nodes do not share what a partition can do. */
import { Rows } from '../../../lib/runtime/rows.ts';
import { pubsubDomain, type Tenant } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { RowHolder } from '../core/row-holder.ts';
import type { Turn } from '../core/turn.ts';

export class ServiceNode extends RowHolder {
  readonly name: string;

  constructor(turn: Turn, tenant: Tenant, name: string) {
    const { domain } = tenant;
    super(turn, tenant, Jid.of('', pubsubDomain(domain)), Rows.ofPubsub(turn.dependencies.store, domain, name));
    this.name = name;
  }
}
