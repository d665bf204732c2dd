/** Skylark and Debian's prosody are each other's servers, once proved by dialback alone and once by certificates alone. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bodyOf } from '../federation/deployments.ts';
import type { Received, TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';
import { type Neighbours, openNeighbours, ours, theirs } from './federation-prosody.ts';

const juliet = `juliet@${ours}`;
const romeo = `romeo@${theirs}`;
const hall = `hall@conference.${ours}`;
const resource = { juliet: `${juliet}/balcony`, romeo: `${romeo}/orchard` };

for (const isCertified of [false, true]) {
  describe(isCertified ? 'certificates alone' : 'dialback alone', () => {
    let neighbours: Neighbours;
    let us: TcpClient;
    let them: TcpClient;

    before(async () => {
      neighbours = await openNeighbours(isCertified);
      us = await neighbours.juliet();
      them = await neighbours.romeo();
    });

    after(() => neighbours?.[Symbol.asyncDispose]());

    test('RFC 6121 §5: a message each way, and the proof that was asked for', async () => {
      us.send(`<message to='${romeo}' type='chat'><body>hello from a</body></message>`);
      const came = await them.next(isSaid);
      assert.deepEqual([came.attributes.from, bodyOf(came.xml)], [resource.juliet, 'hello from a']);
      them.send(`<message to='${juliet}' type='chat'><body>hello from b</body></message>`);
      const answer = await us.next(isSaid);
      assert.deepEqual([answer.attributes.from, bodyOf(answer.xml)], [resource.romeo, 'hello from b']);
      const { skylark, prosody } = neighbours;
      const opened = skylark.output.split('\n').find((line) => line.includes('a stream to another server is open')) ?? '';
      assert.match(opened, isCertified ? /"way":"certificate"/ : /"way":"dialback"/);
      // Prosody 0.12 offers XEP-0198 when a stream begins anew behind SASL, and never behind dialback: there it is pinged.
      assert.match(opened, isCertified ? /"acks":true/ : /"acks":false/);
      await until(
        () => /Outgoing s2s connection b\.example->a\.example complete/.test(prosody.output),
        () => prosody.output,
      );
      if (!isCertified) return;
      assert.match(prosody.output, /Accepting SASL EXTERNAL identity from a\.example/);
      await until(
        () => /Received\[s2sout\]: <enabled [^>]*urn:xmpp:sm:3/.test(prosody.output),
        () => prosody.output,
      );
    });

    test('RFC 6121 §3: who subscribes sees presence, each way', async () => {
      await subscribe(us, them, resource.juliet, resource.romeo);
      await subscribe(them, us, resource.romeo, resource.juliet);
      us.send(`<presence><show>away</show></presence>`);
      await them.next(isPresence(resource.juliet, /<show>away/));
      them.send(`<presence><show>dnd</show></presence>`);
      await us.next(isPresence(resource.romeo, /<show>dnd/));
    });

    test('RFC 6120 §8.2.3: hosts, accounts and clients answer requests, each way', async () => {
      const ping = `<ping xmlns='urn:xmpp:ping'/>`;
      const version = `<query xmlns='jabber:iq:version'/>`;
      const card = (name: string) => `<vCard xmlns='vcard-temp'><FN>${name}</FN></vCard>`;
      for (const [client, name, host, other, address, full] of [
        [us, 'Juliet', theirs, them, romeo, resource.romeo],
        [them, 'Romeo', ours, us, juliet, resource.juliet],
      ] as const) {
        const ask = async (type: string, to: string, payload: string) => {
          const id = `${name}${++requests}`;
          const answer = await client.ask(id, `<iq type='${type}' id='${id}' ${to && `to='${to}'`}>${payload}</iq>`);
          assert.equal(answer.attributes.type, 'result', answer.xml);
          return answer.xml;
        };
        await ask('get', host, ping);
        assert.match(await ask('get', host, version), host === theirs ? /Prosody/ : /Skylark/);
        await other.ask('card', `<iq type='set' id='card'>${card(address)}</iq>`);
        assert.match(await ask('get', address, `<vCard xmlns='vcard-temp'/>`), new RegExp(address));
        const answered = other.next((element) => element.xml.includes('jabber:iq:version') && element.attributes.type === 'get');
        const asked = ask('get', full, version);
        const { from, id } = (await answered).attributes;
        other.send(`<iq type='result' id='${id}' to='${from}'><query xmlns='jabber:iq:version'><name>x</name></query></iq>`);
        assert.match(await asked, /<name>x<\/name>/);
      }
    });

    test('XEP-0045: each enters a room of the other, and both hear both', async () => {
      await meet(us, them, hall);
      await meet(them, us, `hall@rooms.${theirs}`);
    });

    test('XEP-0198: Prosody is killed with what it had not confirmed: all arrives when it is back, in order, and ghosts leave', async () => {
      const { prosody } = neighbours;
      enter(them, hall, 'Guest');
      await us.next(isPresence(`${hall}/Guest`));
      await prosody.kill('SIGSTOP');
      const bodies = Array.from({ length: 50 }, (_, index) => `waits ${index}`);
      for (const body of bodies) us.send(`<message to='${romeo}' type='chat'><body>${body}</body></message>`);
      await us.ask('all', `<iq type='get' id='all' to='${ours}'><ping xmlns='urn:xmpp:ping'/></iq>`);
      await prosody.kill('SIGKILL');
      const isOver = /"host":"a\.example","peer":"b\.example",.*"unconfirmed":[1-9].*is over/;
      await until(
        () => isOver.test(neighbours.skylark.output),
        () => `stanzas that were not confirmed in ${neighbours.skylark.output}`,
      );
      await prosody.start();
      us.send(`<message to='${hall}' type='groupchat'><body>anybody there?</body></message>`);
      assert.equal(bodyOf((await us.next(isSaid)).xml), 'anybody there?');
      await us.next(isPresence(`${hall}/Guest`, /<status code="333">/, 'unavailable')); // XEP-0045 §16.1.2
      them = await neighbours.romeo();
      const came: (string | undefined)[] = [];
      while (came.length < bodies.length) came.push(bodyOf((await them.next(isSaid)).xml));
      assert.deepEqual(came, bodies);
      them.send(`<message to='${juliet}' type='chat'><body>back</body></message>`);
      assert.equal(bodyOf((await us.next(isSaid)).xml), 'back');
      assert.equal(
        us.received.find(({ attributes }) => attributes.type === 'error'),
        undefined,
      );
    });
  });
}

let requests = 0;

function isSaid({ name, xml, attributes }: Received): boolean {
  return name === 'message' && attributes.type !== 'error' && bodyOf(xml) !== undefined;
}

function isPresence(from: string, pattern: RegExp | undefined = undefined, type?: string): (element: Received) => boolean {
  return ({ name, attributes, xml }) =>
    name === 'presence' && attributes.from === from && attributes.type === type && (pattern?.test(xml) ?? true);
}

async function subscribe(who: TcpClient, to: TcpClient, whoseFull: string, full: string): Promise<void> {
  const [whose, whom] = [whoseFull, full].map((address) => address.split('/')[0]!) as [string, string];
  who.send(`<presence to='${whom}' type='subscribe'/>`);
  await to.next(isPresence(whose, undefined, 'subscribe'));
  to.send(`<presence to='${whose}' type='subscribed'/>`);
  await who.next(isPresence(whom, undefined, 'subscribed'));
  await who.next(isPresence(full));
}

function enter(client: TcpClient, room: string, nick: string): void {
  client.send(`<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
}

/** @param owner makes the room */
async function meet(owner: TcpClient, guest: TcpClient, room: string): Promise<void> {
  enter(owner, room, 'Owner');
  await owner.next(isPresence(`${room}/Owner`));
  const form = `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`;
  await owner.ask('open', `<iq type='set' id='open' to='${room}'>${form}</iq>`);
  enter(guest, room, 'Guest');
  await guest.next(isPresence(`${room}/Owner`));
  await guest.next(isPresence(`${room}/Guest`));
  await owner.next(isPresence(`${room}/Guest`));
  for (const [client, body] of [
    [guest, 'said by the guest'],
    [owner, 'said by the owner'],
  ] as const) {
    client.send(`<message to='${room}' type='groupchat'><body>${body}</body></message>`);
    for (const hearer of [owner, guest]) assert.equal(bodyOf((await hearer.next(isSaid)).xml), body);
  }
  guest.send(`<presence to='${room}/Guest' type='unavailable'/>`);
  await owner.next(isPresence(`${room}/Guest`, undefined, 'unavailable'));
}
