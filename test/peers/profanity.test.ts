/** Debian's profanity in a terminal: two people, a chat, a room. */
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { profanity } from './profanity.ts';
import type { Terminal } from './terminal.ts';

let skylark: Skylark;
const terminals: Terminal[] = [];

before(async () => {
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
  skylark.addUser('nurse@localhost', 'angelica');
  skylark.addUser('tybalt@localhost', 'prince');
});

after(async () => {
  for (const terminal of terminals) terminal.close();
  await skylark.stop();
});

async function signIn(local: string, password: string, isDirect = false): Promise<Terminal> {
  const terminal = await profanity(skylark, local, password, isDirect);
  terminals.push(terminal);
  return terminal;
}

test('profanity signs in over STARTTLS, chats and meets in a room', async () => {
  const juliet = await signIn('juliet', 'capulet');
  const romeo = await signIn('romeo', 'montague');
  juliet.type('/msg romeo@localhost wherefore art thou');
  await romeo.see(/juliet@localhost/);
  romeo.type('/win 2');
  await romeo.see(/wherefore art thou/);
  romeo.type('by a name I know not how to tell thee');
  await juliet.see(/by a name I know not how/);

  juliet.type('/join verona@conference.localhost nick juliet');
  await juliet.see(/Room locked/);
  juliet.type('/room accept');
  await juliet.see(/Room unlocked/); // until then nobody else gets in (XEP-0045 §10.1.3)
  juliet.type('/win 1');
  romeo.type('/join verona@conference.localhost nick romeo');
  await romeo.see(/You have joined the room as romeo/);
  romeo.type('two households, both alike in dignity');
  await romeo.see(/two households, both alike/);
  juliet.type('/win 3');
  await juliet.see(/romeo.*two households, both alike/);
});

test('profanity signs in over direct TLS, makes a friend, blocks a stranger, and runs a room', async () => {
  const nurse = await signIn('nurse', 'angelica', true);
  const tybalt = await signIn('tybalt', 'prince', true);
  nurse.type('/roster add tybalt@localhost Tybalt');
  await nurse.see(/Roster item added: tybalt@localhost \(Tybalt\)/);
  nurse.type('/sub request tybalt@localhost');
  await tybalt.see(/Received authorization request from nurse@localhost/);
  tybalt.type('/sub allow nurse@localhost');
  await nurse.see(/Subscription received from tybalt@localhost/);
  await nurse.see(/Tybalt .*is online/);
  nurse.type('/roster');
  await nurse.see(/tybalt@localhost \(Tybalt\) - to/);
  tybalt.type('/status set away "out fighting"');
  await nurse.see(/ Away \(0\)[^\n]*\n[^\n]*Tybalt/); // in the panel beside
  nurse.type('/disco items localhost');
  await nurse.see(/conference\.localhost/);
  nurse.type('/ping');
  await nurse.see(/Ping response from server/);
  nurse.type('/blocked add paris@localhost');
  await nurse.see(/User paris@localhost successfully blocked/);

  nurse.type('/join kitchen@conference.localhost nick nurse');
  await nurse.see(/Room locked/);
  nurse.type('/room accept');
  await nurse.see(/Room unlocked/);
  nurse.type('/subject set supper is ready');
  await nurse.see(/has set the room subject: supper is ready/);
  tybalt.type('/join kitchen@conference.localhost nick tybalt');
  await tybalt.see(/supper is ready/);
  await nurse.see(/Participants[^\n]*\n[^\n]* tybalt/);
  nurse.type('/kick tybalt brawling');
  await tybalt.see(/[Kk]icked from.*brawling/s);
  nurse.type('/room destroy');
  await nurse.see(/Room destroyed: kitchen@conference\.localhost/);
});
