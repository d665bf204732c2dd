/** XEP-0060 §4.5, XEP-0163 §5: nodes that contacts in certain groups of the owner's roster may read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { appear, event, lastItem } from './pep-listener.ts';
import { itemIds, items, own, publish } from './pep-requests.ts';

const tune = `<tune xmlns='http://jabber.org/protocol/tune'/>`;

/** A form with several values for a field; names without `pubsub#`. */
function form(fields: Record<string, readonly string[]>, formType = 'node_config'): string {
  const all = Object.entries(fields).map(([name, values]) => {
    return `<field var='pubsub#${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`;
  });
  const type = `<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#${formType}</value></field>`;
  return `<x xmlns='jabber:x:data' type='submit'>${type}${all.join('')}</x>`;
}

const friendsOnly = form({ access_model: ['roster'], roster_groups_allowed: ['Friends'] }, 'publish-options');
const configure = (fields: Record<string, readonly string[]>) => own('set', `<configure node='n'>${form(fields)}</configure>`);

/** The answer, whatever else has come. */
async function ask(actor: StreamActor, xml: string): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(xml);
  const index = actor.inbox.findIndex((text) => text.startsWith('<iq') && / type='(?:result|error)'/.test(text));
  return index < 0 ? actor.next() : actor.inbox.splice(index, 1)[0]!;
}

async function put(owner: StreamActor, contact: string, ...groups: readonly string[]): Promise<void> {
  const list = groups.map((group) => `<group>${group}</group>`).join('');
  const item = `<item jid='${contact}'>${list}</item>`;
  assert.match(await ask(owner, `<iq type='set' id='g'><query xmlns='jabber:iq:roster'>${item}</query></iq>`), /type='result'/);
}

async function read(reader: StreamActor, node = 'n'): Promise<string> {
  const answer = await ask(reader, items(node, '', '', '', 'juliet@a.example'));
  return (
    itemIds(answer).join() || (/<([a-z-]+) xmlns='http:\/\/jabber.org\/protocol\/pubsub#errors'/.exec(answer)?.[1] ?? answer)
  );
}

async function arrange(
  t: { after(run: () => Promise<void>): void },
  domain: string,
): Promise<{ stage: WholeStage; juliet: StreamActor; romeo: StreamActor }> {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await appear(stage, 'juliet@a.example/balcony');
  const romeo = await appear(stage, `romeo@${domain}/orchard`, 'n');
  await stage.befriend(juliet, romeo);
  return { stage, juliet, romeo };
}

for (const domain of ['a.example', 'b.example']) {
  const address = `romeo@${domain}`;
  const published = (to: StreamActor, id: string) => {
    const jid = domain === 'a.example' ? to.jid : to.jid.bare;
    return event('juliet@a.example', `${jid}`, `<items node='n'><item id='${id}'>${tune}</item></items>`);
  };

  test(`XEP-0163 §7.1: one of ${domain} hears and reads as long as the group is right`, async (t) => {
    const { stage, juliet, romeo } = await arrange(t, domain);
    await put(juliet, address, 'Servants');
    assert.match(await ask(juliet, publish('n', 'a', tune, friendsOnly)), /type='result'/);
    stage.clear();
    assert.equal(await read(romeo), 'not-in-roster-group');
    const listed = `<iq type='get' id='d' to='juliet@a.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`;
    assert.ok(!(await ask(romeo, listed)).includes(`node='n'`));
    await ask(juliet, publish('n', 'b', tune));
    await stage.play([romeo, 'receives nothing']);

    await put(juliet, address, 'Servants', 'Friends');
    stage.clear();
    assert.equal(await read(romeo), 'b');
    assert.ok((await ask(romeo, listed)).includes(`node='n'`));
    await ask(juliet, publish('n', 'c', tune));
    await stage.play([romeo, 'receives', published(romeo, 'c')], [romeo, 'receives nothing']);
    const street = await appear(stage, `${address}/street`, 'n');
    await stage.play([
      street,
      'receives',
      lastItem('juliet@a.example', `${street.jid}`, `<items node='n'><item id='c'>${tune}</item></items>`),
    ]);

    await put(juliet, address);
    stage.clear();
    assert.equal(await read(romeo), 'not-in-roster-group');
    await ask(juliet, publish('n', 'd', tune));
    await stage.play([romeo, 'receives nothing'], [street, 'receives nothing']);
    const garden = await appear(stage, `${address}/garden`, 'n');
    await stage.play([garden, 'receives nothing']);
  });

  test(`who of ${domain} is in the group and no subscriber reads nothing, nor does who was removed`, async (t) => {
    const { juliet, romeo } = await arrange(t, domain);
    await put(juliet, address, 'Friends');
    await ask(juliet, publish('n', 'a', tune, friendsOnly));
    assert.equal(await read(romeo), 'a');
    await juliet.send(`<presence type='unsubscribed' to='${address}'/>`);
    assert.equal(await read(romeo), 'not-in-roster-group');
    await ask(
      juliet,
      `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='${address}' subscription='remove'/></query></iq>`,
    );
    assert.equal(await read(romeo), 'not-in-roster-group');
  });
}

test('XEP-0060 §6.1.7: who becomes a subscriber gets the last item if the group is right', async (t) => {
  for (const [group, isTold] of [
    ['Friends', true],
    ['Servants', false],
  ] as const) {
    const stage = await openStage();
    t.after(() => stage.close());
    const juliet = await appear(stage, 'juliet@a.example/balcony');
    const romeo = await appear(stage, 'romeo@a.example/orchard', 'n');
    await put(juliet, 'romeo@a.example', group);
    await ask(juliet, publish('n', 'a', tune, friendsOnly));
    await romeo.send(`<presence type='subscribe' to='juliet@a.example'/>`);
    stage.clear();
    await juliet.send(`<presence type='subscribed' to='romeo@a.example'/>`);
    assert.equal(
      romeo.inbox.some((xml) => xml.includes(`<item id='a'>`)),
      isTold,
      group,
    );
  }
});

test('XEP-0060 §8.2: groups are set and shown, their order does not matter, and their names are whole', async (t) => {
  const { juliet, romeo } = await arrange(t, 'a.example');
  await put(juliet, 'romeo@a.example', 'Friends', 'Foes,Fools');
  const groups = (...values: string[]) => ({ access_model: ['roster'], roster_groups_allowed: values });
  await ask(juliet, publish('n', 'a', tune, form(groups('Foes', 'Fools', 'Foes'), 'publish-options')));
  assert.equal(await read(romeo), 'not-in-roster-group');
  const shown = await ask(juliet, own('get', `<configure node='n'/>`));
  const field = /<field var='pubsub#roster_groups_allowed'[^>]*>.*?<\/field>/.exec(shown)![0];
  assert.deepEqual(
    [...field.matchAll(/<value>([^<]*)<\/value>(?!<\/option>)/g)].map(([, value]) => value),
    ['Foes', 'Fools'],
  );
  assert.deepEqual(
    [...field.matchAll(/<option><value>([^<]*)</g)].map(([, value]) => value),
    ['Foes,Fools', 'Friends'],
  );
  for (const [wanted, isMet] of [
    [groups('Fools', 'Foes'), true],
    [groups('Foes,Fools'), false],
    [groups('Foes'), false],
    [groups(), false],
    [{ access_model: ['roster'] }, true],
    [{ access_model: ['presence'] }, false],
  ] as const) {
    const answer = await ask(juliet, publish('n', 'a', tune, form(wanted as Record<string, string[]>, 'publish-options')));
    assert.match(answer, isMet ? /type='result'/ : /<precondition-not-met /, JSON.stringify(wanted));
  }
  assert.match(await ask(juliet, configure(groups('Foes,Fools'))), /type='result'/);
  assert.equal(await read(romeo), 'a');
  assert.match(await ask(juliet, configure(groups())), /type='result'/);
  assert.equal(await read(romeo), 'not-in-roster-group', 'no group, nobody');
  const many = Array.from({ length: routerLimits.rosterGroupsMax + 1 }, (_, at) => `g${at}`);
  for (const values of [many, ['x'.repeat(routerLimits.pepGroupsBytesMax + 1)]]) {
    assert.match(await ask(juliet, configure(groups(...values))), /<not-acceptable /);
  }
});
