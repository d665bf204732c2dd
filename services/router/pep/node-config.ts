/** The configuration of a node as a data form (XEP-0060 §16.4.4), with the defaults of PEP (XEP-0163 §4). */
import { type FieldType, renderForm, type Submission, type SubmittedField } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { routerLimits } from '../limits.ts';

export type AccessModel = 'open' | 'presence' | 'roster' | 'whitelist';

export interface NodeConfig {
  readonly access: AccessModel;
  /** Groups of the owner's roster, sorted. With the access model `roster`, contacts in these groups may read. */
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

/** XEP-0223: many items that only the account itself may read, as XEP-0402 §3.3 and XEP-0490 §4.2 require. */
export const privateConfig: NodeConfig = {
  ...defaultConfig,
  access: 'whitelist',
  itemsMax: routerLimits.pepItemsPerNodeMax,
  sendLast: 'never',
};

interface ConfigField {
  readonly label: string;
  readonly type: FieldType;
  readonly options?: readonly string[];
  /** @throws {StanzaError} not-acceptable; also if the field has no value and cannot be unset (XEP-0004 §3.5) */
  readonly read: (field: SubmittedField) => Partial<NodeConfig>;
  readonly write: (config: NodeConfig) => string | readonly string[];
}

type KeyOf<Type> = { [Key in keyof NodeConfig]: NodeConfig[Key] extends Type ? Key : never }[keyof NodeConfig];

function flag(key: KeyOf<boolean>, label: string): ConfigField {
  return {
    label,
    type: 'boolean',
    read: (field) => ({ [key]: field.flag() }),
    write: (config) => (config[key] ? '1' : '0'),
  };
}

function choice(key: 'access' | 'sendLast', label: string, options: readonly string[]): ConfigField {
  return {
    label,
    type: 'list-single',
    options,
    read: (field) => ({ [key]: field.choice(options) }),
    write: (config) => config[key],
  };
}

function text(key: 'title' | 'description' | 'type', label: string): ConfigField {
  return {
    label,
    type: 'text-single',
    read(field) {
      const value = field.text().trim();
      if (Buffer.byteLength(value) > routerLimits.pepTextBytesMax)
        throw refusal(field, `may have at most ${routerLimits.pepTextBytesMax} bytes`);
      return { [key]: value };
    },
    write: (config) => config[key],
  };
}

/** A field with only one possible value. It exists because clients ask for it. */
function fixed(label: string, value: string): ConfigField {
  return {
    label,
    type: 'list-single',
    options: [value],
    read(field) {
      field.choice([value]);
      return {};
    },
    write: () => value,
  };
}

/** A field that is always true. */
function always(label: string): ConfigField {
  return {
    label,
    type: 'boolean',
    read(field) {
      field.choice(['1', 'true']);
      return {};
    },
    write: () => '1',
  };
}

const itemsMaxField: ConfigField = {
  label: 'Items that are kept, or "max"',
  type: 'text-single',
  read(field) {
    if (field.text().trim() === 'max') return { itemsMax: routerLimits.pepItemsPerNodeMax };
    return { itemsMax: field.whole({ min: 1, max: routerLimits.pepItemsPerNodeMax }) };
  },
  write: ({ itemsMax }) => String(itemsMax),
};

/** Any name is accepted, because a group may be made later. */
const groupsField: ConfigField = {
  label: 'Groups of the roster that may read, with access model roster',
  type: 'list-multi',
  read(field) {
    const groups = [...new Set(field.lines())].sort();
    const isInBounds =
      groups.length <= routerLimits.rosterGroupsMax && Buffer.byteLength(groups.join('')) <= routerLimits.pepGroupsBytesMax;
    if (!isInBounds) throw refusal(field, 'names too many groups');
    return { groups };
  },
  write: ({ groups }) => groups,
};

const payloadBytesField: ConfigField = {
  label: 'Largest payload in bytes',
  type: 'text-single',
  read(field) {
    field.whole({ min: 0, max: routerLimits.pepItemBytesMax });
    return {};
  },
  write: () => String(routerLimits.pepItemBytesMax),
};

const fields: ReadonlyMap<string, ConfigField> = new Map([
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

function refusal({ name }: SubmittedField, why: string): StanzaError {
  return new StanzaError('not-acceptable', `${name} ${why}`);
}

export function isKnownField(name: string): boolean {
  return fields.has(name);
}

/**
 * Applies a submitted form. Unknown fields change nothing (XEP-0004 §3.1).
 * @throws {StanzaError} not-acceptable for an invalid value
 */
export function applyForm(form: Submission, config: NodeConfig): NodeConfig {
  let applied = config;
  for (const [name, field] of form) applied = { ...applied, ...fields.get(name)?.read(field) };
  return applied;
}

export function isSameConfig(one: NodeConfig, other: NodeConfig): boolean {
  return (Object.keys(defaultConfig) as (keyof NodeConfig)[]).every(
    (key) => JSON.stringify(one[key]) === JSON.stringify(other[key]),
  );
}

/** The form that the owner fills in (§8.2.2). @param groups all groups of the owner's roster */
export function configForm(config: NodeConfig, formType: string, groups: readonly string[] = []): Element {
  return renderForm({
    type: 'form',
    formType,
    fields: [...fields].map(([name, { type, label, options, write }]) => ({
      var: name,
      type,
      label,
      values: [write(config)].flat(),
      options: (type === 'list-multi' ? groups : options)?.map((value) => ({ value })),
    })),
  });
}
