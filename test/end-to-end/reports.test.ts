/** XEP-0377 from the client to the operator: xmpp.js blocks and reports, and `skylark report` shows what was reported, tenant by tenant. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { xml } from '@xmpp/client';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

let skylark: Skylark;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.command('tenant', 'add', 'other.example');
});

after(() => skylark.stop());

test('a report is listed and removed by command, and what strangers wrote cannot write to the terminal', async () => {
  const service = `xmpps://127.0.0.1:${skylark.ports.c2sTls}`;
  const juliet = xmppjs({ service, domain: 'localhost', username: 'juliet', password: 'capulet' });
  juliet.on('error', () => undefined);
  await juliet.start();
  const text = xml('text', {}, 'He shouts:\n\u009b31m rubbish "quoted"');
  const report = xml('report', { xmlns: 'urn:xmpp:reporting:1', reason: 'urn:xmpp:reporting:abuse' }, text);
  const item = xml('item', { jid: 'tybalt@elsewhere.example' }, report);
  await juliet.iqCaller.request(xml('iq', { type: 'set' }, xml('block', { xmlns: 'urn:xmpp:blocking' }, item)));
  await juliet.stop();
  const listed = skylark.command('report', 'list', 'localhost');
  const [first, second, ...more] = listed.trimEnd().split('\n');
  const id =
    /^(\d{4}-\d\d-\d\d-[0-9a-f]{24}) {2}juliet@localhost reports "tybalt@elsewhere\.example" {2}"urn:xmpp:reporting:abuse"$/.exec(
      first!,
    )?.[1];
  assert.ok(id, listed);
  assert.equal(second, '    says "He shouts:\\n\\u009b31m rubbish \\"quoted\\""');
  assert.deepEqual(more, []);
  assert.equal(skylark.command('report', 'list', 'other.example'), '');
  assert.equal(JSON.parse(skylark.command('report', 'list', 'localhost', '--json')).by, 'juliet@localhost');
  assert.throws(() => skylark.command('report', 'remove', 'other.example', id), /there is no report/);
  assert.equal(skylark.command('report', 'remove', 'localhost', id), `removed ${id}\n`);
  assert.equal(skylark.command('report', 'list', 'localhost'), '');
});
