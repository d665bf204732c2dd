/**
 * XEP-0472: Pubsub Social Feed. Nodes whose `pubsub#type` says so keep all of their items, and tell subscribers of new ones without the text
 * (§5.1.1). What is published there is an entry of RFC 4287; in a gallery it has a picture (§5.3). The microblog of an account is its node
 * `urn:xmpp:microblog:0` (§5.2).
 */
import type { Element } from '../../../lib/xmpp/element.ts';
import type { AccountFeature } from '../core/feature.ts';
import { defaultConfig, itemsMaxOf, type NodeConfig, type Site } from '../pep/node-config.ts';
import type { NodeType } from '../pep/node-types.ts';

const NS = 'urn:xmpp:pubsub-social-feed:1';
const NS_GALLERY = 'urn:xmpp:pubsub-social-feed:gallery:1';
const NS_MICROBLOG = 'urn:xmpp:microblog:0';
const NS_ATOM = 'http://www.w3.org/2005/Atom';

/** §5.1.1. */
function baseOf(site: Site): Partial<NodeConfig> {
  return {
    notifyRetract: true,
    itemsMax: itemsMaxOf(site),
    isPersistent: true,
    sendLast: 'never',
    deliverPayloads: false,
  };
}

/** RFC 4287 §4.1.2: what an entry cannot do without. */
function isEntry(payload: Element): boolean {
  const isThere = (name: string) => payload.getChild(name, NS_ATOM) !== undefined;
  return payload.getName() === 'entry' && payload.getNS() === NS_ATOM && ['id', 'title', 'updated'].every(isThere);
}

/** §5.3. */
function hasPicture(payload: Element): boolean {
  return payload.getChildren('link', NS_ATOM).some(({ attrs }) => {
    const { rel, type = '', href } = attrs as Record<string, string>;
    return rel === 'enclosure' && type.startsWith('image/') && Boolean(href);
  });
}

function feed(type: string, takes: (payload: Element) => boolean = isEntry): NodeType {
  return { type, defaults: baseOf, possible: { notifyRetract: [true], isPersistent: [true] }, takes };
}

export const socialFeed: AccountFeature = {
  spec: 'XEP-0472',
  version: '0.2.1',
  title: 'Pubsub Social Feed, with galleries and microblogs',
  note: 'No bodies in notifications, and no links that the server adds to entries. A client may have fewer items kept.',
  disco: { account: [NS, NS_GALLERY, NS_MICROBLOG], pubsub: [NS, NS_GALLERY] },
  nodes: [{ name: NS_MICROBLOG, config: { ...defaultConfig, ...baseOf('account'), type: NS_MICROBLOG } }],
  nodeTypes: [feed(NS), feed(NS_MICROBLOG), feed(NS_GALLERY, (payload) => isEntry(payload) && hasPicture(payload))],
};
