/** Debian's profanity in a terminal: two people, a chat, a room. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { Terminal } from './terminal.ts';

let skylark: Skylark;
const homes: string[] = [];
const terminals: Terminal[] = [];

before(async () => {
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
});

after(async () => {
  for (const terminal of terminals) terminal.close();
  for (const home of homes) rmSync(home, { recursive: true, force: true });
  await skylark.stop();
});

async function signIn(local: string, password: string): Promise<Terminal> {
  const home = mkdtempSync(join(tmpdir(), 'skylark-profanity-'));
  homes.push(home);
  const terminal = new Terminal(local, 'profanity', home);
  terminals.push(terminal);
  await terminal.see(/Profanity/);
  terminal.type(`/connect ${local}@localhost server 127.0.0.1 port ${skylark.ports.c2s} tls trust`);
  await terminal.see(/[Pp]assword/);
  terminal.type(password);
  await terminal.see(new RegExp(`${local}@localhost.*logged in successfully`));
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
  await juliet.see(/locked|new room|created/i);
  juliet.type('/room accept');
  juliet.type('/win 1');
  romeo.type('/join verona@conference.localhost nick romeo');
  await romeo.see(/You have joined the room as romeo/);
  romeo.type('two households, both alike in dignity');
  await romeo.see(/two households, both alike/);
  juliet.type('/win 3');
  await juliet.see(/romeo.*two households, both alike/);
});
