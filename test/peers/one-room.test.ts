/**
 * Four clients that nobody here wrote in one room: Converse runs it, profanity, Gajim and slixmpp come. Each step of one is looked for in
 * all the others. Leaves screenshots of the two that have windows.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';
import { enter, launchBrowser, logIn, open, say } from './converse-page.ts';
import { bookmark, GajimWindow } from './gajim-window.ts';
import { profanity } from './profanity.ts';
import { SlixmppOccupant } from './slixmpp-occupant.ts';
import type { Terminal } from './terminal.ts';

const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
const room = 'verona@conference.localhost';

let skylark: Skylark;
let browser: Browser | undefined;
let converse: Page;
let terminal: Terminal | undefined;
let gajim: GajimWindow | undefined;
let slixmpp: SlixmppOccupant | undefined;
const problems: string[] = [];

before(async () => {
  mkdirSync(shots, { recursive: true });
  skylark = await Skylark.start();
  for (const [local, password] of [
    ['juliet', 'capulet'],
    ['romeo', 'montague'],
    ['mercutio', 'queen-mab'],
    ['nurse', 'angelica'],
  ]) {
    skylark.addUser(`${local}@localhost`, password!);
  }
});

after(async () => {
  slixmpp?.close();
  gajim?.close();
  terminal?.close();
  await browser?.close();
  await skylark.stop();
});

/** In all four, whoever said it. */
async function everybodySees(text: string): Promise<void> {
  await converse.waitForSelector(`converse-muc >> text=${text}`);
  await terminal!.see(new RegExp(text));
  await slixmpp!.see(new RegExp(`^heard .*${text}`));
  await gajimHears(text);
}

async function gajimHears(text: string): Promise<void> {
  await until(
    () => gajim!.heard(room).some((line) => line.text === text),
    () => `${text} in Gajim, which has ${JSON.stringify(gajim!.heard(room))}`,
  );
}

/** Each needs the one before. */
async function step(title: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw new Error(title, { cause });
  }
}

test('Converse, profanity, Gajim and slixmpp in one room', async () => {
  await step('Converse opens the room, and sets its subject', async () => {
    browser = await launchBrowser();
    converse = await open(browser, `http://localhost:${skylark.ports.http}/`, 'juliet', problems);
    await logIn(converse, 'juliet@localhost', 'capulet');
    await enter(converse, room, 'juliet');
    await say(converse, '/topic In fair Verona');
    await converse.waitForSelector('text=In fair Verona');
    await say(converse, 'before the others came');
    await converse.waitForSelector('text=before the others came');
  });

  await step('the others enter, with the subject, the history and each other', async () => {
    slixmpp = new SlixmppOccupant(skylark, 'nurse/kitchen', room, 'nurse');
    await slixmpp.see(/^here juliet owner moderator/);
    await slixmpp.see(/^here nurse none participant +110/);
    await slixmpp.see(/^late juliet: before the others came/);
    await slixmpp.see(/^subject juliet: In fair Verona/);

    terminal = await profanity(skylark, 'romeo', 'montague');
    terminal.type(`/join ${room} nick romeo`);
    await terminal.see(/You have joined the room as romeo/);
    await terminal.see(/before the others came/);
    await terminal.see(/In fair Verona/);
    await slixmpp.see(/^here romeo none participant/);

    const mercutio = await TcpClient.signIn(skylark.ports.c2sTls, 'mercutio@localhost/setup', 'queen-mab');
    await mercutio.ask('bookmark', bookmark(room, 'mercutio'));
    await mercutio.close();
    gajim = await GajimWindow.open(skylark, { local: 'mercutio', domain: 'localhost', password: 'queen-mab' }, { room });
    await slixmpp.see(/^here mercutio none participant/);
    await gajimHears('before the others came');
    await terminal.see(/mercutio/);
    await converse.waitForSelector('converse-muc >> text=mercutio');
  });

  await step('each one speaks, and all hear', async () => {
    await say(converse, 'Juliet speaks');
    await everybodySees('Juliet speaks');
    terminal!.type('Romeo speaks');
    await everybodySees('Romeo speaks');
    slixmpp!.do('say The nurse speaks');
    await everybodySees('The nurse speaks');
    await gajim!.typeUntil('Mercutio speaks', () => slixmpp!.seen(/^heard mercutio: Mercutio speaks/).length > 0);
    await everybodySees('Mercutio speaks');
  });

  await step('a word in private reaches one', async () => {
    terminal!.type('/msg nurse between the two of us');
    await slixmpp!.see(/^whispered romeo: between the two of us/);
    terminal!.type('/win 2'); // back from the window that this opened
    slixmpp!.do('to mercutio only for Mercutio');
    slixmpp!.do('say for all');
    await everybodySees('for all');
    assert.equal(await converse.locator('converse-muc >> text=/between the two of us|only for Mercutio/').count(), 0);
    assert.doesNotMatch(terminal!.screen(), /only for Mercutio/);
  });

  await step('slixmpp changes its nick, Gajim is away, and all see it', async () => {
    slixmpp!.do('nick angelica');
    await slixmpp!.see(/^goes nurse none participant +110 303/);
    await slixmpp!.see(/^here angelica none participant +110/);
    await terminal!.see(/nurse is now known as angelica/);
    await converse.waitForSelector('converse-muc >> text=angelica');
    slixmpp!.do('say under another name');
    await everybodySees('under another name');
    await gajim!.typeUntil('/status away', () => slixmpp!.seen(/^here mercutio none participant away/).length > 0);
  });

  await step('Converse makes one a member, and lets another set the subject', async () => {
    await say(converse, '/member angelica');
    await slixmpp!.see(/^here angelica member participant/);
    slixmpp!.do('subject not hers to set');
    await slixmpp!.see(/^refused forbidden/);
    await say(converse, '/op angelica');
    await slixmpp!.see(/^here angelica member moderator/);
    slixmpp!.do('subject A plague on both');
    await converse.waitForSelector('text=A plague on both');
    await terminal!.see(/A plague on both/);
    await converse.screenshot({ path: `${shots}one-room-converse.png` });
    gajim!.screenshot(`${shots}one-room-gajim.png`);
  });

  await step('Gajim, an admin now, silences one, gives them their voice back, and kicks them', async () => {
    await say(converse, '/admin mercutio');
    await slixmpp!.see(/^here mercutio admin moderator/);
    await gajim!.typeUntil('/role romeo visitor', () => slixmpp!.seen(/^here romeo none visitor/).length > 0);
    terminal!.type('unheard');
    await terminal!.see(/visitors may not speak/);
    await gajim!.typeUntil('/role romeo participant', () => slixmpp!.seen(/^here romeo none participant/).length > 0);
    await gajim!.typeUntil('/kick romeo climbing', () => slixmpp!.seen(/^goes romeo none none +307/).length > 0);
    await terminal!.see(/[Kk]icked from.*climbing/s);
    assert.deepEqual(slixmpp!.seen(/unheard/), []);
  });

  await step('one comes back, is banned, and comes no more', async () => {
    slixmpp!.forget();
    terminal!.type(`/join ${room} nick romeo`);
    await slixmpp!.see(/^here romeo none participant/);
    await say(converse, '/ban romeo exile');
    await terminal!.see(/[Bb]anned from.*exile/s);
    await slixmpp!.see(/^goes romeo outcast none +301/);
    terminal!.type(`/join ${room} nick romeo`);
    await terminal!.see(/forbidden|You have been banned/i);
    assert.deepEqual(slixmpp!.seen(/^here romeo/), []);
  });

  await step('one leaves, and the rest see it', async () => {
    slixmpp!.do('leave');
    await converse.waitForSelector('text=/angelica.*left/');
    assert.deepEqual(problems, []);
  });
});
