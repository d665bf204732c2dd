/** XEP-0462 §3.2: which nodes whoever asks for the list of a pubsub service wants to see. */
import { findForm, readSubmission } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';

export const filterNs = 'urn:xmpp:pubsub-filter:0';

/** @returns whether a node of this `pubsub#type` is wanted; '' is the type of a node that has none. @throws {StanzaError} bad-request */
export function readTypeFilter(request: Element): (type: string) => boolean {
  const filter = request.getChild('filter', filterNs) as Element | undefined;
  if (filter === undefined) return () => true;
  const form = findForm(filter);
  if (form === undefined) throw new StanzaError('bad-request', 'a filter has a form');
  const fields = readSubmission(form, { formType: filterNs });
  const included = fields.get('included-types')?.values;
  const excluded = fields.get('excluded-types')?.values;
  if (included !== undefined && excluded !== undefined)
    throw new StanzaError('bad-request', 'a filter either includes types or excludes them');
  const types = new Set(included ?? excluded);
  return (type) => types.has(type) === (included !== undefined);
}
