/** The configuration of a node as a data form (XEP-0060 §16.4.4). */
import { type FieldType, renderForm, type Submission, type SubmittedField } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { routerLimits } from '../limits.ts';
import { pubsubLimits } from './limits.ts';
import { defaultsOf, itemsMaxOf, type NodeConfig, type Site } from './node-config.ts';
import { pubsubError } from './pubsub-error.ts';

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

function choice<const Key extends Exclude<KeyOf<string>, 'access'>>(
  key: Key,
  label: string,
  options: readonly NodeConfig[Key][],
): ConfigField {
  return {
    label,
    type: 'list-single',
    options,
    read: (field) => ({ [key]: field.choice(options as readonly string[]) }),
    write: (config) => config[key],
  };
}

function text(key: 'title' | 'description' | 'type' | 'language', label: string, type: FieldType = 'text-single'): ConfigField {
  return {
    label,
    type,
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

/** A field that always has this value. */
function settled(label: string, value: boolean): ConfigField {
  return {
    label,
    type: 'boolean',
    read(field) {
      if (field.flag() !== value) throw refusal(field, `is always ${value}`);
      return {};
    },
    write: () => (value ? '1' : '0'),
  };
}

const accessModels = ['open', 'presence', 'roster', 'authorize', 'whitelist'] as const;

const accessField: ConfigField = {
  label: 'Who may read',
  type: 'list-single',
  options: accessModels,
  read(field) {
    const value = field.text().trim();
    const access = accessModels.find((model) => model === value);
    if (access === undefined) {
      const detail = { text: `${field.name} must be one of ${accessModels.join(', ')}` };
      throw pubsubError('not-acceptable', 'unsupported-access-model', detail); // §8.1.2
    }
    return { access };
  },
  write: ({ access }) => access,
};

function itemsMaxField(max: number): ConfigField {
  return {
    label: 'Items that are kept, or "max"',
    type: 'text-single',
    read(field) {
      if (field.text().trim() === 'max') return { itemsMax: max };
      return { itemsMax: field.whole({ min: 1, max }) };
    },
    write: ({ itemsMax }) => String(itemsMax),
  };
}

const expiryField: ConfigField = {
  label: 'Seconds after which items go, or "max"',
  type: 'text-single',
  read(field) {
    if (field.text().trim() === 'max') return { itemExpireS: 0 };
    return { itemExpireS: field.whole({ min: 1, max: pubsubLimits.itemExpireSecondsMax }) };
  },
  write: ({ itemExpireS }) => (itemExpireS === 0 ? 'max' : String(itemExpireS)),
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

const contactField: ConfigField = {
  label: 'Whom to ask about the node',
  type: 'jid-multi',
  read(field) {
    const contact = field.jids().map(String);
    if (contact.length > pubsubLimits.contactsMax || Buffer.byteLength(contact.join('')) > routerLimits.pepGroupsBytesMax)
      throw refusal(field, 'names too many addresses');
    return { contact };
  },
  write: ({ contact }) => contact,
};

const payloadBytesField: ConfigField = {
  label: 'Largest payload in bytes',
  type: 'text-single',
  read: (field) => ({ payloadBytesMax: field.whole({ min: 1, max: routerLimits.pepItemBytesMax }) }),
  write: ({ payloadBytesMax }) => String(payloadBytesMax),
};

function fieldsOf(site: Site): ReadonlyMap<string, ConfigField> {
  const isService = site === 'service';
  const lastItem = isService ? (['never', 'on_sub'] as const) : (['never', 'on_sub', 'on_sub_and_presence'] as const);
  return new Map([
    ['pubsub#title', text('title', 'Title')],
    ['pubsub#description', text('description', 'Description')],
    ['pubsub#type', text('type', 'Namespace of the payload')],
    ['pubsub#language', text('language', 'Language', 'list-single')],
    ['pubsub#contact', contactField],
    ['pubsub#node_type', fixed('Type of the node', 'leaf')],
    ['pubsub#access_model', accessField],
    ['pubsub#roster_groups_allowed', groupsField],
    ['pubsub#publish_model', choice('publishModel', 'Who may publish', ['publishers', 'subscribers', 'open'])],
    ['pubsub#subscribe', flag('maySubscribe', 'Others may subscribe')],
    ['pubsub#persist_items', flag('isPersistent', 'Items are kept')],
    ['pubsub#max_items', itemsMaxField(itemsMaxOf(site))],
    ['pubsub#item_expire', expiryField],
    [
      'pubsub#publish_node_full',
      choice('whenFull', 'What happens when there are too many items', ['retract-oldest', 'discard-oldest', 'reject']),
    ],
    ['pubsub#send_last_published_item', choice('sendLast', 'When the last item is sent', lastItem)],
    ['pubsub#notify_retract', flag('notifyRetract', 'Tell of items that are retracted')],
    ['pubsub#notify_delete', flag('notifyDelete', 'Tell of the deletion of the node')],
    ['pubsub#notify_config', flag('notifyConfig', 'Tell of a new configuration')],
    ['pubsub#notify_sub', flag('notifySub', 'Tell owners of subscriptions')],
    ['pubsub#deliver_payloads', flag('deliverPayloads', 'Notifications have the payload')],
    ['pubsub#deliver_notifications', flag('deliverNotifications', 'Notifications are sent')],
    ['pubsub#itemreply', choice('itemReply', 'Whose address items carry', ['publisher', 'none'])],
    ['pubsub#presence_based_delivery', settled('Only to available resources', !isService)],
    ['pubsub#purge_offline', settled('Items go when their publisher goes offline', false)],
    ['pubsub#tempsub', settled('Subscriptions end when the subscriber goes offline', false)],
    [
      'pubsub#notification_type',
      isService
        ? choice('notificationType', 'Type of notifications', ['headline', 'normal'])
        : fixed('Type of notifications', 'headline'),
    ],
    ['pubsub#max_payload_size', payloadBytesField],
  ]);
}

const fields: Readonly<Record<Site, ReadonlyMap<string, ConfigField>>> = {
  account: fieldsOf('account'),
  service: fieldsOf('service'),
};

function refusal({ name }: SubmittedField, why: string): StanzaError {
  return new StanzaError('not-acceptable', `${name} ${why}`);
}

export function isKnownField(site: Site, name: string): boolean {
  return fields[site].has(name);
}

/**
 * Applies a submitted form. Unknown fields change nothing (XEP-0004 §3.1).
 * @throws {StanzaError} not-acceptable for an invalid value
 */
export function applyForm(site: Site, form: Submission, config: NodeConfig): NodeConfig {
  let applied = config;
  for (const [name, field] of form) applied = { ...applied, ...fields[site].get(name)?.read(field) };
  return applied;
}

/** @param groups all groups of the owner's roster. @param type `form`: the one that the owner fills in (§8.2.2) */
export function configForm(
  site: Site,
  config: NodeConfig,
  formType: string,
  { groups = [], type: ofForm = 'form' }: { readonly groups?: readonly string[]; readonly type?: 'form' | 'result' } = {},
): Element {
  return renderForm({
    type: ofForm,
    formType,
    fields: [...fields[site]].map(([name, { type, label, options, write }]) => ({
      var: name,
      type,
      label,
      values: [write(config)].flat(),
      options: ofForm === 'form' ? (type === 'list-multi' ? groups : options)?.map((value) => ({ value })) : undefined,
    })),
  });
}

export function defaultForm(site: Site, formType: string): Element {
  return configForm(site, defaultsOf[site], formType);
}
