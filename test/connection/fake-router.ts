/**
 * A router by script, on the real bus: it signs everybody in with PLAIN, binds what is asked for, answers pings, and keeps what
 * it was told. A test changes `answer` for what it is about.
 */
import type { Bus, Serving } from '../../lib/ports/bus.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import {
  type NodeRequest,
  type Outgoing,
  routerQueue,
  routerSubject,
  type StepItem,
  type StepReply,
  type StepRequest,
} from '../../lib/runtime/wire.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';

export interface Step {
  readonly request: StepRequest;
  readonly items: readonly { readonly item: StepItem; readonly body: string }[];
}

export interface Told extends Omit<Partial<StepReply>, 'out'> {
  /** Stanzas to write, with the id of the archive entry where there is one. */
  readonly out?: readonly (string | { readonly id: string; readonly xml: string })[];
}

/** undefined: as usual. 'silence': no answer at all. */
export type Script = (step: Step) => Promise<Told | 'silence' | undefined> | Told | 'silence' | undefined;

export class FakeRouter {
  readonly steps: Step[] = [];
  answer: Script = () => undefined;
  readonly #bus: Bus;
  #serving: Serving | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  async start(): Promise<void> {
    this.#serving = await this.#bus.serve(routerSubject, (payload) => this.#handle(payload), { queue: routerQueue });
  }

  async stop(): Promise<void> {
    await this.#serving?.stop();
  }

  /** All stanzas of clients so far, in the order of arrival, repeats included. */
  get stanzas(): string[] {
    return this.items('stanza').map(({ body }) => body);
  }

  items<K extends StepItem['kind']>(kind: K): { readonly item: Extract<StepItem, { kind: K }>; readonly body: string }[] {
    return this.steps.flatMap(({ items }) => items).filter(({ item }) => item.kind === kind) as never;
  }

  async deliver(node: string, sid: string, xml: string, id?: string, to?: string): Promise<readonly string[]> {
    const reply = await this.ask<{ missing: string[] }>(
      node,
      { kind: 'deliver', items: [{ sids: [sid], tos: to === undefined ? undefined : [to], id }] },
      xml,
    );
    return reply.missing;
  }

  async ask<Reply>(node: string, request: NodeRequest, ...bodies: string[]): Promise<Reply> {
    const payload = encodeFrame(
      request,
      bodies.map((body) => Buffer.from(body)),
    );
    return decodeFrame<Reply & object>(await this.#bus.request(node, payload, { timeoutMs: 60_000 })).header;
  }

  async #handle(payload: Uint8Array): Promise<Uint8Array | undefined> {
    const { header: request, bodies } = decodeFrame<StepRequest>(payload);
    let next = 0;
    const items = request.items.map((item) => ({ item, body: 'body' in item ? bodies[next++]!.toString() : '' }));
    const step: Step = { request, items };
    this.steps.push(step);
    const told = await this.answer(step);
    if (told === 'silence') throw new Error('silence, as the script wants');
    const { out = [], ...reply } = told ?? usual(step);
    const outgoing: Outgoing[] = out.map((one) => (typeof one === 'string' ? {} : { id: one.id }));
    return encodeFrame(
      { ok: true, ...reply, out: outgoing } satisfies StepReply,
      out.map((one) => Buffer.from(typeof one === 'string' ? one : one.xml)),
    );
  }
}

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl';

/** By stream; a router keeps them in the text of the session. */
const failures = new Map<string, number>();

/** What a router would do. The session's text is the account, then the full JID. */
export function usual({ request, items }: Step): Told {
  const out: (string | { id: string; xml: string })[] = [];
  let told: Told = {};
  for (const { item, body } of items) {
    if (item.kind === 'open') {
      if (request.domain !== 'example.org') return { close: { condition: 'host-unknown' } };
      out.push(
        request.session === ''
          ? `<mechanisms xmlns='${sasl}'><mechanism>PLAIN</mechanism></mechanisms>`
          : `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`,
      );
    } else if (item.kind === 'sasl') {
      const [, user = '', password = ''] = Buffer.from(/>([^<]*)</.exec(body)?.[1] ?? '', 'base64')
        .toString()
        .split('\0');
      if (password === 'wrong' || user === '') {
        out.push(`<failure xmlns='${sasl}'><not-authorized/></failure>`);
        const stream = `${request.node} ${request.sid}`;
        failures.set(stream, (failures.get(stream) ?? 0) + 1);
        if (failures.get(stream)! >= serviceLimits.saslFailuresMax) told = { ...told, close: { condition: 'policy-violation' } };
      } else {
        out.push(`<success xmlns='${sasl}'/>`);
        told = { ...told, account: `${user}@example.org`, session: `${user}@example.org` };
      }
    } else if (item.kind === 'stanza') {
      const stanza = Stanza.parse(body);
      const { id } = stanza.attributes;
      const resource = /<resource>([^<]*)</.exec(body)?.[1];
      if (resource !== undefined) {
        const jid = `${request.session}/${resource}`;
        const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${jid}</jid></bind>`;
        out.push(`<iq type='result' id='${id}'>${bind}</iq>`);
        told = { ...told, bound: jid, session: jid };
      } else if (stanza.name === 'iq' && stanza.type === 'get') out.push(`<iq type='result' id='${id}'/>`);
      else if (stanza.name === 'presence' && stanza.to === undefined) {
        told = { ...told, queue: stanza.type === 'unavailable' ? 'closed' : 'open' };
      }
    } else if (item.kind === 'catchUp') told = { ...told, queue: 'open' };
  }
  return { ...told, out };
}
