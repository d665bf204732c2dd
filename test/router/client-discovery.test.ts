/** What clients look for in disco before they use a thing (docs/clients.md): announced, and answered when it is asked for. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';

const pubsub = 'http://jabber.org/protocol/pubsub';

const ofAccount: Readonly<Record<string, readonly string[]>> = {
  Monal: [
    ...[
      'filtered-notifications',
      'publish-options',
      'publish',
      'subscribe',
      'create-nodes',
      'delete-items',
      'delete-nodes',
      'persistent-items',
      'retrieve-items',
      'auto-create',
      'item-ids',
      'multi-items',
      'config-node-max',
    ].map((name) => `${pubsub}#${name}`),
    'urn:xmpp:bookmarks:1#compat-pep',
    'urn:xmpp:mam:2',
    'urn:xmpp:push:0',
  ],
  Conversations: [
    `${pubsub}#publish-options`,
    'urn:xmpp:bookmarks-conversion:0',
    'urn:xmpp:sid:0',
    'urn:xmpp:mam:2',
    'urn:xmpp:push:0',
  ],
  Gajim: [
    `${pubsub}#publish-options`,
    `${pubsub}#config-node-max`,
    'urn:xmpp:bookmarks:1#compat',
    'urn:xmpp:bookmarks:1#compat-pep',
    'urn:xmpp:mam:2',
    'vcard-temp',
  ],
  Dino: ['urn:xmpp:bookmarks:1#compat', 'urn:xmpp:sid:0', 'urn:xmpp:mam:2'],
  Movim: [`${pubsub}#persistent-items`, `${pubsub}#multi-items`, 'urn:xmpp:bookmarks:1#compat', 'urn:xmpp:mam:2'],
  Siskin: ['urn:xmpp:mam:2', 'urn:xmpp:push:0'],
  Kaidan: [`${pubsub}#publish-options`, 'urn:xmpp:mam:2'],
};

const ofHost: Readonly<Record<string, readonly string[]>> = {
  Monal: ['urn:xmpp:carbons:2', 'urn:xmpp:blocking'],
  Conversations: [
    'urn:xmpp:carbons:2',
    'urn:xmpp:blocking',
    'urn:xmpp:reporting:1',
    'jabber:iq:register',
    'http://jabber.org/protocol/commands',
  ],
  Gajim: ['urn:xmpp:carbons:2', 'urn:xmpp:blocking', 'jabber:iq:register', 'vcard-temp'],
  Dino: ['urn:xmpp:blocking'],
  Movim: ['jabber:iq:register'],
  Siskin: ['urn:xmpp:blocking'],
  Kaidan: ['jabber:iq:register'],
};

for (const [where, address, tables] of [
  ['the account', undefined, ofAccount],
  ['the host', 'a.example', ofHost],
] as const) {
  describe(`XEP-0030: ${where} announces`, () => {
    for (const [client, wanted] of Object.entries(tables)) {
      test(`what ${client} looks for`, async (t) => {
        const stage = await openStage();
        t.after(() => stage.close());
        const juliet = await stage.appear('juliet@a.example/balcony');
        const to = address === undefined ? '' : ` to='${address}'`;
        await juliet.send(`<iq type='get' id='d'${to}><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
        const answer = await juliet.next();
        const announced = new Set([...answer.matchAll(/<feature var='([^']*)'/g)].map(([, name]) => name!));
        assert.deepEqual(
          wanted.filter((name) => !announced.has(name)),
          [],
        );
        if (address === undefined) assert.match(answer, /<identity category='pubsub' type='pep'\/>/);
      });
    }
  });
}
