/**
 * The SASL negotiation of RFC 6120 §6: which mechanisms a stream is offered, and one step of an exchange.
 */
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { decodeBase64 } from './base64.ts';
import { TooManyGuesses, WrongPassword } from './guesses.ts';
import { checkPlain } from './plain.ts';
import { finishScram, type ScramMechanism, type ScramState, startScram } from './scram.ts';

const saslNs = 'urn:ietf:params:xml:ns:xmpp-sasl';
const bindingNs = 'urn:xmpp:sasl-cb:0';

export interface SaslContext {
  /** True if the stream uses TLS. */
  readonly secure: boolean;
  readonly binding: ChannelBinding;
  /** The client's network address; '' if it is unknown. */
  readonly address?: string;
}

/**
 * The state between two steps: plain JSON without secrets, which the connection node carries. `scram` is absent before the
 * client's first message.
 */
export interface SaslState {
  readonly mechanism: string;
  readonly scram?: ScramState;
}

/** The result of a step. Without `state` and `local` it is a failure, and the stream stays open for another attempt (§6.4.5). */
export interface SaslResult {
  /** `<challenge/>`, `<success/>` or `<failure/>`. */
  readonly reply: string;
  /** The state for the next step of the same exchange. */
  readonly state?: SaslState;
  /** Set on success: the account that has signed in, and its incarnation. */
  readonly local?: string;
  readonly incarnation?: string | undefined;
  /**
   * True for a failure if the password was wrong, or was not checked because of earlier wrong ones. Other failures are of the
   * mechanism.
   */
  readonly isGuess?: boolean;
}

/** The mechanisms in the order of preference (§6.3.3). */
const known = new Map<string, ScramMechanism | 'PLAIN'>([
  ['SCRAM-SHA-256-PLUS', { hash: 'SHA-256', isBound: true }],
  ['SCRAM-SHA-1-PLUS', { hash: 'SHA-1', isBound: true }],
  ['SCRAM-SHA-256', { hash: 'SHA-256', isBound: false }],
  ['SCRAM-SHA-1', { hash: 'SHA-1', isBound: false }],
  ['PLAIN', 'PLAIN'],
]);

function isOffered(mechanism: ScramMechanism | 'PLAIN', { secure, binding }: SaslContext): boolean {
  const needsBinding = mechanism !== 'PLAIN' && mechanism.isBound;
  return secure && (!needsBinding || Object.keys(binding).length > 0);
}

/** Children of `<stream:features/>` before SASL; '' without TLS, because nothing is offered then. */
export function mechanisms(_tenant: Tenant, context: SaslContext): string {
  if (!context.secure) return '';
  const names = [...known].filter(([, mechanism]) => isOffered(mechanism, context)).map(([name]) => name);
  const offered = xml('mechanisms', { xmlns: saslNs }, ...names.map((name) => xml('mechanism', {}, name)));
  const types = Object.keys(context.binding);
  if (types.length === 0) return offered.toString();
  // XEP-0440 §2
  return `${offered}${xml('sasl-channel-binding', { xmlns: bindingNs }, ...types.map((type) => xml('channel-binding', { type })))}`;
}

/**
 * Takes one step of an exchange.
 * @param element `<auth/>`, `<response/>` or `<abort/>` of the SASL namespace; a new `<auth/>` ends an exchange that is under way
 * @throws {Unavailable} if the store cannot be reached; the same step may be tried again
 */
export async function saslStep(
  dependencies: Dependencies,
  tenant: Tenant,
  state: SaslState | undefined,
  element: Stanza,
  context: SaslContext,
): Promise<SaslResult> {
  try {
    const { mechanism, data, scram } = readStep(state, element, context);
    if (data === undefined) return { reply: `${xml('challenge', { xmlns: saslNs })}`, state: { mechanism } };
    return await advance(dependencies, tenant, { mechanism, scram }, data, context);
  } catch (error) {
    if (error instanceof SaslFailure) {
      return { reply: `${error.toElement()}`, isGuess: error instanceof WrongPassword || error instanceof TooManyGuesses };
    }
    if (error instanceof Overloaded) return { reply: `${new SaslFailure('temporary-auth-failure').toElement()}` };
    throw error;
  }
}

/**
 * Reads the client's element.
 * @returns `data` is undefined if the client sent no initial response (§6.4.2).
 * @throws {SaslFailure}
 */
function readStep(state: SaslState | undefined, element: Stanza, context: SaslContext): SaslState & { data: string | undefined } {
  if (element.name === 'abort') throw new SaslFailure('aborted'); // §6.5.1
  const isStart = element.name === 'auth';
  if (element.ns !== saslNs || (!isStart && element.name !== 'response') || element.children.length > 0) {
    throw new SaslFailure('malformed-request', `<${element.name}/> is not a SASL element that a client may send`);
  }
  if (!context.secure) throw new SaslFailure('encryption-required', 'start TLS first');
  const mechanism = isStart ? element.attributes.mechanism : state?.mechanism;
  if (!isStart && mechanism === undefined) throw new SaslFailure('malformed-request', 'send <auth/> before <response/>');
  const found = known.get(mechanism ?? '');
  if (mechanism === undefined || !found || !isOffered(found, context)) throw new SaslFailure('invalid-mechanism');
  const text = element.element().getText();
  if (isStart && text === '') return { mechanism, data: undefined };
  return { mechanism, scram: isStart ? undefined : state?.scram, data: isStart && text === '=' ? '' : decodeData(text) };
}

function decodeData(text: string): string {
  const bytes = decodeBase64(text);
  if (!bytes) throw new SaslFailure('incorrect-encoding'); // §6.5.5
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SaslFailure('malformed-request', 'the data is not UTF-8');
  }
}

async function advance(
  dependencies: Dependencies,
  tenant: Tenant,
  state: SaslState,
  data: string,
  context: SaslContext,
): Promise<SaslResult> {
  const mechanism = known.get(state.mechanism)!;
  const { binding, address = '' } = context;
  if (mechanism === 'PLAIN') {
    const signedIn = await checkPlain(dependencies, tenant, data, address);
    return { reply: `${xml('success', { xmlns: saslNs })}`, ...signedIn };
  }
  if (!state.scram) {
    const scram = await startScram(dependencies, tenant, mechanism, data, binding);
    return { reply: answer('challenge', scram.serverFirst), state: { mechanism: state.mechanism, scram } };
  }
  const { serverFinal, ...signedIn } = await finishScram(dependencies, tenant, mechanism, state.scram, data, {
    binding,
    address,
  });
  return { reply: answer('success', serverFinal), ...signedIn };
}

function answer(name: 'challenge' | 'success', message: string): string {
  return xml(name, { xmlns: saslNs }, Buffer.from(message).toString('base64')).toString();
}
