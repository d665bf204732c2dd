/** A tenant that has an owner keeps one. */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { isLastOwner } from '../core/roles.ts';
import type { Asked } from './operation.ts';
import { Refusal } from './refusal.ts';

/** @throws {Refusal} when the account is the last owner, and whoever asks does not look after the deployment */
export async function checkIsNotLastOwner({ store }: Dependencies, jid: Jid, { rights }: Pick<Asked, 'rights'>): Promise<void> {
  if (rights === undefined || rights.includes('deployment.run')) return;
  if (await isLastOwner(store, jid.domain, jid.local))
    throw new Refusal('conflict', `'${jid}' is the last owner of its tenant; make somebody else an owner first`);
}
