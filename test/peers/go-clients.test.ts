/**
 * Clients in Go, over STARTTLS with certificates from the store: Debian's go-sendxmpp, which ends each line that it writes, and
 * mellium.im/xmpp (`mellium/`), which signs in by a full JID, though it lets the server choose the resource. Two tenants, and both ways.
 * mellium needs Go 1.23, which Debian 12 has in its backports alone: with an older one its tests are skipped.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Skylark } from '../support/skylark.ts';
import { type Address, authoritiesIn, buildGo, passwords, Running, startTwoTenants, tooOld } from './go-program.ts';

const [juliet, romeo] = ['juliet@one.example', 'romeo@two.example'] as const;

const folder = mkdtempSync(join(tmpdir(), 'skylark-go-'));
const program = join(folder, 'mellium');
const authorities = authoritiesIn(folder);
let skylark: Skylark;

const withMellium = { skip: tooOld('mellium', 23) };

before(async () => {
  if (!withMellium.skip) buildGo('./mellium', program);
  skylark = await startTwoTenants(folder);
});

after(async () => {
  await skylark?.stop();
  rmSync(folder, { recursive: true });
});

const address = (): string => `127.0.0.1:${skylark.ports.c2s}`;

function mellium(own: Address, resource: string, peer: string, says: string, waitsFor: string): Running {
  return new Running(program, [address(), `${own}/${resource}`, passwords[own], peer, says, waitsFor, authorities]);
}

function goSendxmpp(own: Address, input: string, ...args: string[]): Running {
  return new Running('go-sendxmpp', ['-n', '-u', own, '-p', passwords[own], '-j', address(), ...args], input);
}

test('mellium signs in by a full JID in both tenants, and the two talk', withMellium, async () => {
  // Whoever is there first hears of the other's message; it is kept for whoever comes later.
  const first = mellium(juliet, 'balcony', romeo, 'Art thou not Romeo?', 'Neither, fair saint');
  await first.says(/bound juliet@one\.example\/\S+\n/);
  const second = mellium(romeo, 'orchard', juliet, 'Neither, fair saint', 'Art thou not Romeo?');
  assert.deepEqual([await first.ended, await second.ended], [0, 0], first.output + second.output);
  assert.match(first.output, /got Neither, fair saint from romeo@two\.example\/\S+\n/);
  assert.match(second.output, /bound romeo@two\.example\/\S+\n/);
  assert.match(second.output, /got Art thou not Romeo\? from juliet@one\.example\/\S+\n/);
});

test('go-sendxmpp signs in, and what it sends is heard by mellium of the other tenant, and answered', withMellium, async () => {
  const listening = goSendxmpp(juliet, '', '-l');
  const person = mellium(romeo, 'orchard', juliet, 'I take thee at thy word', 'O Romeo, Romeo!');
  await listening.says(/I take thee at thy word/);
  const sending = goSendxmpp(juliet, 'O Romeo, Romeo!', romeo);
  assert.equal(await sending.ended, 0, sending.output);
  assert.equal(await person.ended, 0, person.output);
  listening.kill();
});

test('go-sendxmpp sends from one tenant and listens in the other, over STARTTLS', async () => {
  const listening = goSendxmpp(romeo, '', '-l');
  const sending = goSendxmpp(juliet, 'Good night, good night!', romeo);
  assert.equal(await sending.ended, 0, sending.output);
  await listening.says(/juliet@one\.example.*Good night, good night!/s);
  listening.kill();
});
