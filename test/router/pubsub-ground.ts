/** Requests to a pubsub service as XML, and people who ask them: two tenants, each with a service. */
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { config } from './pep-requests.ts';

const ns = 'http://jabber.org/protocol/pubsub';
export const service = 'pubsub.a.example';
export const entry = (text: string) => `<entry xmlns='http://www.w3.org/2005/Atom'><title>${text}</title></entry>`;

export interface Ground {
  readonly stage: WholeStage;
  /** An account of a.example, whose node `news` is, which all may read. */
  readonly juliet: StreamActor;
  /** Another one of a.example. */
  readonly nurse: StreamActor;
  /** An account of b.example. */
  readonly romeo: StreamActor;
}

export async function openGround(
  t: { after(run: () => Promise<void>): void },
  fields: Record<string, string> = {},
): Promise<Ground> {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const nurse = await stage.appear('nurse@a.example/hall');
  const romeo = await stage.appear('romeo@b.example/orchard');
  await ask(juliet, create('news', config({ send_last_published_item: 'never', ...fields })));
  stage.clear();
  return { stage, juliet, nurse, romeo };
}

/** Sends, and takes the answer; other stanzas stay in the inbox. */
export async function ask(actor: StreamActor, xml: string): Promise<string> {
  const id = /^<iq [^>]*id='([^']*)'/.exec(xml)![1];
  const isAnswer = (one: string) => one.startsWith('<iq') && new RegExp(`^<iq [^>]*id='${id}'`).test(one);
  await actor.send(xml);
  await actor.until(
    () => actor.inbox.some(isAnswer),
    () => `was not answered: ${xml}`,
  );
  return actor.inbox.splice(actor.inbox.findIndex(isAnswer), 1)[0]!;
}

let count = 0;

export function request(type: 'get' | 'set', content: string, to = service): string {
  return `<iq type='${type}' id='q${++count}' to='${to}'><pubsub xmlns='${ns}'>${content}</pubsub></iq>`;
}

export function own(type: 'get' | 'set', content: string, to = service): string {
  return `<iq type='${type}' id='q${++count}' to='${to}'><pubsub xmlns='${ns}#owner'>${content}</pubsub></iq>`;
}

export function disco(what: 'info' | 'items', node?: string, content = '', to = service): string {
  const attribute = node === undefined ? '' : ` node='${node}'`;
  const query = `<query xmlns='http://jabber.org/protocol/disco#${what}'${attribute}>${content}</query>`;
  return `<iq type='get' id='q${++count}' to='${to}'>${query}</iq>`;
}

export function create(node: string, form = '', to = service): string {
  return request('set', `<create node='${node}'/>${form === '' ? '' : `<configure>${form}</configure>`}`, to);
}

export function publish(node: string, id: string | undefined, payload: string, options = '', to = service): string {
  const item = `<item${id === undefined ? '' : ` id='${id}'`}>${payload}</item>`;
  const conditions = options === '' ? '' : `<publish-options>${options}</publish-options>`;
  return request('set', `<publish node='${node}'>${item}</publish>${conditions}`, to);
}

export const items = (node: string, content = '', behind = '', attributes = '') =>
  request('get', `<items node='${node}'${attributes}>${content}</items>${behind}`);
export const retract = (node: string, id: string) => request('set', `<retract node='${node}'><item id='${id}'/></retract>`);
export const subscribe = (node: string, jid: string, behind = '') =>
  request('set', `<subscribe node='${node}' jid='${jid}'/>${behind}`);
export const unsubscribe = (node: string, jid: string, more = '') =>
  request('set', `<unsubscribe node='${node}' jid='${jid}'${more}/>`);
export const configure = (node: string, form: string) => own('set', `<configure node='${node}'>${form}</configure>`);
export const affiliate = (node: string, ...entries: readonly (readonly [string, string])[]) =>
  own(
    'set',
    `<affiliations node='${node}'>${entries.map(([jid, what]) => `<affiliation jid='${jid}' affiliation='${what}'/>`).join('')}</affiliations>`,
  );
export const rsm = (content: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;

/** The conditions of an error, or the whole answer. */
export function refusal(answer: string): string {
  const pattern =
    /type='error'.*?<error type='([^']+)'[^>]*><([a-z-]+) xmlns='[^']+'\/>(?:<text[^>]*>[^<]*<\/text>)?(?:<([a-z-]+) xmlns='[^']*#errors'(?: feature='([^']*)')?)?/;
  const found = pattern.exec(answer);
  return found ? [found[1], found[2], found[3], found[4]].filter(Boolean).join(' ') : answer;
}

export const isDone = (answer: string): boolean => / type='result'/.test(answer);

/** A notification of the service. */
export function event(to: string, content: string, from = service): string {
  return `<message type='headline' id='{any}' from='${from}' to='${to}'><event xmlns='${ns}#event'>${content}</event></message>`;
}

/** Nothing is under way any more, fan-outs neither. @returns what came, without what is not of pubsub */
export async function heard(stage: WholeStage, actor: StreamActor): Promise<string[]> {
  await stage.settle();
  return actor.take().filter((xml) => xml.startsWith('<message'));
}
