/**
 * The failure line in the log of a real service, held against the filters that docs/operations.md gives to fail2ban: each failure is
 * found with the address it came from, and nothing else is.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { HostilePeer, plainAuth } from '../support/hostile-peer.ts';
import { Skylark } from '../support/skylark.ts';

let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
});
after(() => skylark?.stop());

/** As fail2ban reads it: `<HOST>` is an address. */
function filterOfDocs(): RegExp {
  const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const line = /^failregex = (.+)$/m.exec(docs)?.[1];
  assert.ok(line, 'docs/operations.md has a failregex');
  return new RegExp(line.replace('<HOST>', '(?<host>[0-9A-Fa-f:.]+)'));
}

test('the filter of docs/operations.md finds each failed sign-in and its address', async () => {
  const filter = filterOfDocs();
  const peer = await HostilePeer.connect('TLS', skylark);
  await peer.open();
  for (const name of ['juliet', 'nobody', 'Juliet']) {
    peer.send(plainAuth(name, 'wrong'));
    await peer.wire.read(/<failure [^>]*><not-authorized\/><\/failure>/);
  }
  await peer.signInAgain('juliet', 'capulet');
  peer.wire.destroy();
  const lines = () => skylark.output.split('\n').filter((line) => filter.test(line));
  for (let tries = 0; tries < 100 && lines().length < 3; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(
    lines().map((line) => filter.exec(line)!.groups!.host),
    ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
  );
  assert.match(lines()[1]!, /"account":"nobody@localhost"/);
});

test('the filter that others have for Prosody finds the message, too', async () => {
  const prosody = /Failed authentication attempt \(not-authorized\) for user (\S+) from IP: ([0-9a-f.:]+)/;
  const found = skylark.output.split('\n').flatMap((line) => prosody.exec(line)?.slice(1, 3).join(' ') ?? []);
  assert.deepEqual(found, ['juliet@localhost 127.0.0.1', 'nobody@localhost 127.0.0.1', 'juliet@localhost 127.0.0.1']);
});
