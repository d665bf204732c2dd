/** XEP-0060: which request is which, at an account and at a pubsub service alike. */
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { IqAnswer } from '../core/replies.ts';
import {
  create,
  deleteAsked,
  publishItem,
  purgeAsked,
  retractItems,
  setConfig,
  showConfig,
  showDefaults,
} from './node-requests.ts';
import { changeSubscribers, listAffiliated, listAffiliations, listSubscribers, setAffiliations } from './owner-lists.ts';
import type { Place } from './place.ts';
import { pubsubNs } from './pubsub-error.ts';
import { readItemsFor } from './read-items.ts';
import { nodeOf } from './requests.ts';
import { listSubscriptions, setOptions, showDefaultOptions, showOptions, subscribe, unsubscribe } from './subscribe.ts';

type Handler = (place: Place, asked: Element, request: Element) => Promise<IqAnswer> | IqAnswer;

const reads: Readonly<Record<string, Handler>> = {
  items: async (place, asked, request) => readItemsFor(place, await nodeOf(place, asked), request, asked),
  subscriptions: listSubscriptions,
  affiliations: listAffiliations,
  options: async (place, asked) => showOptions(place, await nodeOf(place, asked), asked),
  default: (_place, asked) => showDefaultOptions(asked),
};

const writes: Readonly<Record<string, Handler>> = {
  publish: (place, asked, request) => publishItem(place, request, asked),
  retract: retractItems,
  create: (place, asked, request) => create(place, request, asked),
  subscribe: async (place, asked, request) => subscribe(place, await nodeOf(place, asked), request, asked),
  unsubscribe: async (place, asked) => unsubscribe(place, await nodeOf(place, asked), asked),
  options: async (place, asked) => setOptions(place, await nodeOf(place, asked), asked),
};

const ownerReads: Readonly<Record<string, Handler>> = {
  default: showDefaults,
  configure: showConfig,
  subscriptions: (place, asked, request) => listSubscribers(place, request, asked),
  affiliations: listAffiliated,
};

const ownerWrites: Readonly<Record<string, Handler>> = {
  configure: setConfig,
  delete: deleteAsked,
  purge: purgeAsked,
  subscriptions: changeSubscribers,
  affiliations: setAffiliations,
};

const handlers = { get: { plain: reads, owner: ownerReads }, set: { plain: writes, owner: ownerWrites } } as const;

/** @param request `<pubsub/>`. @throws {StanzaError} */
export async function dispatch(place: Place, type: 'get' | 'set', request: Element): Promise<IqAnswer> {
  const known = handlers[type][request.getNS() === pubsubNs ? 'plain' : 'owner'];
  const [asked] = request.getChildElements() as Element[];
  const name = asked?.getName() ?? '';
  const handle = Object.hasOwn(known, name) ? known[name] : undefined;
  if (asked === undefined || handle === undefined) throw new StanzaError('feature-not-implemented', 'unknown pubsub request');
  return handle(place, asked, request);
}

/** Features of a place where these requests are answered (XEP-0060 §10). */
export function featuresOf(...names: readonly string[]): readonly string[] {
  return [pubsubNs, ...[...both, ...names].map((name) => `${pubsubNs}#${name}`)];
}

const both = [
  'access-authorize',
  'access-open',
  'access-presence',
  'access-roster',
  'access-whitelist',
  'auto-create',
  'config-node',
  'config-node-max',
  'create-and-configure',
  'create-nodes',
  'delete-items',
  'delete-nodes',
  'instant-nodes',
  'item-ids',
  'leased-subscription',
  'manage-subscriptions',
  'member-affiliation',
  'meta-data',
  'modify-affiliations',
  'multi-items',
  'outcast-affiliation',
  'persistent-items',
  'publish',
  'publish-node-full',
  'publish-only-affiliation',
  'publish-options',
  'publisher-affiliation',
  'purge-nodes',
  'retract-items',
  'retrieve-affiliations',
  'retrieve-default',
  'retrieve-default-sub',
  'retrieve-items',
  'retrieve-subscriptions',
  'rsm',
  'subscribe',
  'subscription-notifications',
  'subscription-options',
];
