/** What tests of an account's archive ask and fill it with. */
import assert from 'node:assert/strict';
import { firstIdAt } from '../../lib/runtime/ids.ts';
import { type Element, parseElement } from '../../lib/xmpp/element.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { keepEntry } from '../../services/router/archive/archive.ts';
import { Account } from '../../services/router/core/account.ts';
import { Turn } from '../../services/router/core/turn.ts';
import type { Actor } from '../support/stage/actor.ts';
import type { Stage } from '../support/stage/stage.ts';

export const mam = 'urn:xmpp:mam:2';

export function form(fields: Readonly<Record<string, string | readonly string[]>>): string {
  const all = { FORM_TYPE: mam, ...fields };
  const list = Object.entries(all).map(([name, values]) => {
    return `<field var='${name}'>${[values]
      .flat()
      .map((value) => `<value>${value}</value>`)
      .join('')}</field>`;
  });
  return `<x xmlns='jabber:x:data' type='submit'>${list.join('')}</x>`;
}

export function rsm(content: string): string {
  return `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;
}

export function query(content: string, attributes = ''): string {
  return `<iq type='set' id='q'><query xmlns='${mam}'${attributes}>${content}</query></iq>`;
}

export interface Listing {
  readonly ids: string[];
  readonly messages: Element[];
  readonly fin: Element | undefined;
  readonly isComplete: boolean;
  readonly error: string | undefined;
}

export async function ask(actor: Actor, xml: string): Promise<Listing> {
  actor.inbox.length = 0;
  await actor.send(xml);
  const answers = actor.inbox.splice(0).map((text) => parseElement(text));
  const iq = answers.pop()!;
  assert.equal(iq.name, 'iq');
  assert.equal(iq.attrs.id, 'q');
  const results = answers.map((message) => {
    assert.equal(message.attrs.from, actor.jid.bare.toString());
    assert.equal(message.attrs.to, actor.jid.toString());
    return message.getChild('result', mam)!;
  });
  const fin = iq.getChild('fin', mam) as Element | undefined;
  return {
    ids: results.map(({ attrs }) => String(attrs.id)),
    messages: results.map(
      (result) => result.getChild('forwarded', 'urn:xmpp:forward:0')!.getChild('message', 'jabber:client')! as Element,
    ),
    fin,
    isComplete: fin?.attrs.complete === 'true',
    error: (iq.getChild('error')?.children[0] as Element | undefined)?.name,
  };
}

/** Says `count` things to the account, in turn with its answers. */
export async function talk(stage: Stage, romeo: Actor, actor: Actor, number: number): Promise<string[]> {
  for (let index = 0; index < number; index++) {
    const [from, to] = index % 2 === 0 ? [romeo, actor] : [actor, romeo];
    await from.send(`<message to='${to.jid}' type='chat' id='m${index}'><body>${index}</body></message>`);
  }
  stage.clear();
  return (await ask(actor, query(''))).ids;
}

export const epoch = 1_600_000_000_000;

export async function accountOf(stage: Stage, { jid, sid }: Actor): Promise<Account> {
  const tenant = (await stage.dependencies.tenants.find(jid.domain))!;
  return new Account(new Turn(stage.dependencies), tenant, jid.local, { node: 'n.stage.1', sid, resource: jid.resource });
}

export interface Kept {
  readonly ms: number;
  readonly peer?: string;
  readonly direction?: 'in' | 'out';
  readonly size?: number;
  readonly archived?: boolean;
}

export async function fill(stage: Stage, account: Account, list: readonly Kept[]): Promise<string[]> {
  const fresh = new Account(new Turn(stage.dependencies), account.tenant, account.local);
  await fresh.prefetch('inbound');
  const ids = list.map(({ ms, peer = 'romeo@b.example/x', direction = 'in', size = 0, archived = true }, index) => {
    const id = `${firstIdAt(epoch + ms)}0000${String(index).padStart(4, '0')}`;
    const [from, to] = direction === 'in' ? [peer, account.jid] : [account.fullJid, peer];
    const stanza = Stanza.parse(`<message from='${from}' to='${to}' type='chat'><body>${'.'.repeat(size)}</body></message>`);
    keepEntry(fresh, id, stanza, direction, archived);
    return id;
  });
  await fresh.turn.finish();
  return ids;
}
