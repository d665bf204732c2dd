import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { config, configure, create, itemIds, items, own, publish, pubsub, purge, remove, retract } from './pep-requests.ts';

const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const errors = 'http://jabber.org/protocol/pubsub#errors';
const tune = `<tune xmlns='http://jabber.org/protocol/tune'><title>Sonata</title></tune>`;

async function arrange(
  t: { after(run: () => Promise<void>): void },
  domain = 'a.example',
): Promise<{ stage: WholeStage; juliet: StreamActor; romeo: StreamActor }> {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear(`romeo@${domain}/orchard`);
  stage.clear();
  return { stage, juliet, romeo };
}

/** Sends and takes the answer. */
async function ask(actor: StreamActor, xml: string): Promise<string> {
  await actor.send(xml);
  return actor.next();
}

function refusal(answer: string): string {
  const found =
    /type='error'.*?<error type='[^']+'[^>]*><([a-z-]+) xmlns='[^']+'\/>(?:<text[^>]*>[^<]*<\/text>)?(?:<([a-z-]+) )?/.exec(
      answer,
    );
  return found ? [found[1], found[2]].filter(Boolean).join(' ') : answer;
}

test('XEP-0060 §7.1, §6.5: what is published, on a node that is made by it, is read again', async (t) => {
  const { stage, juliet } = await arrange(t);
  await stage.play(
    [juliet, 'sends', publish('tune', 'current', tune)],
    [
      juliet,
      'receives',
      `<iq type='result' id='p' to='${juliet.jid}'>${pubsub(`<publish node='tune'><item id='current'/></publish>`)}</iq>`,
    ],
    [juliet, 'sends', items('tune')],
    [
      juliet,
      'receives',
      `<iq type='result' id='i' to='${juliet.jid}'>${pubsub(`<items node='tune'><item id='current'>${tune}</item></items>`)}</iq>`,
    ],
    [juliet, 'sends', publish('anonymous', undefined, tune)],
    [
      juliet,
      'receives',
      `<iq type='result' id='p' to='${juliet.jid}'>${pubsub(`<publish node='anonymous'><item id='{any}'/></publish>`)}</iq>`,
    ],
  );
});

test('XEP-0060 §7.1: a payload keeps the namespaces of what stood around it', async (t) => {
  const { juliet } = await arrange(t);
  await ask(
    juliet,
    `<iq type='set' id='p' xmlns:a='urn:a'><pubsub xmlns='http://jabber.org/protocol/pubsub' xmlns:b='urn:b'><publish node='n'>` +
      `<item id='1'><a:x b:y='1'><b:z/></a:x></item></publish></pubsub></iq>`,
  );
  const answer = await ask(juliet, items('n'));
  assert.match(answer, /<a:x [^>]*xmlns:a='urn:a'/);
  assert.match(answer, /<a:x [^>]*xmlns:b='urn:b'/);
});

test('XEP-0060 §6.5: all, by id, the newest few, and pages (XEP-0059), newest first', async (t) => {
  const { juliet } = await arrange(t);
  await ask(juliet, create('n', config({ max_items: 'max' })));
  for (const id of ['a', 'b', 'c', 'd', 'b']) await ask(juliet, publish('n', id, tune));
  const rsm = (content: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;
  for (const [what, request, ids] of [
    ['all, where a second publication counts', items('n'), ['b', 'd', 'c', 'a']],
    ['by id, without those that are not there', items('n', `<item id='a'/><item id='x'/><item id='c'/><item/>`), ['a', 'c']],
    ['the newest two', items('n', '', ` max_items='2'`), ['b', 'd']],
    ['the first page', items('n', '', '', rsm('<max>3</max>')), ['b', 'd', 'c']],
    ['the second page', items('n', '', '', rsm('<max>3</max><after>c</after>')), ['a']],
    ['the page before', items('n', '', '', rsm('<max>1</max><before>c</before>')), ['d']],
    ['the last page', items('n', '', '', rsm('<max>2</max><before/>')), ['c', 'a']],
    ['none', items('n', '', '', rsm('<max>0</max>')), []],
  ] as const) {
    assert.deepEqual(itemIds(await ask(juliet, request)), ids, what);
  }
  assert.match(
    await ask(juliet, items('n', '', '', rsm('<max>1</max>'))),
    /<first index='0'>b<\/first><last>b<\/last><count>4<\/count>/,
  );
  assert.equal(refusal(await ask(juliet, items('n', '', '', rsm('<after>x</after>')))), 'item-not-found');
  assert.equal(refusal(await ask(juliet, items('n', '', ` max_items='-1'`))), 'bad-request');
  assert.equal(refusal(await ask(juliet, items('n', '', ` max_items='0'`))), 'bad-request');
  assert.equal(refusal(await ask(juliet, retract('n', 'a').replace("node='n'", "node='n' notify='perhaps'"))), 'bad-request');
});

test('XEP-0060 §7.1.2: the oldest items give way where a node keeps fewer', async (t) => {
  const { juliet } = await arrange(t);
  await ask(juliet, create('n', config({ max_items: '2' })));
  for (const id of ['a', 'b', 'c']) await ask(juliet, publish('n', id, tune));
  assert.deepEqual(itemIds(await ask(juliet, items('n'))), ['c', 'b']);
  assert.deepEqual(itemIds(await ask(juliet, items('n', `<item id='a'/>`))), [], 'its row is gone');
  await ask(juliet, configure('n', config({ max_items: '1' })));
  assert.deepEqual(itemIds(await ask(juliet, items('n'))), ['c']);
  await ask(juliet, configure('n', config({ persist_items: '0' })));
  for (const request of [items('n'), retract('n', 'c'), purge('n')])
    assert.equal(refusal(await ask(juliet, request)), 'feature-not-implemented unsupported', '§6.5.9.4, §7.2.3.5, §8.5.3.3');
  assert.match(await ask(juliet, publish('n', 'd', tune)), /type='result'/);
  await ask(juliet, configure('n', config({ persist_items: '1' })));
  assert.deepEqual(itemIds(await ask(juliet, items('n'))), [], 'not kept');
});

test('XEP-0060 §7.2, §8.4, §8.5: items are retracted and purged, nodes deleted; one that is made again is empty', async (t) => {
  const { juliet } = await arrange(t);
  await ask(juliet, create('n', config({ max_items: '10' })));
  for (const id of ['a', 'b', 'c']) await ask(juliet, publish('n', id, tune));
  assert.match(await ask(juliet, retract('n', 'b')), /type='result'/);
  assert.deepEqual(itemIds(await ask(juliet, items('n'))), ['c', 'a']);
  assert.equal(refusal(await ask(juliet, retract('n', 'b'))), 'item-not-found');
  assert.match(await ask(juliet, purge('n')), /type='result'/);
  assert.deepEqual(itemIds(await ask(juliet, items('n'))), []);
  await ask(juliet, publish('n', 'd', tune));
  assert.match(await ask(juliet, remove('n')), /type='result'/);
  assert.equal(refusal(await ask(juliet, items('n'))), 'item-not-found');
  await ask(juliet, create('n'));
  assert.deepEqual(itemIds(await ask(juliet, items('n'))), []);
  assert.equal(refusal(await ask(juliet, create('n'))), 'conflict');
});

test('XEP-0060 §8.1, §8.2: the form of a node shows what was set, and what cannot be is refused', async (t) => {
  const { juliet } = await arrange(t);
  const value = (form: string, name: string) => new RegExp(`var='pubsub#${name}'[^>]*><value>([^<]*)<`).exec(form)?.[1];
  await ask(juliet, create('n', config({ access_model: 'whitelist', max_items: 'max', title: '<A&B>' })));
  const form = await ask(juliet, own('get', `<configure node='n'/>`));
  assert.equal(value(form, 'access_model'), 'whitelist');
  assert.equal(value(form, 'max_items'), String(routerLimits.pepItemsPerNodeMax));
  assert.equal(value(form, 'persist_items'), '1');
  assert.equal(value(form, 'title'), '&lt;A&amp;B&gt;');
  await ask(juliet, configure('n', config({ access_model: 'open' })));
  const changed = await ask(juliet, own('get', `<configure node='n'/>`));
  assert.equal(value(changed, 'access_model'), 'open');
  assert.equal(value(changed, 'max_items'), String(routerLimits.pepItemsPerNodeMax), 'what is not in the form stays');
  assert.equal(value(await ask(juliet, own('get', '<default/>')), 'access_model'), 'presence');
  for (const fields of [
    { max_items: '0' },
    { max_items: String(routerLimits.pepItemsPerNodeMax + 1) },
    { persist_items: 'maybe' },
    { publish_model: 'nobody' },
    { purge_offline: '1' },
    { item_expire: '0' },
    { max_payload_size: String(routerLimits.pepItemBytesMax + 1) },
    { title: 'x'.repeat(routerLimits.pepTextBytesMax + 1) },
  ] as Record<string, string>[]) {
    assert.equal(refusal(await ask(juliet, configure('n', config(fields)))), 'not-acceptable', JSON.stringify(fields));
    assert.equal(refusal(await ask(juliet, create('m', config(fields)))), 'not-acceptable', JSON.stringify(fields));
  }
  assert.equal(
    refusal(await ask(juliet, configure('n', config({ access_model: 'all' })))),
    'not-acceptable unsupported-access-model',
  );
  assert.equal(refusal(await ask(juliet, items('m'))), 'item-not-found');
  assert.match(await ask(juliet, configure('n', `<x xmlns='jabber:x:data' type='cancel'/>`)), /type='result'/);
});

test('XEP-0060 §7.1.5: publish-options configure a new node and are preconditions of one that is there', async (t) => {
  const { juliet } = await arrange(t);
  const options = (fields: Record<string, string>) => config(fields, 'publish-options');
  await ask(juliet, publish('n', 'a', tune, options({ access_model: 'whitelist', max_items: 'max', persist_items: 'true' })));
  for (const [fields, isMet] of [
    [{ access_model: 'whitelist' }, true],
    [{ persist_items: '1', max_items: String(routerLimits.pepItemsPerNodeMax) }, true],
    [{ access_model: 'open' }, false],
    [{ access_model: 'whitelist', max_items: '1' }, false],
    [{ nonsense: '1' }, false],
  ] as const) {
    const answer = await ask(juliet, publish('n', 'b', tune, options(fields)));
    assert.equal(
      isMet ? /type='result'/.test(answer) : refusal(answer),
      isMet || 'conflict precondition-not-met',
      JSON.stringify(fields),
    );
  }
  const unmet = await ask(juliet, publish('n', 'b', tune, options({ access_model: 'whitelist', max_items: '1' })));
  assert.match(unmet, /pubsub#max_items/, 'it says which');
  assert.equal(refusal(await ask(juliet, publish('m', 'b', tune, options({ nonsense: '1' })))), 'conflict precondition-not-met');
  assert.equal(refusal(await ask(juliet, items('m'))), 'item-not-found');
});

const refused = [
  ['a publication without a node', publish('', 'a', tune), 'bad-request nodeid-required'],
  ['one without an item', `<iq type='set' id='p'>${pubsub(`<publish node='n'/>`)}</iq>`, 'bad-request item-required'],
  ['one without a payload', publish('n', 'a', ''), 'bad-request payload-required'],
  ['one with two payloads', publish('n', 'a', tune + tune), 'bad-request invalid-payload'],
  [
    'one with two items',
    `<iq type='set' id='p'>${pubsub(`<publish node='n'><item>${tune}</item><item>${tune}</item></publish>`)}</iq>`,
    'not-allowed max-items-exceeded',
  ],
  [
    'an item that is too large',
    publish('n', 'a', `<x xmlns='urn:x'>${'y'.repeat(routerLimits.pepItemBytesMax)}</x>`),
    'not-acceptable payload-too-big',
  ],
  [
    'an id that is too long',
    publish('n', 'i'.repeat(routerLimits.pepItemIdBytesMax + 1), tune),
    'not-acceptable invalid-item-id',
  ],
  ['a node’s name that is too long', publish('é'.repeat(routerLimits.pepNodeNameBytesMax / 2 + 1), 'a', tune), 'not-acceptable'],
  ['a node that is not there', items('n'), 'item-not-found'],
  ['a retraction there', retract('n', 'a'), 'item-not-found'],
  [
    'a subscription to a node that is not there',
    `<iq type='set' id='s'>${pubsub(`<subscribe node='n' jid='juliet@a.example'/>`)}</iq>`,
    'item-not-found',
  ],
  ['affiliations there', own('get', `<affiliations node='n'/>`), 'item-not-found'],
  ['affiliations of no node', own('get', '<affiliations/>'), 'bad-request nodeid-required'],
  ['nothing', `<iq type='set' id='s'>${pubsub('')}</iq>`, 'feature-not-implemented'],
  ['nothing as owner', own('set', ''), 'feature-not-implemented'],
  ['a configuration that is none', configure('n', ''), 'item-not-found'],
] as const;

test('XEP-0060: what cannot be is refused, and nothing is made of it', async (t) => {
  const { juliet } = await arrange(t);
  for (const [what, request, error] of refused) {
    assert.equal(refusal(await ask(juliet, request)), error, what);
    assert.equal(refusal(await ask(juliet, items('n'))), 'item-not-found', what);
  }
});

test('a name of any characters is a node of its own, and so is an id', async (t) => {
  const { juliet } = await arrange(t);
  const names = [
    'a',
    'a/b',
    'a/',
    'a%2Fb',
    '__proto__',
    'constructor',
    '../../x',
    '#nodes',
    ' ',
    'ünï 🎭',
    `&lt;&apos;&quot;&amp;`,
  ];
  for (const name of names) await ask(juliet, publish(name, 'b/1', `<x xmlns='urn:x' of='${name}'/>`));
  for (const name of names) {
    const answer = await ask(juliet, items(name, `<item id='b/1'/>`));
    assert.ok(answer.includes(` of='${name}'`), `${name}: ${answer}`);
  }
  await ask(juliet, create('ids', config({ max_items: 'max' })));
  for (const id of names) await ask(juliet, publish('ids', id, tune));
  assert.equal(itemIds(await ask(juliet, items('ids'))).length, names.length);
});

test('of what is dropped, retracted, purged or deleted no row stays', async (t) => {
  const { stage, juliet } = await arrange(t);
  const rows = async () => {
    const query = { table: 'core', partition: 'a.example/a/juliet', prefix: 'pep', limit: 1_000, consistent: true } as const;
    return (await stage.dependencies.store.query(query)).length;
  };
  await ask(juliet, create('n', config({ max_items: '30' })));
  for (let count = 0; count < 33; count++) await ask(juliet, publish('n', `${count}`, tune));
  assert.equal(await rows(), 32, 'the nodes, the list, the items');
  await ask(juliet, retract('n', '32'));
  assert.equal(await rows(), 31);
  await ask(juliet, configure('n', config({ max_items: '20' })));
  assert.equal(await rows(), 22);
  await ask(juliet, purge('n'));
  assert.equal(await rows(), 2, 'the nodes, and the list, which knows who has emptied it');
  await ask(juliet, publish('n', 'a', tune));
  await ask(juliet, remove('n'));
  assert.equal(await rows(), 0);
});

test('an account has a bounded number of nodes, and a node a bounded number of bytes', async (t) => {
  const { juliet } = await arrange(t);
  for (let count = 0; count < routerLimits.pepNodesMax; count++)
    await ask(juliet, create(`n${count}`, config({ max_items: 'max' })));
  assert.equal(refusal(await ask(juliet, publish('more', 'a', tune))), 'resource-constraint');
  assert.match(await ask(juliet, publish('n0', 'a', tune)), /type='result'/);
  const large = `<x xmlns='urn:x'>${'y'.repeat(routerLimits.pepItemBytesMax - 100)}</x>`;
  const fit = Math.floor(routerLimits.pepNodeBytesMax / routerLimits.pepItemBytesMax);
  for (let count = 0; count < fit; count++) assert.match(await ask(juliet, publish('n1', `${count}`, large)), /type='result'/);
  assert.equal(refusal(await ask(juliet, publish('n1', 'more', large))), 'not-acceptable payload-too-big');
  assert.equal(itemIds(await ask(juliet, items('n1'))).length, fit);
  await ask(juliet, remove('n0'));
  assert.match(await ask(juliet, publish('more', 'a', tune)), /type='result'/);
});

for (const domain of ['a.example', 'b.example']) {
  test(`XEP-0060 §4.5: one of ${domain} reads what the access model lets it, and an account that is not there looks like one`, async (t) => {
    const { stage, juliet, romeo } = await arrange(t, domain);
    for (const access of ['open', 'presence', 'whitelist']) {
      await ask(juliet, create(access, config({ access_model: access })));
      await ask(juliet, publish(access, 'a', tune));
    }
    stage.clear();
    const read = async (node: string, to = 'juliet@a.example') => {
      const answer = await ask(romeo, items(node, '', '', '', to));
      return itemIds(answer)[0] ?? refusal(answer);
    };
    assert.equal(await read('open'), 'a');
    assert.equal(await read('presence'), 'not-authorized presence-subscription-required');
    assert.equal(await read('whitelist'), 'not-allowed closed-node');
    assert.equal(await read('none'), 'item-not-found');
    assert.equal(await read('open', 'nobody@a.example'), 'service-unavailable');
    await stage.befriend(juliet, romeo);
    assert.equal(await read('open'), 'a');
    assert.equal(await read('presence'), 'a');
    assert.equal(await read('whitelist'), 'not-allowed closed-node');
    const list = await ask(
      romeo,
      `<iq type='get' id='d' to='juliet@a.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
    );
    assert.deepEqual(
      [...list.matchAll(/node='([^']+)'/g)].map(([, node]) => node),
      ['open', 'presence'],
    );
    await ask(juliet, `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@${domain}'/></block></iq>`);
    stage.clear();
    assert.equal(await read('open'), 'service-unavailable');
  });

  test(`XEP-0060: one of ${domain} changes nothing of somebody else’s`, async (t) => {
    const { stage, juliet, romeo } = await arrange(t, domain);
    await stage.befriend(juliet, romeo);
    await ask(juliet, publish('n', 'a', tune, config({ access_model: 'open' }, 'publish-options')));
    stage.clear();
    for (const request of [
      publish('n', 'b', tune),
      publish('new', 'b', tune),
      retract('n', 'a'),
      create('m'),
      configure('n', config({ access_model: 'open' })),
      purge('n'),
      remove('n'),
      own('get', `<configure node='n'/>`),
      own('get', '<default/>'),
    ]) {
      const answer = await ask(romeo, request.replace('<iq ', `<iq to='juliet@a.example' `));
      assert.equal(refusal(answer), 'forbidden', request);
    }
    assert.deepEqual(itemIds(await ask(juliet, items('n'))), ['a']);
    await stage.play(
      [romeo, 'sends', publish('n', 'b', tune).replace('<iq ', `<iq to='nobody@a.example' `)],
      [
        romeo,
        'receives',
        `<iq type='error' id='p' from='nobody@a.example' to='${romeo.jid}'><error type='cancel'><service-unavailable xmlns='${stanzas}'/></error></iq>`,
      ],
    );
  });
}

test('XEP-0060 §7.1.3: the error has the condition in its own namespace', async (t) => {
  const { juliet } = await arrange(t);
  assert.ok((await ask(juliet, publish('n', 'a', ''))).includes(`<payload-required xmlns='${errors}'/>`));
});
