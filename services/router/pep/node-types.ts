/**
 * What a specification says of nodes by their `pubsub#type`: how they are configured unless whoever makes them says otherwise, what they cannot do
 * without, and what their items are. Other types mean nothing to us.
 */
import type { Submission } from '../../../lib/xmpp/data-form.ts';
import { type Element, parseElement } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { FeatureIndex } from '../core/feature-index.ts';
import { applyForm } from './config-form.ts';
import type { NodeConfig, Site } from './node-config.ts';
import type { Place } from './place.ts';
import { pubsubError } from './pubsub-error.ts';

declare module '../core/feature.ts' {
  interface AccountFeature {
    /** The types of nodes that this specification gives a meaning to. */
    readonly nodeTypes?: readonly NodeType[];
  }
}

export interface NodeType {
  /** `pubsub#type`. */
  readonly type: string;
  readonly defaults: (site: Site) => Partial<NodeConfig>;
  /** The values that are possible. A form that sets another one is refused. */
  readonly possible: { readonly [Key in keyof NodeConfig]?: readonly NodeConfig[Key][] };
  /** Is the payload one of these nodes? Absent: any is. */
  readonly takes?: (payload: Element) => boolean;
}

const typeField = 'pubsub#type';

export function isTypeField(name: string): boolean {
  return name === typeField;
}

function typeNamed(features: FeatureIndex, type: string): NodeType | undefined {
  if (type === '') return undefined;
  return features
    .of('nodeTypes')
    .flat()
    .find((known) => known.type === type);
}

/**
 * Applies a form. Where it gives the node a type, what the type says comes first.
 * @throws {StanzaError} not-acceptable for an invalid value, and for one that the type does not allow
 */
export function applyTyped({ site, turn }: Place, form: Submission, config: NodeConfig): NodeConfig {
  const field = form.get(typeField);
  const named = field === undefined ? config : applyForm(site, new Map([[typeField, field]]), config);
  const type = typeNamed(turn.dependencies.features, named.type);
  if (type === undefined) return applyForm(site, form, config);
  const before = named.type === config.type ? named : { ...named, ...type.defaults(site) };
  const applied = applyForm(site, form, before);
  for (const [key, values] of Object.entries(type.possible) as [keyof NodeConfig, readonly unknown[]][]) {
    if (applied[key] !== before[key] && !values.includes(applied[key]))
      throw new StanzaError('not-acceptable', `a node of type '${type.type}' cannot be configured so`);
  }
  return applied;
}

/** §7.1.3.6. @param payload XML, or '' @throws {StanzaError} */
export function checkPayload({ turn }: Place, { type }: NodeConfig, payload: string): void {
  const takes = typeNamed(turn.dependencies.features, type)?.takes;
  if (takes === undefined || (payload !== '' && takes(parseElement(payload)))) return;
  throw pubsubError('bad-request', payload === '' ? 'payload-required' : 'invalid-payload', {
    text: `this is not an item of a node of type '${type}'`,
  });
}
