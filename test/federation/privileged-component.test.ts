/** XEP-0356: what a component may do for accounts, and what it may not, of two tenants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAdmin } from '../../services/cli/commands/admin-client.ts';
import { componentGrant } from '../../services/router/operations/components.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { addComponent, ComponentClient } from './component-client.ts';
import { bodyOf, type Deployment, Ground } from './deployments.ts';

const NS = 'urn:xmpp:privilege:2';
const pubsub = 'http://jabber.org/protocol/pubsub';
const vcard = 'vcard-temp';
const [juliet, bridge, ours] = ['juliet@a.example', 'sms.a.example', 'a.example'];

async function grant({ folder }: Deployment, privileges: object): Promise<void> {
  const admin = await openAdmin(folder);
  await admin.ask(componentGrant, { domain: ours, component: bridge, ...privileges });
  await admin.close();
}

async function open(ground: Ground) {
  const a = await ground.deploy({ domains: [ours, 'b.example'] });
  const sms = await ComponentClient.attach(a, bridge, await addComponent(a, bridge));
  const balcony = await a.join(`${juliet}/balcony`);
  return { a, sms, balcony };
}

/** Asks as the component. @returns the answer as XML */
async function ask(sms: ComponentClient, type: string, to: string, child: string): Promise<string> {
  const id = `q${Math.random()}`;
  sms.send(`<iq type='${type}' id='${id}' from='${bridge}' to='${to}'>${child}</iq>`);
  for (;;) {
    const answer = await sms.next('iq');
    if (answer.id === id) return `${answer.bytes}`;
  }
}

const roster = `<query xmlns='jabber:iq:roster'/>`;
const item = `<query xmlns='jabber:iq:roster'><item jid='12345@${bridge}' name='Nurse'/></query>`;
const forUser = (ns: string, to: string, child: string, type = 'get') =>
  `<privileged_iq xmlns='${NS}'><iq xmlns='jabber:client' type='${type}' id='inner' ${to}><${child} xmlns='${ns}'/></iq></privileged_iq>`;
const forwarded = (from: string, to: string, body: string) =>
  `<privilege xmlns='${NS}'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='chat' from='${from}' to='${to}'><body>${body}</body></message></forwarded></privilege>`;

function say(sms: ComponentClient, id: string, wrapped: string, to = ours): void {
  sms.send(`<message id='${id}' from='${bridge}' to='${to}'>${wrapped}</message>`);
}

async function enableCarbons(client: TcpClient): Promise<void> {
  await client.ask('c', `<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`);
}

test('without a grant nothing is allowed, and what is granted is said at once', async (t) => {
  await using ground = await Ground.open();
  const { a, sms, balcony } = await open(ground);
  await t.test('roster, message and iq: forbidden', async () => {
    assert.match(await ask(sms, 'get', juliet, roster), /forbidden/);
    assert.match(await ask(sms, 'set', juliet, item), /forbidden/);
    assert.match(await ask(sms, 'get', juliet, forUser(vcard, '', 'vCard')), /forbidden/);
    say(sms, 'm', forwarded(juliet, 'romeo@b.example', 'forged'));
    assert.match(`${(await sms.next('message')).bytes}`, /forbidden/);
  });

  await grant(a, { roster: 'both', message: 'outgoing', presence: 'managed_entity', iq: { [vcard]: 'get' } });
  await t.test('§4.2: it is told what it may do', async () => {
    const told = `${(await sms.next('message')).bytes}`;
    assert.match(told, /<perm access="roster" type="both"\/>|<perm access='roster' type='both'\/>/);
    assert.match(told, /namespace ns=['"]vcard-temp['"] type=['"]get['"]/);
  });

  await t.test('§4.3, §4.4: it reads and changes a roster, and is told of changes', async () => {
    await balcony.ask('r', `<iq type='get' id='r'>${roster}</iq>`);
    assert.match(await ask(sms, 'set', juliet, item), /type=['"]result['"]/);
    const push = await balcony.next('iq');
    assert.match(push.xml, /12345@sms\.a\.example/);
    assert.match(await ask(sms, 'get', juliet, roster), /12345@sms\.a\.example/);
    balcony.send(`<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@b.example'/></query></iq>`);
    for (let told = await sms.next('iq'); !`${told.bytes}`.includes('nurse@b.example'); ) told = await sms.next('iq');
  });

  await t.test('§5: it sends as the account, with archive and carbon', async () => {
    const romeo = await a.join('romeo@b.example/orchard');
    await enableCarbons(balcony);
    say(sms, 'm', forwarded(juliet, 'romeo@b.example', 'from the telephone'));
    const message = await romeo.next('message');
    assert.deepEqual([bodyOf(message.xml), message.attributes.from], ['from the telephone', juliet]);
    assert.match((await balcony.next('message')).xml, /<sent xmlns="urn:xmpp:carbons:2">.*from the telephone/s);
    balcony.send(`<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2' queryid='q'/></iq>`);
    assert.match((await balcony.next('message')).xml, /<result xmlns="urn:xmpp:mam:2".*from the telephone/s);
  });

  await t.test('§6: it asks as the account, the account itself and others, for what was granted', async () => {
    const own = await ask(sms, 'get', juliet, forUser(vcard, '', 'vCard'));
    assert.match(own, /<forwarded .*<iq .*id="inner"|<forwarded .*<iq .*id='inner'/s);
    const others = await ask(sms, 'get', juliet, forUser(vcard, `to='romeo@b.example'`, 'vCard'));
    assert.match(others, /<privilege .*from=['"]romeo@b\.example['"]/s);
    assert.match(others, /id=['"]inner['"]/);
    assert.match(await ask(sms, 'set', juliet, forUser(vcard, '', 'vCard', 'set')), /forbidden/);
    assert.match(await ask(sms, 'get', juliet, forUser(pubsub, '', 'pubsub')), /forbidden/);
    assert.match(await ask(sms, 'get', juliet, forUser(vcard, `from='romeo@a.example'`, 'vCard')), /forbidden/);
  });

  await t.test('§7.1: it is told who comes and goes', async () => {
    const hall = await a.join(`${juliet}/hall`);
    assert.equal((await sms.next('presence')).attributes.from, `${juliet}/hall`);
    hall.send(`<presence type='unavailable'/>`);
    const gone = await sms.next('presence');
    assert.deepEqual([gone.type, gone.attributes.from], ['unavailable', `${juliet}/hall`]);
  });

  await t.test('it may do nothing for accounts of another tenant', async () => {
    assert.match(await ask(sms, 'get', 'romeo@b.example', roster), /service-unavailable/);
    say(sms, 'x', forwarded('romeo@b.example', juliet, 'forged'));
    assert.match(`${(await sms.next('message')).bytes}`, /forbidden/);
    say(sms, 'y', forwarded('romeo@b.example', juliet, 'forged'), 'b.example');
    assert.match(`${(await sms.next('message')).bytes}`, /service-unavailable/);
    say(sms, 'z', forwarded(`${juliet}/balcony`, 'romeo@b.example', 'forged'));
    assert.match(`${(await sms.next('message')).bytes}`, /forbidden/);
  });

  await t.test('nobody else may, even with a grant to the component: what looks like it is refused', async () => {
    balcony.send(`<message id='f' to='${ours}'>${forwarded(juliet, 'romeo@b.example', 'forged')}</message>`);
    assert.match((await balcony.next('message')).xml, /service-unavailable/);
  });

  await t.test('what is taken away ends', async () => {
    await grant(a, { roster: 'none' });
    await sms.next('message');
    assert.match(await ask(sms, 'get', juliet, roster), /forbidden/);
  });
  sms.close();
});
