/**
 * What people, clients and other tenants have written is stored, and shown in the console as the text that it is: nicks, reasons, names and
 * descriptions of rooms, reports and the messages in them, brands, announcements, groups.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { type Browser, type Ground, openGround } from './ground.ts';

/** A picture that would run a script, the end of an attribute, and of an element. */
const evil = (where: string) => `${where}<img src=x onerror=alert(1)>"'</dd></td></textarea><script>alert(2)</script>`;
const escaped = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');
const domain = 'a.example';
const hall = `hall@conference.${domain}`;
const base = `/console/tenants/${domain}`;

let ground: Ground;
let operator: Browser;
let juliet: StreamActor;

before(async () => {
  ground = await openGround();
  juliet = await ground.stage.join(`juliet@${domain}/balcony`);
  const romeo = await ground.stage.join('romeo@b.example/orchard');
  await enter(juliet, evil('nick'));
  const field = (name: string, value: string) => `<field var='muc#roomconfig_${name}'><value>${escaped(value)}</value></field>`;
  const form = `<x xmlns='jabber:x:data' type='submit'>${field('roomname', evil('name'))}${field('roomdesc', evil('description'))}</x>`;
  await juliet.ask('set', `<query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query>`, hall);
  await ground.operate('room-affiliate', {
    domain,
    room: 'hall',
    person: 'tybalt@b.example',
    affiliation: 'outcast',
    reason: evil('ban'),
  });
  await romeo.send(`<message to='juliet@${domain}' type='chat'><body>${escaped(evil('message'))}</body></message>`);
  const text = `<text>${escaped(evil('report'))}</text>`;
  const report = `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>${text}</report>`;
  await juliet.send(
    `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@b.example'>${report}</item></block></iq>`,
  );
  await ground.operate('tenant-set', { domain, brandName: evil('brand').slice(0, 60) });
  await ground.operate('announcement-send', { domain, text: evil('text'), subject: evil('subject') });
  await ground.operate('motd-set', { domain, text: evil('motd') });
  await ground.operate('roster-group-set', { domain, group: evil('group').slice(0, 40), members: ['juliet'] });
  operator = await ground.operator();
});
after(() => ground.close());

async function enter(actor: StreamActor, nick: string): Promise<void> {
  await actor.send(`<presence to='${hall}/${escaped(nick)}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await actor.until(
    () => actor.inbox.some((xml) => /code=['"]110['"]/.test(xml)),
    () => `did not enter: ${actor.inbox.join()}`,
  );
}

for (const [path, ...seen] of [
  [`${base}/rooms/hall`, 'nick', 'name', 'description', 'ban'],
  [`${base}/reports`, 'report'],
  [base, 'brand'],
  [`${base}/announcements`, 'text', 'subject', 'motd'],
  [`${base}/roster-groups`, 'group'],
  [`${base}/audit`, 'ban', 'motd', 'group'],
] as const)
  test(`${path}: ${seen.join(', ')}`, async () => {
    const { text, status } = await operator.get(path);
    assert.equal(status, 200);
    for (const what of seen) assert.ok(text.includes(`${what}&lt;img`), `${what} is shown, as text`);
    assert.doesNotMatch(text, /<img src=x|<script>alert|"'<\/dd>/);
  });

test('a brand, on the way in and in the list of tenants', async () => {
  for (const path of ['/console/tenants', '/console'])
    assert.doesNotMatch((await operator.get(path)).text, /<img src=x|<script>alert/);
});
