/** Clients that say which nodes they want to be told of (XEP-0163 §4.3.2), and what they are told. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { parseElement } from '../../lib/xmpp/element.ts';
import type { Actor } from '../support/stage/actor.ts';
import type { Stage } from '../support/stage/stage.ts';

export const info = 'http://jabber.org/protocol/disco#info';
export const app = 'http://client.example';

/** What a client says of itself: it wants these nodes. */
export interface Client {
  readonly features: readonly string[];
  readonly ver: string;
}

export function client(...nodes: readonly string[]): Client {
  const features = [info, ...nodes.map((node) => `${node}+notify`)].sort();
  const text = ['client/pc//Balcony', ...features].map((line) => `${line}<`).join('');
  return { features, ver: createHash('sha1').update(text).digest('base64') };
}

export function announcement({ ver }: Client, hash = ` hash='sha-1'`): string {
  return `<presence><c xmlns='http://jabber.org/protocol/caps'${hash} node='${app}' ver='${ver}'/></presence>`;
}

/** The server's question among what has come, taken out. */
export function questionIn(actor: Actor): string | undefined {
  const index = actor.inbox.findIndex((xml) => xml.startsWith('<iq') && xml.includes(`<query xmlns='${info}'`));
  return index < 0 ? undefined : actor.inbox.splice(index, 1)[0];
}

export async function answer(actor: Actor, question: string, { features }: Client, node?: string): Promise<void> {
  const { attrs, children } = parseElement(question);
  assert.equal(attrs.type, 'get');
  assert.equal(attrs.from, actor.jid.bare.toString());
  const asked = (children[0] as { attrs: Record<string, string> }).attrs.node;
  const vars = features.map((feature) => `<feature var='${feature}'/>`).join('');
  const query = `<query xmlns='${info}' node='${node ?? asked}'><identity category='client' type='pc' name='Balcony'/>${vars}</query>`;
  await actor.send(`<iq type='result' id='${attrs.id}' to='${attrs.from}'>${query}</iq>`);
}

/** Signs in with a client that wants these nodes, which the server gets to know. What came is in the inbox. */
export async function appear<A extends Actor>(stage: Stage<A>, address: string, ...nodes: readonly string[]): Promise<A> {
  const actor = await stage.join(address);
  const wants = client(...nodes);
  await actor.send(announcement(wants));
  const question = questionIn(actor);
  if (question) await answer(actor, question, wants);
  actor.inbox.splice(0, actor.inbox.length, ...actor.inbox.filter((xml) => !xml.startsWith('<presence')));
  return actor;
}

/** @param to with a resource, but for what came from another tenant */
export function event(from: string, to: string, content: string): string {
  const ns = 'http://jabber.org/protocol/pubsub#event';
  return `<message type='headline' id='{any}' from='${from}' to='${to}'><event xmlns='${ns}'>${content}</event></message>`;
}

/** What was published before it was sent. */
export function lastItem(from: string, to: string, content: string): string {
  return event(from, to, content).replace('</message>', `<delay xmlns='urn:xmpp:delay' stamp='{any}'/></message>`);
}
