/** What people on two servers do with each other: the same tests for each server that is not Skylark, and for each way to prove domains. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bodyOf } from '../federation/deployments.ts';
import type { Received } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';
import { type Neighbours, openNeighbours, ours, type Peer, type Proof, theirs } from './federation-neighbours.ts';
import { shareNode } from './federation-nodes.ts';
import { here, isError, type Person, there, wants } from './federation-people.ts';
import { createRoom, enterRoom, meet, useRights } from './federation-rooms.ts';

const tune = 'http://jabber.org/protocol/tune';

export interface Expectations {
  /** What the other server logs when it has let us in. */
  readonly letIn: RegExp;
  /** It confirms with XEP-0198. */
  readonly hasAcks: boolean;
  /** Whoever is blocked there sees that somebody goes, and comes when the block ends (XEP-0191 §3.3, §3.5). */
  readonly isPresenceBlocked: boolean;
  /** What its host says of itself (XEP-0092). */
  readonly version: RegExp;
}

export function featuresAcross(peer: Peer, proof: Proof, expected: Expectations): void {
  describe(`${peer}, ${proof}`, () => {
    let neighbours: Neighbours;
    let us: Person;
    let them: Person;
    const eachWay = () =>
      [
        [us, them],
        [them, us],
      ] as const;

    before(async () => {
      neighbours = await openNeighbours(peer, proof);
      us = await here(neighbours, 'juliet/balcony');
      them = await there(neighbours, 'romeo/orchard');
    });

    after(() => neighbours?.[Symbol.asyncDispose]());

    test('RFC 6121 §5: a message each way, and the proof that was asked for', async () => {
      for (const [who, whom] of eachWay()) {
        who.send(`<message to='${whom.bare}' type='chat'><body>hello from ${who.bare}</body></message>`);
        assert.deepEqual(await whom.hears(), [who.full, `hello from ${who.bare}`]);
      }
      const { skylark, other } = neighbours;
      const opened = skylark.output.split('\n').find((line) => line.includes('a stream to another server is open')) ?? '';
      assert.match(opened, proof === 'dialback alone' ? /"way":"dialback"/ : /"way":"certificate"/);
      assert.match(opened, expected.hasAcks ? /"acks":true/ : /"acks":false/);
      await until(
        () => expected.letIn.test(other.output),
        () => other.output,
      );
    });

    test('RFC 6121 §3: subscriptions are asked for, denied, approved, ended and cancelled, each way', async () => {
      for (const [who, whom] of eachWay()) await walkThroughSubscriptions(who, whom);
    });

    test('RFC 6121 §3.1.3: a request waits for an account that is away, each way', async () => {
      for (const [who, local, enter] of [
        [us, 'mercutio', there],
        [them, 'nurse', here],
      ] as const) {
        const bare = `${local}@${who === us ? theirs : ours}`;
        who.send(`<presence to='${bare}' type='subscribe'/>`);
        await who.pushed(bare, /ask="subscribe"/);
        const whom = await enter(neighbours, `${local}/street`);
        await whom.sees(who.bare, 'subscribe');
        whom.send(`<presence to='${who.bare}' type='subscribed'/>`);
        await who.sees(whom.full);
        await whom.quit();
        await who.sees(whom.full, 'unavailable');
        await forget(who, bare);
        const again = await enter(neighbours, `${local}/street`);
        await forget(again, who.bare);
        await again.quit();
      }
    });

    test('RFC 6121 §3.4: who was approved before is let in at once', async () => {
      us.send(`<presence to='${them.bare}' type='subscribed'/>`);
      await us.pushed(them.bare, /approved="true"/);
      them.send(`<presence to='${us.bare}' type='subscribe'/>`);
      await them.sees(us.bare, 'subscribed');
      await them.sees(us.full);
      for (const [who, whom] of eachWay()) await forget(who, whom.bare);
      for (const who of [us, them]) await who.settle();
    });

    test('RFC 6121 §4: presence of friends comes when they sign in, changes and leave; and that which is sent to somebody', async () => {
      for (const [who, whom] of eachWay()) await befriend(who, whom);
      for (const [who, whom] of eachWay()) {
        who.send(`<presence><show>away</show></presence>`);
        await whom.sees(who.full, undefined, /<show>away/);
        who.send(`<presence type='unavailable'/>`);
        await whom.sees(who.full, 'unavailable');
        who.send(`<presence><status>is here</status></presence>`);
        await whom.sees(who.full, undefined, /is here/);
        await who.sees(whom.full); // the answer to the probe (§4.3)
        who.send(`<presence to='${whom.bare}' type='probe'/>`);
        await who.sees(whom.full);
      }
      const nurse = await here(neighbours, 'nurse/street');
      const mercutio = await there(neighbours, 'mercutio/street');
      for (const [who, whom] of [
        [nurse, mercutio],
        [mercutio, nurse],
      ] as const) {
        who.send(`<presence to='${whom.full}'><status>for you alone</status></presence>`);
        await whom.sees(who.full, undefined, /for you alone/);
        who.send(`<presence to='${whom.full}' type='unavailable'/>`);
        await whom.sees(who.full, 'unavailable');
      }
      nurse.send(`<presence to='${mercutio.full}'/>`);
      await mercutio.sees(nurse.full);
      await nurse.quit();
      await mercutio.sees(nurse.full, 'unavailable'); // §4.6.4
      await mercutio.quit();
    });

    test('RFC 6120 §8.2.3: hosts, accounts and clients answer requests, each way', async () => {
      const version = `<query xmlns='jabber:iq:version'/>`;
      const info = `<query xmlns='http://jabber.org/protocol/disco#info'/>`;
      for (const [who, whom] of eachWay()) {
        const answer = async (to: string, payload: string) => {
          const { attributes, xml } = await who.ask('get', to, payload);
          assert.equal(attributes.type, 'result', xml);
          return xml;
        };
        await answer(whom.host, `<ping xmlns='urn:xmpp:ping'/>`);
        assert.match(await answer(whom.host, version), whom === us ? /Skylark/ : expected.version);
        assert.match(await answer(whom.host, info), /category="server"/);
        const items = `<query xmlns='http://jabber.org/protocol/disco#items'/>`;
        assert.match(await answer(whom.host, items), new RegExp(`jid="${whom.rooms}"`));
        assert.match(await answer(whom.rooms, info), /category="conference"/);
        await whom.ask('set', undefined, `<vCard xmlns='vcard-temp'><FN>${whom.bare}</FN></vCard>`);
        assert.match(await answer(whom.bare, `<vCard xmlns='vcard-temp'/>`), new RegExp(`<FN>${whom.bare}`));
        for (const [payload, ns] of [
          [version, 'jabber:iq:version'],
          [info, 'disco#info'],
          [`<ping xmlns='urn:xmpp:ping'/>`, 'urn:xmpp:ping'],
        ] as const) {
          const isAsked = whom.client.next(
            ({ name, attributes, xml }) => name === 'iq' && attributes.from === who.full && xml.includes(ns),
          );
          const answered = answer(whom.full, payload);
          const { id } = (await isAsked).attributes;
          const content = ns === 'urn:xmpp:ping' ? '' : payload.replace('/>', `><x xmlns='urn:x'>${whom.full}</x></query>`);
          whom.send(`<iq type='result' id='${id}' to='${who.full}'>${content}</iq>`);
          assert.match(await answered, content === '' ? /type="result"/ : new RegExp(whom.full));
        }
      }
    });

    test('XEP-0184: a receipt comes back, each way', async () => {
      for (const [who, whom] of eachWay()) {
        const request = `<request xmlns='urn:xmpp:receipts'/>`;
        who.send(`<message to='${whom.full}' type='chat' id='r1'><body>did you get it?</body>${request}</message>`);
        const asked = await whom.client.next(({ xml }) => xml.includes('urn:xmpp:receipts'));
        whom.send(`<message to='${asked.attributes.from}' type='chat'><received xmlns='urn:xmpp:receipts' id='r1'/></message>`);
        const receipt = await who.client.next(({ xml }) => xml.includes('<received'));
        assert.deepEqual([receipt.attributes.from, /id="r1"/.test(receipt.xml)], [whom.full, true]);
      }
    });

    test('XEP-0280: the other client of an account has copies of what comes from there and goes there, each way', async () => {
      for (const [who, whom, second] of [
        [us, them, await here(neighbours, 'juliet/chamber')],
        [them, us, await there(neighbours, 'romeo/street')],
      ] as const) {
        const enabled = await second.ask('set', undefined, `<enable xmlns='urn:xmpp:carbons:2'/>`);
        assert.equal(enabled.attributes.type, 'result');
        const copy = (pattern: RegExp) => second.client.next(({ xml }) => pattern.test(xml));
        whom.send(`<message to='${who.full}' type='chat'><body>for one client</body></message>`);
        assert.equal((await who.hears())[1], 'for one client');
        const received = await copy(/<received [^>]*urn:xmpp:carbons:2.*for one client/);
        who.send(`<message to='${whom.full}' type='chat'><body>from the other client</body></message>`);
        assert.equal((await whom.hears())[1], 'from the other client');
        const sent = await copy(/<sent [^>]*urn:xmpp:carbons:2.*from the other client/);
        assert.deepEqual(
          [received, sent].map(({ attributes }) => attributes.from),
          [who.bare, who.bare],
        );
        await second.quit();
      }
    });

    test('XEP-0313: both archives have what was said', async () => {
      for (const who of [us, them]) await who.settle();
      for (const [who, whom] of eachWay()) {
        who.send(`<message to='${whom.bare}' type='chat'><body>to be kept, ${who.bare}</body></message>`);
        await whom.hears();
      }
      for (const [who, whom] of eachWay()) {
        const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>
<field var='with'><value>${whom.bare}</value></field></x>`;
        const page = `<set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set>`;
        await who.ask('set', undefined, `<query xmlns='urn:xmpp:mam:2' queryid='q'>${form}${page}</query>`);
        const found = (await who.settle()).filter(({ xml }) => xml.includes('urn:xmpp:mam:2') && xml.includes('<body>'));
        assert.deepEqual(
          found.map(({ xml }) => bodyOf(xml)),
          [us, them].map(({ bare }) => `to be kept, ${bare}`),
          `the archive of ${who.bare}`,
        );
      }
    });

    test('XEP-0163: what is published arrives at friends who want it, and when they come; each way', async () => {
      const second = [await here(neighbours, 'juliet/chamber'), await there(neighbours, 'romeo/street')] as const;
      for (const who of [us, them]) wants(who, tune);
      for (const [who, whom, later] of [
        [us, them, second[1]],
        [them, us, second[0]],
      ] as const) {
        const isNews = ({ name, attributes, xml }: Received) =>
          name === 'message' && attributes.from === who.bare && xml.includes(`<title>${who.bare}</title>`);
        const item = `<item id='current'><tune xmlns='${tune}'><title>${who.bare}</title></tune></item>`;
        const news = whom.client.next(isNews);
        const publish = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${tune}'>${item}</publish></pubsub>`;
        const { attributes, xml } = await who.ask('set', undefined, publish);
        assert.equal(attributes.type, 'result', xml);
        assert.match((await news).xml, /http:\/\/jabber\.org\/protocol\/pubsub#event/);
        const last = later.client.next(isNews);
        wants(later, tune);
        await last;
      }
      for (const who of second) await who.quit();
    });

    test('XEP-0060: whoever is elsewhere subscribes to a node of a service, and is told, each way', async () => {
      for (const [who, whom] of eachWay()) await shareNode(who, whom);
    });

    test('XEP-0191: whom somebody here blocks learns nothing, and hears that nobody is there', async () => {
      for (const who of [us, them]) await who.settle();
      const blocked = `<item jid='${them.bare}'/>`;
      await us.ask('set', undefined, `<block xmlns='urn:xmpp:blocking'>${blocked}</block>`);
      await them.sees(us.full, 'unavailable');
      them.send(`<message to='${us.full}' type='chat'><body>are you there?</body></message>`);
      assert.match((await them.client.next(isError)).xml, /<service-unavailable/);
      for (const to of [us.bare, us.full]) {
        const { xml } = await them.ask('get', to, `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
        assert.match(xml, /<service-unavailable/);
      }
      us.send(`<message to='${them.bare}' type='chat'><body>never arrives</body></message>`);
      const refusal = await us.client.next(isError);
      assert.match(refusal.xml, /<not-acceptable.*<blocked xmlns="urn:xmpp:blocking:errors"/);
      us.send(`<presence><status>for friends</status></presence>`);
      them.send(`<presence to='${us.full}'><status>knock, knock</status></presence>`);
      them.send(`<presence to='${us.bare}' type='probe'/>`);
      await us.settle();
      const nurse = await here(neighbours, 'nurse/street');
      nurse.send(`<message to='${them.full}' type='chat'><body>that is all</body></message>`);
      assert.equal((await them.hears())[1], 'that is all');
      them.send(`<message to='${nurse.full}' type='chat'><body>nothing came</body></message>`);
      assert.equal((await nurse.hears())[1], 'nothing came');
      await nurse.quit();
      const leaked = [...(await them.settle()), ...(await us.settle())];
      const isShown = ({ name, attributes }: Received) =>
        name === 'presence' && attributes.type === undefined && [us.full, them.full].includes(attributes.from ?? '');
      const isOfThem = ({ attributes }: Received) => attributes.to !== us.full || attributes.from === them.full;
      assert.deepEqual(
        leaked.filter((element) => isShown(element) && isOfThem(element)),
        [],
      );
      await us.ask('set', undefined, `<unblock xmlns='urn:xmpp:blocking'>${blocked}</unblock>`);
      await them.sees(us.full, undefined, /for friends/);
      them.send(`<message to='${us.bare}' type='chat'><body>at last</body></message>`);
      assert.equal((await us.hears())[1], 'at last');
    });

    test('XEP-0191: whom somebody there blocks learns nothing here', async () => {
      const blocked = `<item jid='${us.bare}'/>`;
      await them.ask('set', undefined, `<block xmlns='urn:xmpp:blocking'>${blocked}</block>`);
      if (expected.isPresenceBlocked) await us.sees(them.full, 'unavailable');
      us.send(`<message to='${them.bare}' type='chat'><body>are you there?</body></message>`);
      assert.match((await us.client.next(isError)).xml, /<service-unavailable/);
      await them.ask('set', undefined, `<unblock xmlns='urn:xmpp:blocking'>${blocked}</unblock>`);
      if (expected.isPresenceBlocked) await us.sees(them.full);
      them.send(`<message to='${us.bare}' type='chat'><body>here I am</body></message>`);
      assert.equal((await us.hears())[1], 'here I am');
    });

    test('XEP-0045: each enters a room of the other, and both hear both', async () => {
      await meet(us, them, `hall@${us.rooms}`);
      await meet(them, us, `hall@${them.rooms}`);
    });

    test('XEP-0045 §8, §9: whoever is from elsewhere has all the rights that are given, and loses them, each way', async () => {
      const nurse = await here(neighbours, 'nurse/street');
      const mercutio = await there(neighbours, 'mercutio/street');
      await useRights(us, them, mercutio, nurse, `court@${us.rooms}`);
      await useRights(them, us, nurse, mercutio, `court@${them.rooms}`);
      await nurse.quit();
      await mercutio.quit();
    });

    test(`XEP-0198: ${peer} is killed with what it had not confirmed: all arrives when it is back, in order, and ghosts leave`, async () => {
      const { other } = neighbours;
      const hall = `hall@${us.rooms}`;
      await createRoom(us, hall);
      enterRoom(them, hall, 'Guest');
      await us.sees(`${hall}/Guest`);
      await other.kill('SIGSTOP');
      const bodies = Array.from({ length: 50 }, (_, index) => `waits ${index}`);
      for (const body of bodies) us.send(`<message to='${them.bare}' type='chat'><body>${body}</body></message>`);
      await us.ask('get', us.host, `<ping xmlns='urn:xmpp:ping'/>`);
      await other.kill('SIGKILL');
      const isOver = /"host":"a\.example","peer":"b\.example",.*"unconfirmed":[1-9].*has ended/;
      await until(
        () => isOver.test(neighbours.skylark.output),
        () => `stanzas that were not confirmed in ${neighbours.skylark.output}`,
      );
      await other.start();
      us.send(`<message to='${hall}' type='groupchat'><body>anybody there?</body></message>`);
      assert.equal((await us.hears())[1], 'anybody there?');
      await us.sees(`${hall}/Guest`, 'unavailable', /<status code="333">/); // XEP-0045 §16.1.2
      // The answer comes behind all that waited. Who signs in before may miss a message: ejabberd looks whether somebody is there, finds
      // nobody, and keeps the message after it has given out what it kept, so that it waits for the next time that somebody signs in.
      const { attributes, xml } = await us.ask('get', them.host, `<ping xmlns='urn:xmpp:ping'/>`);
      assert.equal(attributes.type, 'result', xml);
      them = await there(neighbours, 'romeo/orchard');
      const came: (string | undefined)[] = [];
      const isMissing = (cause: unknown) => Promise.reject(new Error(`only these came: ${came.join(', ')}`, { cause }));
      while (came.length < bodies.length) came.push((await them.hears().catch(isMissing))[1]);
      assert.deepEqual(came, bodies);
      them.send(`<message to='${us.bare}' type='chat'><body>back</body></message>`);
      assert.equal((await us.hears())[1], 'back');
      assert.equal(us.client.received.find(isError), undefined);
    });
  });
}

/** Leaves no subscription behind. */
async function walkThroughSubscriptions(who: Person, whom: Person): Promise<void> {
  const ask = async (answer: 'subscribed' | 'unsubscribed') => {
    who.send(`<presence to='${whom.bare}' type='subscribe'/>`);
    await whom.sees(who.bare, 'subscribe');
    whom.send(`<presence to='${who.bare}' type='${answer}'/>`);
    await who.sees(whom.bare, answer);
  };
  await ask('unsubscribed');
  await ask('subscribed');
  await who.pushed(whom.bare, /subscription="to"/);
  await whom.pushed(who.bare, /subscription="from"/);
  await who.sees(whom.full);
  // §3.3: who was subscribed is so no more.
  who.send(`<presence to='${whom.bare}' type='unsubscribe'/>`);
  await whom.sees(who.bare, 'unsubscribe');
  await whom.pushed(who.bare, /subscription="none"/);
  await who.client.next(isGone(whom));
  await ask('subscribed');
  await who.sees(whom.full);
  // §3.2: the contact does not show itself any more.
  whom.send(`<presence to='${who.bare}' type='unsubscribed'/>`);
  await who.sees(whom.bare, 'unsubscribed');
  await who.pushed(whom.bare, /subscription="none"/);
  await who.client.next(isGone(whom));
  await befriend(who, whom);
  await befriend(whom, who);
  await whom.pushed(who.bare, /subscription="both"/);
  // §2.5.2: whoever removes a contact ends both subscriptions.
  await forget(who, whom.bare);
  await whom.sees(who.bare, 'unsubscribe');
  await whom.sees(who.bare, 'unsubscribed');
  await whom.client.next(isGone(who));
  await forget(whom, who.bare);
  for (const one of [who, whom]) await one.settle();
}

/** Prosody says it of the account, and not of each resource. */
function isGone({ bare, full }: Person): (element: Received) => boolean {
  return ({ name, attributes }) =>
    name === 'presence' && attributes.type === 'unavailable' && [bare, full].includes(attributes.from ?? '');
}

async function befriend(who: Person, whom: Person): Promise<void> {
  who.send(`<presence to='${whom.bare}' type='subscribe'/>`);
  await whom.sees(who.bare, 'subscribe');
  whom.send(`<presence to='${who.bare}' type='subscribed'/>`);
  await who.sees(whom.bare, 'subscribed');
  await who.sees(whom.full);
}

async function forget(who: Person, contact: string): Promise<void> {
  await who.ask('set', undefined, `<query xmlns='jabber:iq:roster'><item jid='${contact}' subscription='remove'/></query>`);
  await who.pushed(contact, /subscription="remove"/);
}
