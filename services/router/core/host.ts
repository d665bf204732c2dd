/** What a feature sees when it answers in the name of the tenant's domain. */
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from './account.ts';
import type { Turn } from './turn.ts';

export class HostContext {
  readonly turn: Turn;
  readonly tenant: Tenant;
  /** The asker's account if it belongs to this tenant; absent for askers of other domains. */
  readonly account: Account | undefined;
  /** The id of the stanza, as minted at ingress: when it comes again, it has the same. */
  readonly id: string;

  constructor(turn: Turn, tenant: Tenant, account?: Account, id = turn.dependencies.ids.mint()) {
    this.turn = turn;
    this.tenant = tenant;
    this.account = account;
    this.id = id;
  }

  get jid(): Jid {
    return Jid.of('', this.tenant.domain);
  }

  get rows(): Rows {
    return Rows.ofTenant(this.turn.dependencies.store, this.tenant.domain);
  }
}
