import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElement } from '../../lib/xmpp/element.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const info = 'http://jabber.org/protocol/disco#info';
const items = 'http://jabber.org/protocol/disco#items';
const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas';

async function arrange(
  t: { after(run: () => Promise<void>): void },
  domain: string,
): Promise<{ stage: WholeStage; juliet: StreamActor; romeo: StreamActor }> {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear(`romeo@${domain}/orchard`);
  stage.clear();
  return { stage, juliet, romeo };
}

function ask(ns: string, to: string | undefined, attributes = ''): string {
  return `<iq type='get' id='d'${to === undefined ? '' : ` to='${to}'`}><query xmlns='${ns}'${attributes}/></iq>`;
}

async function answer(actor: StreamActor, xml: string) {
  await actor.send(xml);
  const iq = parseElement(await actor.next());
  const query = iq.getChild('query');
  return {
    error: (iq.getChild('error')?.children[0] as { name?: string } | undefined)?.name,
    features: query?.getChildren('feature').map(({ attrs }) => attrs.var as string) ?? [],
    identities: query?.getChildren('identity').map(({ attrs }) => `${attrs.category}/${attrs.type}`) ?? [],
    items: query?.getChildren('item').map(({ attrs }) => attrs.jid as string) ?? [],
    node: query?.attrs.node as string | undefined,
  };
}

for (const domain of ['a.example', 'b.example']) {
  test(`XEP-0030 §3.1: the host says to one of ${domain} what it is and can, each feature once`, async (t) => {
    const { romeo } = await arrange(t, domain);
    const { identities, features } = await answer(romeo, ask(info, 'a.example'));
    assert.deepEqual(identities, ['server/im']);
    assert.equal(new Set(features).size, features.length);
    for (const feature of [
      info,
      items,
      'urn:xmpp:carbons:2',
      'urn:xmpp:carbons:rules:0',
      'urn:xmpp:blocking',
      'msgoffline',
      'urn:xmpp:ping',
    ]) {
      assert.ok(features.includes(feature), feature);
    }
    assert.deepEqual((await answer(romeo, ask(items, 'a.example'))).items, [
      'conference.a.example',
      'upload.a.example',
      'pubsub.a.example',
    ]);
    assert.equal((await answer(romeo, ask(info, 'a.example', ` node='x'`))).error, 'item-not-found');
    assert.equal((await answer(romeo, ask(items, 'a.example', ` node='x'`))).error, 'item-not-found');
    assert.equal((await answer(romeo, ask(info, 'a.example/x'))).error, 'service-unavailable');
  });

  test(`XEP-0030 §8: an account answers those of ${domain} who may see its presence; to others it is not there`, async (t) => {
    const { stage, juliet, romeo } = await arrange(t, domain);
    for (const ns of [info, items]) {
      for (const to of ['juliet@a.example', 'nobody@a.example']) {
        for (const node of ['', ` node='x'`]) {
          const error = `<error type='cancel'><service-unavailable xmlns='${stanzas}'/></error>`;
          await stage.play(
            [romeo, 'sends', ask(ns, to, node)],
            [romeo, 'receives', `<iq from='${to}' to='${romeo.jid}' id='d' type='error'>${error}</iq>`],
          );
        }
      }
    }
    await stage.befriend(juliet, romeo);
    const { identities, features } = await answer(romeo, ask(info, 'juliet@a.example'));
    assert.deepEqual(identities, ['account/registered', 'pubsub/pep']);
    assert.ok(features.includes('urn:xmpp:mam:2'));
    assert.deepEqual((await answer(romeo, ask(items, 'juliet@a.example'))).items, []);
    assert.equal((await answer(romeo, ask(info, 'juliet@a.example', ` node='x'`))).error, 'item-not-found');
    assert.equal((await answer(romeo, ask(info, 'nobody@a.example'))).error, 'service-unavailable');
  });
}

test('XEP-0030: an account answers itself, with what XEP-0313 and XEP-0359 want to be found there', async (t) => {
  const { juliet } = await arrange(t, 'a.example');
  for (const to of [undefined, 'juliet@a.example']) {
    const { features } = await answer(juliet, ask(info, to));
    for (const feature of ['urn:xmpp:mam:2', 'urn:xmpp:mam:2#extended', 'urn:xmpp:mam:2#groupchat-field', 'urn:xmpp:sid:0']) {
      assert.ok(features.includes(feature), feature);
    }
  }
});

test('XEP-0030 §3: a request to a resource goes to that client, and its answer comes back', async (t) => {
  const { stage, juliet, romeo } = await arrange(t, 'b.example');
  await stage.play(
    [romeo, 'sends', ask(info, juliet.jid.toString())],
    [juliet, 'receives', `<iq type='get' id='d' from='${romeo.jid}' to='${juliet.jid}'><query xmlns='${info}'/></iq>`],
    [juliet, 'sends', `<iq type='result' id='d' to='${romeo.jid}'><query xmlns='${info}'/></iq>`],
    [romeo, 'receives', `<iq type='result' id='d' from='${juliet.jid}' to='${romeo.jid}'><query xmlns='${info}'/></iq>`],
    [romeo, 'sends', ask(info, 'juliet@a.example/tomb')],
    [
      romeo,
      'receives',
      `<iq type='error' id='d' from='juliet@a.example/tomb' to='${romeo.jid}'><error type='cancel'><service-unavailable xmlns='${stanzas}'/></error></iq>`,
    ],
  );
});

test('RFC 6120 §8.2.3: an iq that is none is a bad request; answers that nobody asked for are dropped', async (t) => {
  const { stage, juliet, romeo } = await arrange(t, 'b.example');
  for (const iq of [
    `<iq type='get'><query xmlns='${info}'/></iq>`,
    `<iq type='get' id='d'/>`,
    `<iq type='set' id='d'/>`,
    `<iq id='d'><query xmlns='${info}'/></iq>`,
    `<iq type='ask' id='d'><query xmlns='${info}'/></iq>`,
    `<iq type='get' id='d'><query xmlns='${info}'/><query xmlns='${items}'/></iq>`,
  ]) {
    await juliet.send(iq);
    assert.match(await juliet.next(), /<bad-request /, iq);
  }
  for (const to of ['a.example', 'b.example', 'juliet@a.example', 'nobody@a.example', 'juliet@a.example/tomb']) {
    for (const type of ['result', 'error']) await romeo.send(`<iq type='${type}' id='d' to='${to}'/>`);
  }
  for (const to of ['a.example', 'juliet@a.example', 'juliet@a.example/balcony']) {
    await stage.arrive('a.example', `<iq type='get' id='x' from='x@c.example/y' to='${to}'/>`);
  }
  assert.deepEqual(romeo.inbox, []);
  assert.equal(juliet.inbox.length, 1);
});
