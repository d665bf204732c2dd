/** What requests about nodes have in common. */
import { emptySubmission, findForm, readSubmission, type Submission } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { affiliationOf } from './affiliations.ts';
import { findNode, type PepNode } from './nodes.ts';
import type { Place } from './place.ts';
import { pubsubError } from './pubsub-error.ts';

export function nameOf(asked: Element): string {
  const name = asked.attrs.node as string | undefined;
  if (!name) throw pubsubError('bad-request', 'nodeid-required');
  return name;
}

export async function nodeOf(place: Place, asked: Element): Promise<PepNode> {
  const name = nameOf(asked);
  const node = await findNode(place.holder(name), name);
  if (!node) throw new StanzaError('item-not-found', 'there is no such node');
  return node;
}

/** May the asker do what owners may? */
export async function isOwner(place: Place, node: PepNode): Promise<boolean> {
  return affiliationOf(place.holder(node.name), node, place.asker) === 'owner' || place.keepsOrder();
}

/** The node that the request names, for its owners. @throws {StanzaError} */
export async function ownNodeOf(place: Place, asked: Element): Promise<PepNode> {
  const name = nameOf(asked);
  const node = await findNode(place.holder(name), name);
  if (node && (await isOwner(place, node))) return node;
  // Whoever may not make nodes at an account is not told which there are.
  if (!node && place.site === 'account') await place.checkCreator();
  if (!node) throw new StanzaError('item-not-found', 'there is no such node');
  throw new StanzaError('forbidden', 'only owners of the node may do that');
}

/** Reads a form. @returns an empty submission if there is no form. @throws {StanzaError} */
export function formIn(wrapper: Element | undefined, formType: string): Submission {
  const form = wrapper && findForm(wrapper);
  return form ? readSubmission(form, { formType }) : emptySubmission;
}

/** An address in a request. @throws {StanzaError} invalid-jid */
export function jidIn(text: string | undefined): Jid {
  const jid = Jid.tryParse(text ?? '');
  if (jid === undefined) throw pubsubError('bad-request', 'invalid-jid');
  return jid;
}
