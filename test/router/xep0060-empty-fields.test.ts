/** XEP-0004 §3.4, §3.5 in the forms of PEP: what is left out stays, what is empty is unset or refused, `<field/>` and `<value/>` alike. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { config, configure, create, own, publish } from './pep-requests.ts';

const pubsub = 'http://jabber.org/protocol/pubsub';
const tune = `<tune xmlns='http://jabber.org/protocol/tune'><title>Sonata</title></tune>`;
const empties = (name: string) =>
  ['', '<value/>', '<value></value>'].map((value) => `<field var='pubsub#${name}'>${value}</field>`);
const form = (fields: string, formType = 'node_config') =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${pubsub}#${formType}</value></field>${fields}</x>`;

describe('XEP-0004 §3.5', () => {
  let stage: WholeStage;
  let juliet: StreamActor;
  let node: string;
  let count = 0;
  before(async () => {
    stage = await openStage();
    juliet = await stage.appear('juliet@a.example/balcony');
  });
  after(() => stage.close());

  async function ask(xml: string): Promise<string> {
    juliet.inbox.length = 0;
    await juliet.send(xml);
    return juliet.next();
  }

  async function valuesOf(name: string): Promise<string[]> {
    const shown = await ask(own('get', `<configure node='${node}'/>`));
    const field = new RegExp(`<field var='pubsub#${name}'[^>]*[^/]>(.*?)</field>`).exec(shown)?.[1] ?? '';
    return [...field.replaceAll(/<option.*?<\/option>/g, '').matchAll(/<value>([^<]*)<\/value>/g)].map((match) => match[1]!);
  }

  beforeEach(async () => {
    node = `n${count++}`;
    const fields = { title: 'T', description: 'D', type: 'urn:x', roster_groups_allowed: 'Friends', max_items: '7' };
    assert.match(await ask(create(node, config(fields))), /type='result'/);
  });

  for (const name of ['title', 'description', 'type', 'roster_groups_allowed']) {
    test(`an empty pubsub#${name} unsets it, and is a precondition that is met from then on`, async () => {
      for (const field of empties(name)) {
        assert.match(await ask(configure(node, config({ [name]: 'Again' }))), /type='result'/);
        assert.deepEqual(await valuesOf(name), ['Again']);
        const options = `<publish-options>${form(field, 'publish-options')}</publish-options>`;
        const withOptions = publish(node, 'a', tune).replace('</pubsub>', `${options}</pubsub>`);
        assert.match(await ask(withOptions), /<precondition-not-met /);
        assert.match(await ask(configure(node, form(field))), /type='result'/);
        assert.deepEqual(await valuesOf(name), []);
        assert.match(await ask(withOptions), /type='result'/);
      }
      assert.deepEqual(await valuesOf('max_items'), ['7'], 'what was left out stays');
    });
  }

  for (const name of [
    'access_model',
    'persist_items',
    'max_items',
    'send_last_published_item',
    'notify_retract',
    'publish_model',
  ]) {
    test(`an empty pubsub#${name} is refused, and nothing of the form is done`, async () => {
      for (const field of empties(name)) {
        const fields = `<field var='pubsub#title'><value>Changed</value></field>${field}`;
        assert.match(await ask(configure(node, form(fields))), new RegExp(`<not-acceptable [^>]*/><text[^>]*>pubsub#${name} `));
        assert.match(await ask(create('never', form(fields))), /<not-acceptable /);
        const options = `<publish-options>${form(field, 'publish-options')}</publish-options>`;
        assert.match(await ask(publish(node, 'a', tune).replace('</pubsub>', `${options}</pubsub>`)), /<precondition-not-met /);
      }
      assert.deepEqual(await valuesOf('title'), ['T']);
    });
  }

  for (const [what, fields, condition] of [
    ['a field twice', "<field var='pubsub#title'/><field var='pubsub#title'/>", 'bad-request'],
    ['a field without name', '<field><value>1</value></field>', 'bad-request'],
    ['two values of one', "<field var='pubsub#title'><value>a</value><value>b</value></field>", 'not-acceptable'],
    ['a FORM_TYPE of another form', "<field var='FORM_TYPE'><value>urn:x</value></field>", 'bad-request'],
  ] as const) {
    test(`${what} is ${condition}`, async () => {
      assert.match(await ask(configure(node, form(fields))), new RegExp(`<${condition} `));
    });
  }

  test('§3.1: a field that nobody knows changes nothing in a configuration; XEP-0060 §7.1.5: as a precondition it is refused', async () => {
    const fields = "<field var='urn:example:x'><value>1</value></field>";
    assert.match(await ask(configure(node, form(fields))), /type='result'/);
    const options = `<publish-options>${form(fields, 'publish-options')}</publish-options>`;
    assert.match(await ask(publish(node, 'a', tune).replace('</pubsub>', `${options}</pubsub>`)), /<precondition-not-met /);
  });
});
