/** Requests of people to one place of nodes, the pubsub service or an account: juliet has a node `n` there. */
import assert from 'node:assert/strict';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { config } from './pep-requests.ts';
import { ask, entry, type Ground, heard, isDone, openGround, service } from './pubsub-ground.ts';

export const ns = 'http://jabber.org/protocol/pubsub';
let count = 0;

export const nextId = (): number => ++count;

/** Requests to one place. */
export class At {
  readonly to: string;

  constructor(to: string) {
    this.to = to;
  }

  #iq(type: 'get' | 'set', space: string, content: string): string {
    return `<iq type='${type}' id='at${++count}' to='${this.to}'><pubsub xmlns='${ns}${space}'>${content}</pubsub></iq>`;
  }

  get = (content: string) => this.#iq('get', '', content);
  set = (content: string) => this.#iq('set', '', content);
  ownGet = (content: string) => this.#iq('get', '#owner', content);
  ownSet = (content: string) => this.#iq('set', '#owner', content);

  create = (node: string, fields: Record<string, string>) =>
    this.set(
      `<create node='${node}'/><configure>${config({ send_last_published_item: 'never', max_items: '20', ...fields })}</configure>`,
    );
  publish = (node: string, id: string) => this.set(`<publish node='${node}'><item id='${id}'>${entry(id)}</item></publish>`);
  retract = (node: string, id: string) => this.set(`<retract node='${node}'><item id='${id}'/></retract>`);
  items = (node: string) => this.get(`<items node='${node}'/>`);
  subscribe = (node: string, jid: string) => this.set(`<subscribe node='${node}' jid='${jid}'/>`);
  affiliate = (node: string, ...all: readonly (readonly [string, string])[]) =>
    this.ownSet(
      `<affiliations node='${node}'>${all.map(([jid, what]) => `<affiliation jid='${jid}' affiliation='${what}'/>`).join('')}</affiliations>`,
    );
  change = (node: string, ...all: readonly (readonly [string, string])[]) =>
    this.ownSet(
      `<subscriptions node='${node}'>${all.map(([jid, what]) => `<subscription jid='${jid}' subscription='${what}'/>`).join('')}</subscriptions>`,
    );
  approval = (node: string, jid: string, fields: Record<string, string>, type = 'submit') =>
    `<message to='${this.to}'>${config({ node, subscriber_jid: jid, ...fields }, 'subscribe_authorization').replace("type='submit'", `type='${type}'`)}</message>`;
}

export const places = [
  ['the service', new At(service)],
  ['an account', new At('juliet@a.example')],
] as const;

export async function arrange(t: Parameters<typeof openGround>[0], at: At, fields: Record<string, string> = {}): Promise<Ground> {
  const ground = await openGround(t);
  assert.ok(isDone(await ask(ground.juliet, at.create('n', { access_model: 'open', ...fields }))));
  ground.stage.clear();
  return ground;
}

/** What an actor was told of the state of its subscription. */
export async function states({ stage }: Ground, actor: StreamActor): Promise<readonly (string | undefined)[]> {
  const messages = (await heard(stage, actor)).filter((xml) => xml.includes('subscription='));
  return messages.map((xml) => /<event [^>]*><subscription [^>]*subscription='([^']+)'/.exec(xml)?.[1]);
}
