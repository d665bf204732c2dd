/** XEP-0060 §16.4.4: what can be set of a node, as data forms have it, with PEP's defaults (XEP-0163 §4). */
import { limits } from '../../../lib/limits.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { answerForm } from '../form.ts';

export type AccessModel = 'open' | 'presence' | 'roster' | 'whitelist';

export interface NodeConfig {
  readonly access: AccessModel;
  /** Of the owner's roster, sorted: with the access model roster, whose contacts may read. */
  readonly groups: readonly string[];
  /** Items outlive their notification. */
  readonly isPersistent: boolean;
  readonly itemsMax: number;
  readonly sendLast: 'never' | 'on_sub' | 'on_sub_and_presence';
  readonly notifyRetract: boolean;
  readonly notifyDelete: boolean;
  readonly notifyConfig: boolean;
  readonly deliverPayloads: boolean;
  readonly title: string;
  readonly description: string;
  readonly type: string;
}

export const defaultConfig: NodeConfig = {
  access: 'presence',
  groups: [],
  isPersistent: true,
  itemsMax: 1,
  sendLast: 'on_sub_and_presence',
  notifyRetract: true,
  notifyDelete: true,
  notifyConfig: false,
  deliverPayloads: true,
  title: '',
  description: '',
  type: '',
};

/** XEP-0223: what is for the account alone, item by item; as XEP-0402 §3.3 and XEP-0490 §4.2 ask for it. */
export const privateConfig: NodeConfig = {
  ...defaultConfig,
  access: 'whitelist',
  itemsMax: limits.pepItemsPerNodeMax,
  sendLast: 'never',
};

interface Field {
  readonly label: string;
  readonly kind: 'boolean' | 'list-single' | 'list-multi' | 'text-single';
  readonly options?: readonly string[];
  /** @param values all of them, for a `list-multi`. @returns undefined for a value that is not possible */
  readonly read: (value: string, values: readonly string[]) => Partial<NodeConfig> | undefined;
  readonly write: (config: NodeConfig) => string | readonly string[];
}

type KeyOf<Type> = { [Key in keyof NodeConfig]: NodeConfig[Key] extends Type ? Key : never }[keyof NodeConfig];

function flag(key: KeyOf<boolean>, label: string): Field {
  return {
    label,
    kind: 'boolean',
    read: (value) => {
      if (value === '1' || value === 'true') return { [key]: true };
      return value === '0' || value === 'false' ? { [key]: false } : undefined;
    },
    write: (config) => (config[key] ? '1' : '0'),
  };
}

function choice(key: 'access' | 'sendLast', label: string, options: readonly string[]): Field {
  return {
    label,
    kind: 'list-single',
    options,
    read: (value) => (options.includes(value) ? { [key]: value } : undefined),
    write: (config) => config[key],
  };
}

function text(key: 'title' | 'description' | 'type', label: string): Field {
  return {
    label,
    kind: 'text-single',
    read: (value) => (Buffer.byteLength(value) <= limits.pepTextBytesMax ? { [key]: value } : undefined),
    write: (config) => config[key],
  };
}

/** What cannot be chosen: clients ask for it all the same. */
function fixed(label: string, value: string): Field {
  return {
    label,
    kind: 'list-single',
    options: [value],
    read: (given) => (given === value ? {} : undefined),
    write: () => value,
  };
}

/** What is always so. */
function always(label: string): Field {
  return {
    label,
    kind: 'boolean',
    read: (value) => (value === '1' || value === 'true' ? {} : undefined),
    write: () => '1',
  };
}

const itemsMaxField: Field = {
  label: 'Items that are kept, or "max"',
  kind: 'text-single',
  read(value) {
    if (value === 'max') return { itemsMax: limits.pepItemsPerNodeMax };
    const count = /^[0-9]{1,9}$/.test(value) ? Number(value) : 0;
    return count >= 1 && count <= limits.pepItemsPerNodeMax ? { itemsMax: count } : undefined;
  },
  write: ({ itemsMax }) => String(itemsMax),
};

/** Of any name: a group may come to be later. */
const groupsField: Field = {
  label: 'Groups of the roster that may read, with access model roster',
  kind: 'list-multi',
  read(_value, values) {
    const groups = [...new Set(values)].filter((group) => group !== '').sort();
    const isInBounds = groups.length <= limits.rosterGroupsMax && Buffer.byteLength(groups.join('')) <= limits.pepGroupsBytesMax;
    return isInBounds ? { groups } : undefined;
  },
  write: ({ groups }) => groups,
};

const payloadBytesField: Field = {
  label: 'Largest payload in bytes',
  kind: 'text-single',
  read: (value) => (/^[0-9]{1,9}$/.test(value) && Number(value) <= limits.pepItemBytesMax ? {} : undefined),
  write: () => String(limits.pepItemBytesMax),
};

const fields: ReadonlyMap<string, Field> = new Map([
  ['pubsub#title', text('title', 'Title')],
  ['pubsub#description', text('description', 'Description')],
  ['pubsub#type', text('type', 'Namespace of the payload')],
  ['pubsub#access_model', choice('access', 'Who may read', ['open', 'presence', 'roster', 'whitelist'])],
  ['pubsub#roster_groups_allowed', groupsField],
  ['pubsub#persist_items', flag('isPersistent', 'Items are kept')],
  ['pubsub#max_items', itemsMaxField],
  [
    'pubsub#send_last_published_item',
    choice('sendLast', 'When the last item is sent', ['never', 'on_sub', 'on_sub_and_presence']),
  ],
  ['pubsub#notify_retract', flag('notifyRetract', 'Tell of items that are retracted')],
  ['pubsub#notify_delete', flag('notifyDelete', 'Tell of the deletion of the node')],
  ['pubsub#notify_config', flag('notifyConfig', 'Tell of a new configuration')],
  ['pubsub#deliver_payloads', flag('deliverPayloads', 'Notifications have the payload')],
  ['pubsub#deliver_notifications', always('Notifications are sent')],
  ['pubsub#publish_model', fixed('Who may publish', 'publishers')],
  ['pubsub#presence_based_delivery', always('Only to available resources')],
  ['pubsub#notification_type', fixed('Type of notifications', 'headline')],
  ['pubsub#max_payload_size', payloadBytesField],
]);

/**
 * @param form field → values
 * @returns the config with these fields set, or the name of the first field that is unknown or has a value that is not possible
 */
export function applyForm(form: ReadonlyMap<string, readonly string[]>, config: NodeConfig): NodeConfig | string {
  let applied = config;
  for (const [name, values] of form) {
    const field = fields.get(name);
    const change = field?.read(values[0]?.trim() ?? '', values);
    if (!change || (values.length > 1 && field?.kind !== 'list-multi')) return name;
    applied = { ...applied, ...change };
  }
  return applied;
}

export function isSameConfig(one: NodeConfig, other: NodeConfig): boolean {
  return (Object.keys(defaultConfig) as (keyof NodeConfig)[]).every(
    (key) => JSON.stringify(one[key]) === JSON.stringify(other[key]),
  );
}

/** The form to fill in (§8.2.2). @param groups of the roster */
export function configForm(config: NodeConfig, formType: string, groups: readonly string[] = []): Element {
  return answerForm('form', [
    xml('field', { var: 'FORM_TYPE', type: 'hidden' }, xml('value', {}, formType)),
    ...[...fields].map(([name, field]) =>
      xml(
        'field',
        { var: name, type: field.kind, label: field.label },
        [field.write(config)].flat().map((value) => xml('value', {}, value)),
        (field.kind === 'list-multi' ? groups : field.options)?.map((option) => xml('option', {}, xml('value', {}, option))),
      ),
    ),
  ]);
}
