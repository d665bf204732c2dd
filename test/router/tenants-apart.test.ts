/**
 * Two tenants of one deployment share rows with nobody: whatever the one's users send, the rows of the other are touched by what
 * arrives there, and by nothing else (docs/decisions/0002-domains-of-one-deployment.md).
 */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Bus } from '../../lib/ports/bus.ts';
import type { Store } from '../../lib/ports/store.ts';
import { decodeFrame } from '../../lib/runtime/frame.ts';
import { type RouterRequest, routerSubject } from '../../lib/runtime/wire.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

/** The tenant whose request is being handled. */
const acting = new AsyncLocalStorage<string>();

interface Access {
  readonly domain: string;
  readonly method: string;
  readonly partition: string;
}

function spyStore(store: Store, accesses: Access[]): Store {
  return new Proxy(store, {
    get(target, name: keyof Store) {
      const method = Reflect.get(target, name) as (...values: unknown[]) => unknown;
      return (...values: unknown[]) => {
        const domain = acting.getStore();
        const named = name === 'close' ? [] : ([values[0]].flat() as { readonly partition: string }[]);
        if (domain !== undefined) for (const { partition } of named) accesses.push({ domain, method: name, partition });
        return method.apply(target, values);
      };
    },
  });
}

/** Tells the spy for which tenant a router's handler runs. */
function taggedBus(bus: Bus): Bus {
  return {
    serve(subject, handler, options) {
      if (subject !== routerSubject) return bus.serve(subject, handler, options);
      return bus.serve(
        subject,
        (payload, name) => {
          const { header } = decodeFrame<RouterRequest>(payload);
          return acting.run('domain' in header ? header.domain : '', () => handler(payload, name));
        },
        options,
      );
    },
    request: (subject, payload, options) => bus.request(subject, payload, options),
    publish: (subject, payload) => bus.publish(subject, payload),
    close: () => bus.close(),
  };
}

const payloads = [
  '',
  `<ping xmlns='urn:xmpp:ping'/>`,
  `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
  `<query xmlns='http://jabber.org/protocol/disco#items'/>`,
  `<query xmlns='jabber:iq:roster'><item jid='JID' name='n'><group>g</group></item></query>`,
  `<query xmlns='jabber:iq:roster'><item jid='JID' subscription='remove'/></query>`,
  `<query xmlns='jabber:iq:roster'/>`,
  `<query xmlns='jabber:iq:private'><e xmlns='urn:JID'/></query>`,
  `<vCard xmlns='vcard-temp'><FN>JID</FN></vCard>`,
  `<query xmlns='jabber:iq:register'><username>juliet</username><password>p</password></query>`,
  `<query xmlns='jabber:iq:register'/>`,
  `<query xmlns='jabber:iq:version'/>`,
  `<time xmlns='urn:xmpp:time'/>`,
  `<blocklist xmlns='urn:xmpp:blocking'/>`,
  `<block xmlns='urn:xmpp:blocking'><item jid='JID'/></block>`,
  `<unblock xmlns='urn:xmpp:blocking'><item jid='JID'/></unblock>`,
  `<unblock xmlns='urn:xmpp:blocking'/>`,
  `<enable xmlns='urn:xmpp:carbons:2'/>`,
  `<query xmlns='urn:xmpp:mam:2'/>`,
  `<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>
    <field var='with'><value>JID</value></field></x></query>`,
  `<metadata xmlns='urn:xmpp:mam:2'/>`,
  `<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>JID</jid></always><never/></prefs>`,
  `<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>`,
  `<body>JID</body><stanza-id xmlns='urn:xmpp:sid:0' by='JID' id='1'/><delay xmlns='urn:xmpp:delay' from='JID' stamp='x'/>`,
  `<priority>1</priority>`,
];

/** Also what looks like a way into another's rows. */
const addresses = [
  'juliet@b.example',
  'juliet@b.example/balcony',
  'b.example',
  'b.example/a',
  'a.example',
  'romeo@a.example',
  'romeo@a.example/orchard',
  'nurse@a.example',
  'nobody@b.example',
  'B.EXAMPLE',
  'juliet@a.example',
  '..@a.example/../../b.example/a/juliet',
  'b.example@a.example',
  'room@conference.b.example',
  'conference.b.example',
  'x@elsewhere.example',
];

describe('tenants', () => {
  const accesses: Access[] = [];
  let stage: RouterStage;
  let romeo: BatchActor;
  let juliet: BatchActor;

  before(async () => {
    stage = await openRouter({
      wrap: (dependencies) => ({
        ...dependencies,
        store: spyStore(dependencies.store, accesses),
        bus: taggedBus(dependencies.bus),
      }),
    });
    romeo = await stage.appear('romeo@a.example/orchard');
    juliet = await stage.appear('juliet@b.example/balcony');
    await stage.appear('nurse@a.example/house');
  });
  after(() => stage.close());

  function foreign(): Access[] {
    return accesses.filter(({ domain, partition }) => !partition.startsWith('#') && !partition.startsWith(`${domain}/`));
  }

  test('the spy sees the rows of who sends and of who receives, each under its own name', async () => {
    accesses.length = 0;
    await romeo.send(`<message to='juliet@b.example' type='chat'><body>!</body></message>`);
    const seen = new Set(
      accesses.filter(({ partition }) => !partition.startsWith('#')).map(({ domain, partition }) => `${domain} ${partition}`),
    );
    assert.deepEqual([...seen].sort(), ['a.example a.example/a/romeo', 'b.example b.example/a/juliet']);
    assert.deepEqual(foreign(), []);
  });

  test('whatever is sent to whomever, a request touches rows of its own tenant only', async () => {
    const stanza = fc
      .record({
        name: fc.constantFrom('iq', 'message', 'presence'),
        type: fc.constantFrom(
          'get',
          'set',
          'result',
          'error',
          'chat',
          'groupchat',
          'normal',
          'subscribe',
          'subscribed',
          'unsubscribe',
          'unavailable',
          'probe',
          '',
        ),
        to: fc.option(fc.constantFrom(...addresses), { nil: undefined }),
        payload: fc.constantFrom(...payloads),
        jid: fc.constantFrom(...addresses),
      })
      .map(({ name, type, to, payload, jid }) => {
        const attributes = [type && `type='${type}'`, to && `to='${to}'`].filter(Boolean).join(' ');
        return `<${name} id='i' ${attributes}>${payload.replaceAll('JID', jid)}</${name}>`;
      });
    let checked = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(stanza, fc.boolean()), { minLength: 1, maxLength: 12 }), async (list) => {
        accesses.length = 0;
        for (const [xml, isRomeo] of list) await (isRomeo ? romeo : juliet).send(xml);
        assert.deepEqual(foreign(), [], list.map(([xml]) => xml).join('\n'));
        assert.equal(romeo.closed ?? juliet.closed, undefined);
        checked += accesses.length;
        stage.clear();
      }),
      { numRuns: 120 },
    );
    assert.ok(checked > 1_000, `only ${checked} accesses were seen`);
  });
});
