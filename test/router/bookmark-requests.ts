/** Bookmarks in their three forms, as clients write and read them. */
import assert from 'node:assert/strict';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';
import { event } from './pep-listener.ts';
import { config, items, publish } from './pep-requests.ts';

export const NS = 'urn:xmpp:bookmarks:1';
export const older = 'storage:bookmarks';
export const storage = (content: string) => `<storage xmlns='${older}'>${content}</storage>`;
export const priv = (content: string) => `<query xmlns='jabber:iq:private'>${content}</query>`;
export const native = (attributes: string, content = '') => `<conference xmlns='${NS}' ${attributes}>${content}</conference>`;
export const extensions = `<extensions><state xmlns='urn:example' muted='true'/></extensions>`;
export const page = `<url name='Complete Works' url='http://the-globe.example/'/>`;
export const room = (name: string, attributes = '') => `<conference jid='${name}@c.a.example'${attributes}/>`;
/** As Conversations, Gajim and Converse ask for it. */
export const options = config(
  { access_model: 'whitelist', persist_items: 'true', max_items: 'max', send_last_published_item: 'never' },
  'publish-options',
);
/** As XEP-0048 §3.1 has it. */
export const olderOptions = config({ persist_items: 'true', access_model: 'whitelist' }, 'publish-options');

/** The two older forms, as their clients read and write them. */
export const ways = [
  {
    name: 'private storage',
    write: (content: string) => `<iq type='set' id='w'>${priv(storage(content))}</iq>`,
    read: `<iq type='get' id='r'>${priv(storage(''))}</iq>`,
  },
  {
    name: 'the older node',
    write: (content: string) => publish(older, 'current', storage(content), olderOptions),
    read: items(older),
  },
] as const;
export const [inPrivate, inNode] = ways;

export async function ask(actor: BatchActor, xml: string): Promise<string> {
  await actor.send(xml);
  const index = actor.inbox.findIndex((text) => text.startsWith('<iq'));
  assert.ok(index >= 0, `${xml}: ${actor.inbox.join()}`);
  return actor.inbox.splice(index, 1)[0]!;
}

export async function arrange(t: { after(run: () => Promise<void>): void }): Promise<{ stage: RouterStage; juliet: BatchActor }> {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.join('juliet@a.example/balcony');
  return { stage, juliet };
}

/** What both older forms show is this. */
export async function assertShown(juliet: BatchActor, content: string): Promise<void> {
  for (const way of ways) {
    const answer = await ask(juliet, way.read);
    const found = /<storage .*(?:<\/storage>|\/>)(?=<\/(?:query|item)>)/.exec(answer)?.[0];
    assert.ok(found, `${way.name}: ${answer}`);
    assertXml(found, storage(content));
  }
}

export const told = (to: BatchActor, node: string, content: string) =>
  event('juliet@a.example', to.jid.toString(), `<items node='${node}'>${content}</items>`);
export const current = (content: string) => `<item id='current'>${storage(content)}</item>`;
