/** The configuration of a node (XEP-0060 §16.4.4), with the defaults of PEP (XEP-0163 §4) and those of a pubsub service. */
import { routerLimits } from '../limits.ts';
import { pubsubLimits } from './limits.ts';

/** Where nodes are: at an account (XEP-0163), or at the pubsub service of a tenant. */
export type Site = 'account' | 'service';

export type AccessModel = 'open' | 'presence' | 'roster' | 'authorize' | 'whitelist';

export interface NodeConfig {
  readonly access: AccessModel;
  /** Groups of an owner's roster, sorted. With the access model `roster`, contacts in these groups may read. */
  readonly groups: readonly string[];
  readonly publishModel: 'publishers' | 'subscribers' | 'open';
  /** Items outlive their notification. */
  readonly isPersistent: boolean;
  readonly itemsMax: number;
  /** How long items are kept, s. 0: for ever. */
  readonly itemExpireS: number;
  /** What becomes of the oldest item when there are too many (§7.1.2.5). */
  readonly whenFull: 'retract-oldest' | 'discard-oldest' | 'reject';
  readonly payloadBytesMax: number;
  readonly sendLast: 'never' | 'on_sub' | 'on_sub_and_presence';
  readonly notifyRetract: boolean;
  readonly notifyDelete: boolean;
  readonly notifyConfig: boolean;
  /** Owners are told of subscriptions. */
  readonly notifySub: boolean;
  readonly deliverNotifications: boolean;
  readonly deliverPayloads: boolean;
  readonly notificationType: 'headline' | 'normal';
  /** Whose address an item carries (§12.17). */
  readonly itemReply: 'publisher' | 'none';
  /** Others may subscribe. */
  readonly maySubscribe: boolean;
  readonly title: string;
  readonly description: string;
  readonly type: string;
  readonly language: string;
  readonly contact: readonly string[];
}

export const defaultConfig: NodeConfig = {
  access: 'presence',
  groups: [],
  publishModel: 'publishers',
  isPersistent: true,
  itemsMax: 1,
  itemExpireS: 0,
  whenFull: 'discard-oldest',
  payloadBytesMax: routerLimits.pepItemBytesMax,
  sendLast: 'on_sub_and_presence',
  notifyRetract: true,
  notifyDelete: true,
  notifyConfig: false,
  notifySub: false,
  deliverNotifications: true,
  deliverPayloads: true,
  notificationType: 'headline',
  itemReply: 'publisher',
  maySubscribe: true,
  title: '',
  description: '',
  type: '',
  language: '',
  contact: [],
};

/** XEP-0223: many items that only the account itself may read, as XEP-0402 §3.3 and XEP-0490 §4.2 require. */
export const privateConfig: NodeConfig = {
  ...defaultConfig,
  access: 'whitelist',
  itemsMax: routerLimits.pepItemsPerNodeMax,
  sendLast: 'never',
};

/** A node at a pubsub service has these values. `open` is what §4.5 asks for. */
const serviceConfig: NodeConfig = {
  ...defaultConfig,
  access: 'open',
  itemsMax: pubsubLimits.itemsPerNewNode,
  whenFull: 'retract-oldest',
  sendLast: 'on_sub',
};

/** How many items a node may keep: `pubsub#max_items` of `max`. */
export function itemsMaxOf(site: Site): number {
  return site === 'service' ? pubsubLimits.itemsPerNodeMax : routerLimits.pepItemsPerNodeMax;
}

export const defaultsOf: Readonly<Record<Site, NodeConfig>> = { account: defaultConfig, service: serviceConfig };

export function isSameConfig(one: NodeConfig, other: NodeConfig): boolean {
  return (Object.keys(defaultConfig) as (keyof NodeConfig)[]).every(
    (key) => JSON.stringify(one[key]) === JSON.stringify(other[key]),
  );
}
