/**
 * Every field of every form that is offered has the type that its registry gives it (XEP-0068 §3.4): clients draw a field by its type, and
 * some refuse a form whose types are not those that they know.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseElement } from '../lib/xmpp/element.ts';
import { openRooms, type RoomsStage } from './support/stage/rooms-stage.ts';
import { type BatchActor, openRouter, type RouterStage } from './support/stage/router-stage.ts';

type Registry = Readonly<Record<string, string>>;

const roomConfig: Registry = {
  'muc#maxhistoryfetch': 'text-single',
  'muc#roomconfig_allowpm': 'list-single',
  'muc#roomconfig_allowinvites': 'boolean',
  'muc#roomconfig_changesubject': 'boolean',
  'muc#roomconfig_enablelogging': 'boolean',
  'muc#roomconfig_getmemberlist': 'list-multi',
  'muc#roomconfig_lang': 'text-single',
  'muc#roomconfig_pubsub': 'text-single',
  'muc#roomconfig_maxusers': 'list-single',
  'muc#roomconfig_membersonly': 'boolean',
  'muc#roomconfig_moderatedroom': 'boolean',
  'muc#roomconfig_passwordprotectedroom': 'boolean',
  'muc#roomconfig_persistentroom': 'boolean',
  'muc#roomconfig_presencebroadcast': 'list-multi',
  'muc#roomconfig_publicroom': 'boolean',
  'muc#roomconfig_roomadmins': 'jid-multi',
  'muc#roomconfig_roomdesc': 'text-single',
  'muc#roomconfig_roomname': 'text-single',
  'muc#roomconfig_roomowners': 'jid-multi',
  'muc#roomconfig_roomsecret': 'text-private',
  'muc#roomconfig_whois': 'list-single',
  'muc#roomconfig_slow_mode_duration': 'text-single', // XEP-0500 §5.1
};

/** Field to type by FORM_TYPE: what the registrars of XEP-0045, 0060 and 0313 list, and what later specifications add to them. */
const registries: Readonly<Record<string, Registry>> = {
  'http://jabber.org/protocol/muc#roomconfig': roomConfig,
  'http://jabber.org/protocol/muc#roominfo': {
    ...roomConfig, // XEP-0045 §6.4: a room may tell of its configuration there, too
    'muc#roominfo_slow_mode_duration': 'text-single', // XEP-0500 §5.2
    'muc#maxhistoryfetch': 'text-single',
    'muc#roominfo_contactjid': 'jid-multi',
    'muc#roominfo_description': 'text-single',
    'muc#roominfo_lang': 'text-single',
    'muc#roominfo_ldapgroup': 'text-single',
    'muc#roominfo_logs': 'text-single',
    'muc#roominfo_occupants': 'text-single',
    'muc#roominfo_subject': 'text-single',
    'muc#roominfo_subjectmod': 'boolean',
    'muc#roominfo_avatarhash': 'text-multi', // XEP-0486
  },
  'http://jabber.org/protocol/muc#register': {
    'muc#register_allow': 'boolean',
    'muc#register_email': 'text-single',
    'muc#register_faqentry': 'text-multi',
    'muc#register_first': 'text-single',
    'muc#register_last': 'text-single',
    'muc#register_roomnick': 'text-single',
    'muc#register_url': 'text-single',
  },
  'http://jabber.org/protocol/muc#request': {
    'muc#role': 'list-single',
    'muc#jid': 'jid-single',
    'muc#roomnick': 'text-single',
    'muc#request_allow': 'boolean',
  },
  'http://jabber.org/protocol/pubsub#node_config': {
    'pubsub#access_model': 'list-single',
    'pubsub#body_xslt': 'text-single',
    'pubsub#contact': 'jid-multi',
    'pubsub#dataform_xslt': 'text-single',
    'pubsub#deliver_notifications': 'boolean',
    'pubsub#deliver_payloads': 'boolean',
    'pubsub#description': 'text-single',
    'pubsub#item_expire': 'text-single',
    'pubsub#itemreply': 'list-single',
    'pubsub#language': 'list-single',
    'pubsub#max_items': 'text-single',
    'pubsub#max_payload_size': 'text-single',
    'pubsub#node_type': 'list-single',
    'pubsub#notification_type': 'list-single',
    'pubsub#notify_config': 'boolean',
    'pubsub#notify_delete': 'boolean',
    'pubsub#notify_retract': 'boolean',
    'pubsub#notify_sub': 'boolean',
    'pubsub#persist_items': 'boolean',
    'pubsub#presence_based_delivery': 'boolean',
    'pubsub#publish_model': 'list-single',
    'pubsub#publish_node_full': 'list-single',
    'pubsub#purge_offline': 'boolean',
    'pubsub#roster_groups_allowed': 'list-multi',
    'pubsub#send_last_published_item': 'list-single',
    'pubsub#tempsub': 'boolean',
    'pubsub#subscribe': 'boolean',
    'pubsub#title': 'text-single',
    'pubsub#type': 'text-single',
  },
  'urn:xmpp:mam:2': {
    with: 'jid-single',
    start: 'text-single',
    end: 'text-single',
    'before-id': 'text-single',
    'after-id': 'text-single',
    ids: 'list-multi', // XEP-0313 §4.1.3, whose registry says text-multi
    'include-groupchat': 'boolean', // XEP-0313 §6.4.1 with mam:2#groupchat-field
  },
  'urn:xmpp:http:upload:0': { 'max-file-size': 'text-single' },
};

/** @returns what is wrong with the form that is somewhere in the answer. @throws when there is no form */
function faultsOf(answer: string): string[] {
  const form = /<x [^>]*xmlns='jabber:x:data'.*?<\/x>|<x xmlns='jabber:x:data'.*?<\/x>/s.exec(answer)?.[0];
  assert.ok(form !== undefined, `there is no form in ${answer}`);
  const fields = parseElement(form).getChildren('field');
  const [kind] = fields.filter(({ attrs }) => attrs.var === 'FORM_TYPE').map((field) => field.getChildText('value')!);
  const registry = registries[kind ?? ''];
  assert.ok(registry !== undefined, `no registry of ${kind} is known`);
  return fields.flatMap(({ attrs: { var: name = '', type } }) => {
    // XEP-0068 §3.4: what is not registered begins with x-.
    if (name === 'FORM_TYPE') return type === 'hidden' || form.includes(`type='result'`) ? [] : [`FORM_TYPE is ${type}`];
    if (name.startsWith('x-')) return [];
    if (registry[name] === undefined) return [`${name} is not in the registry of ${kind}`];
    // §3.3 of XEP-0004: a result may leave types out.
    return type === registry[name] || (type === undefined && form.includes(`type='result'`)) ? [] : [`${name} is ${type}`];
  });
}

describe('fields of forms have the types of their registries', () => {
  let stage: RouterStage;
  let juliet: BatchActor;
  let rooms: RoomsStage;

  before(async () => {
    stage = await openRouter();
    juliet = await stage.appear('juliet@a.example/balcony');
    rooms = await openRooms();
  });
  after(async () => {
    await stage.close();
    await rooms.close();
  });

  for (const [what, request] of [
    [
      'the default configuration of a node (XEP-0060 §8.3)',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><default/></pubsub>`,
    ],
    ['queries of an archive (XEP-0313 §4.1.1)', `<query xmlns='urn:xmpp:mam:2'/>`],
  ] as const) {
    test(what, async () => {
      await juliet.send(`<iq type='get' id='f'>${request}</iq>`);
      assert.deepEqual(faultsOf(await juliet.next()), []);
    });
  }

  test('a room: its configuration, what it says of itself, registration, queries of its archive', async () => {
    const hall = 'hall@conference.a.example';
    const owner = await rooms.join('owner@a.example/desk');
    await owner.send(`<presence to='${hall}/Owner'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    for (const request of [
      `<query xmlns='http://jabber.org/protocol/muc#owner'/>`,
      `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
      `<query xmlns='jabber:iq:register'/>`,
      `<query xmlns='urn:xmpp:mam:2'/>`,
    ]) {
      owner.inbox.length = 0;
      await owner.send(`<iq type='get' id='f' to='${hall}'>${request}</iq>`);
      assert.deepEqual(faultsOf(owner.inbox.join('')), [], request);
    }
  });

  test('a request for voice, as a moderator is asked (XEP-0045 §7.13)', async () => {
    const hall = 'moderated@conference.a.example';
    const owner = await rooms.join('owner@a.example/desk');
    const visitor = await rooms.join('visitor@a.example/desk');
    await owner.send(`<presence to='${hall}/Owner'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await owner.send(
      `<iq type='set' id='c' to='${hall}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>` +
        `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>` +
        `<field var='muc#roomconfig_moderatedroom'><value>1</value></field></x></query></iq>`,
    );
    await visitor.send(`<presence to='${hall}/Visitor'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    owner.inbox.length = 0;
    await visitor.send(
      `<message to='${hall}'><x xmlns='jabber:x:data' type='submit'>` +
        `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>` +
        `<field var='muc#role'><value>participant</value></field></x></message>`,
    );
    assert.deepEqual(faultsOf(owner.inbox.join('')), []);
  });

  test('a field of another type is found, and one that is not registered', () => {
    const form = (field: string) =>
      `<x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>${field}</x>`;
    assert.deepEqual(faultsOf(form(`<field var='with' type='jid-single'/>`)), []);
    assert.deepEqual(faultsOf(form(`<field var='with' type='text-single'/>`)), ['with is text-single']);
    assert.equal(faultsOf(form(`<field var='whom' type='jid-single'/>`)).length, 1);
    assert.deepEqual(faultsOf(form(`<field var='x-own' type='boolean'/>`)), []);
  });
});
