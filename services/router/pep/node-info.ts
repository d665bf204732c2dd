/** XEP-0060 §5.3, §5.4: what a node says of itself to service discovery. */
import { type Field, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import type { RowHolder } from '../core/row-holder.ts';
import { affiliationsOf } from './affiliations.ts';
import type { PepNode } from './nodes.ts';
import { pubsubNs } from './pubsub-error.ts';
import { subscribersOf } from './subscriptions.ts';

const infoNs = 'http://jabber.org/protocol/disco#info';

export async function describeNode(holder: RowHolder, node: PepNode): Promise<Element> {
  const form = renderForm({ type: 'result', formType: `${pubsubNs}#meta-data`, fields: await metadataOf(holder, node) });
  return xml(
    'query',
    { xmlns: infoNs, node: node.name },
    xml('identity', { category: 'pubsub', type: 'leaf', name: node.config.title || undefined }),
    xml('feature', { var: pubsubNs }),
    form,
  );
}

async function metadataOf(holder: RowHolder, node: PepNode): Promise<readonly Field[]> {
  const { config, madeAt, madeBy } = node;
  const affiliations = affiliationsOf(holder, node);
  const those = (wanted: string) => [...affiliations].filter(([, affiliation]) => affiliation === wanted).map(([jid]) => jid);
  const count = (await subscribersOf(holder, node)).length;
  const fields: Field[] = [
    { var: 'pubsub#type', type: 'text-single', values: [config.type] },
    { var: 'pubsub#creator', type: 'jid-single', values: madeBy === undefined ? [] : [madeBy] },
    { var: 'pubsub#creation_date', type: 'text-single', values: madeAt === undefined ? [] : [secondsOf(madeAt)] },
    { var: 'pubsub#title', type: 'text-single', values: [config.title] },
    { var: 'pubsub#description', type: 'text-single', values: [config.description] },
    { var: 'pubsub#language', type: 'list-single', values: [config.language] },
    { var: 'pubsub#contact', type: 'jid-multi', values: config.contact },
    { var: 'pubsub#access_model', type: 'list-single', values: [config.access] },
    { var: 'pubsub#publish_model', type: 'list-single', values: [config.publishModel] },
    { var: 'pubsub#max_items', type: 'text-single', values: [String(config.itemsMax)] },
    { var: 'pubsub#owner', type: 'jid-multi', values: those('owner') },
    { var: 'pubsub#publisher', type: 'jid-multi', values: those('publisher') },
    { var: 'pubsub#num_subscribers', type: 'text-single', values: [String(count)] },
  ];
  return fields.filter(({ values = [] }) => values.some((value) => value !== ''));
}

/** XEP-0082, without fractions, as in the example of §5.4. */
function secondsOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
