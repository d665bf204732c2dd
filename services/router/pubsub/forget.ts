/**
 * Addresses that are removed: their subscriptions and affiliations at nodes of a tenant's pubsub service end, and a node that has no owner left
 * goes. What they have published belongs to those who read it, as messages in rooms do (docs/decisions/0010-erasure.md).
 */
import { nodeNames, pagesOfNames } from '../../../lib/runtime/directory.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { HostContext } from '../core/host.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { forgetAffiliations, ownersOf } from '../pep/affiliations.ts';
import { findNode } from '../pep/nodes.ts';
import { deleteNode } from '../pep/publish.ts';
import { forgetSubscribers } from '../pep/subscriptions.ts';
import { forgetKnown } from './known-nodes.ts';
import { ServicePlace } from './service-place.ts';

/** @param pause is called behind each page */
export async function forgetAtNodes(
  dependencies: Dependencies,
  tenant: Tenant,
  gone: GoneAddresses,
  pause: () => Promise<void>,
): Promise<void> {
  for await (const names of pagesOfNames(dependencies.store, tenant.domain, nodeNames, routerLimits.forgetPageMax)) {
    for (const name of names) await forgetAtNode(dependencies, tenant, name, gone);
    await pause();
  }
  await forgetKnown(dependencies, tenant, gone);
}

async function forgetAtNode(dependencies: Dependencies, tenant: Tenant, name: string, gone: GoneAddresses): Promise<void> {
  const turn = new Turn(dependencies);
  const host = new HostContext(turn, tenant);
  const place = new ServicePlace(host, host.jid);
  const holder = place.holder(name);
  await forgetSubscribers(holder, gone);
  await forgetAffiliations(holder, gone);
  const node = await findNode(holder, name);
  if (node && ownersOf(holder, node).length === 0) await deleteNode(place, node);
  await turn.finish();
}
