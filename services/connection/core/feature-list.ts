/** The stream features of a node: what they advertise on a stream, and which of them handles an element. */
import type { InlineOffer } from '../../../lib/runtime/wire.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { StageKind } from '../session/outgoing-stages.ts';
import type {
  ElementRoute,
  FeatureParts,
  FeatureStream,
  InBindFeature,
  InlineFeature,
  SignInGuard,
  StreamFeature,
  StreamStates,
} from './stream-feature.ts';

export const NS_SASL2 = 'urn:xmpp:sasl:2';
export const NS_BIND2 = 'urn:xmpp:bind:0';

export class FeatureList implements FeatureParts {
  /** In the order in which stanzas pass through them. */
  readonly stages: readonly StageKind[];
  readonly guards: readonly SignInGuard[];
  readonly inline: readonly InlineFeature[];
  readonly inBind: readonly InBindFeature[];
  readonly #features: readonly StreamFeature[];
  readonly #routes = new Map<string, ElementRoute[]>();

  /** @throws {RangeError} when two features handle the same element */
  constructor(features: readonly StreamFeature[]) {
    this.#features = features;
    this.stages = features.flatMap(({ outgoing }) => outgoing ?? []);
    this.guards = features.flatMap(({ guard }) => guard ?? []);
    this.inline = features.flatMap(({ inline }) => inline ?? []);
    this.inBind = features.flatMap(({ inBind }) => inBind ?? []);
    const seen = new Set<string>();
    for (const feature of features) {
      for (const route of feature.elements ?? []) {
        const { ns, name, child } = route;
        const element = `{${ns}}${name}${child ? `/{${child.ns}}${child.name}` : ''}`;
        if (seen.has(element)) throw new RangeError(`two stream features handle ${element}`);
        seen.add(element);
        const routes = this.#routes.get(ns) ?? [];
        routes.push({ ...route, states: route.states ?? feature });
        this.#routes.set(ns, routes);
      }
    }
  }

  /** Announces what the node can do in one step with signing in; undefined when it does not know XEP-0388. */
  get inlineOffer(): InlineOffer | undefined {
    if (this.#routes.get(NS_SASL2) === undefined) return undefined;
    const bind = this.inBind.map(({ ns }) => `<feature var='${ns}'/>`).join('');
    return {
      signIn: this.inline.map(({ offer = '' }) => offer).join(''),
      bind: this.inline.some(({ ns }) => ns === NS_BIND2) ? bind : undefined,
    };
  }

  /** The features as they apply to the stream now. @param ofRouters what routers announce, which comes first */
  advertise(stream: FeatureStream, ofRouters: string): string {
    let text = ofRouters;
    for (const feature of this.#features) {
      if (feature.advertise !== undefined && isIn(stream, feature)) text += feature.advertise(stream, text);
    }
    return text;
  }

  /**
   * @returns a promise when handling takes time. @throws {StreamError} also when no feature handles the element in this state of
   * the stream
   */
  handle(element: Stanza, stream: FeatureStream): Promise<void> | undefined {
    let isOfFeature = false;
    for (const route of this.#routes.get(element.ns) ?? none) {
      if (!isIn(stream, route.states!)) continue;
      const { name, child } = route;
      if (name === element.name && (child === undefined || element.hasChild(child.name, child.ns))) {
        return route.handle(element, stream);
      }
      isOfFeature ||= child === undefined;
    }
    if (!isOfFeature && !stream.has('signedIn')) throw new StreamError('not-authorized', 'sign in first');
    throw new StreamError('unsupported-stanza-type', `unknown element <${element.name}/>`);
  }
}

const none: readonly ElementRoute[] = [];

function isIn(stream: FeatureStream, { requires, forbids }: StreamStates): boolean {
  if (requires !== undefined) for (const trait of requires) if (!stream.has(trait)) return false;
  if (forbids !== undefined) for (const trait of forbids) if (stream.has(trait)) return false;
  return true;
}
