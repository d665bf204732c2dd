/** The pages of a tenant that show more than one operation gives: its DNS records, and its announcements page by page. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { noteCell } from '../../lib/runtime/cells.ts';
import { consoleOutside } from '../../services/cli/commands/console-outside.ts';
import { type Ground, openGround } from './ground.ts';

let ground: Ground;
afterEach(() => ground.close());

const { recordsOf } = consoleOutside;
const path = '/console/tenants/a.example/dns';
const targets = (text: string) =>
  new Map(
    [...text.matchAll(/<code>(_[\w.-]+)<\/code>[\s\S]*?<code>[\d ]+ ([\w.-]+)\.<\/code>/g)].map(([, name, target]) => [
      name!,
      target!,
    ]),
  );

test('one process shows the records at once, with the name under which it is looked at', async () => {
  ground = await openGround({ outside: { recordsOf: recordsOf!, examine: async () => [] } });
  const shown = targets((await (await ground.operator()).get(path)).text);
  assert.equal(shown.get('_xmpp-client._tcp.a.example'), 'chat.example');
  assert.equal(shown.get('_xmpp-server._tcp.a.example'), 'chat.example');
  const other = await (await ground.admin('a.example')).get(`${path}?target=lb.example.net`);
  assert.equal(targets(other.text).get('_xmpps-client._tcp.a.example'), 'lb.example.net');
});

test('it guesses nothing where it is looked at by an address, or by a name that is on this machine alone', async () => {
  ground = await openGround({ outside: { recordsOf: recordsOf!, examine: async () => [] } });
  for (const at of ['http://127.0.0.1:5280', 'http://localhost:5280', 'http://[::1]:5280']) {
    const browser = ground.browser();
    const link = (await ground.link()).split('/').at(-1)!;
    await browser.post('/console/enter', { link }, { at, address: '127.0.0.1' });
    const { text, status } = await browser.get(path, { at, address: '127.0.0.1' });
    assert.equal(status, 200, at);
    assert.equal(targets(text).size, 0, at);
  }
});

test('in a cell, operators are shown what the cell has told, and tenants are not shown where the pages are', async () => {
  ground = await openGround({ outside: { recordsOf: recordsOf! } });
  await noteCell(ground.stage.dependencies.store, { name: 'c1', host: 'lb.example.net', serversHost: 'servers.example.net' });
  const shown = targets((await (await ground.operator()).get(path)).text);
  assert.equal(shown.get('_xmpp-client._tcp.a.example'), 'lb.example.net');
  assert.equal(shown.get('_xmpp-server._tcp.a.example'), 'servers.example.net');
  assert.equal(targets((await (await ground.admin('a.example')).get(path)).text).size, 0);
});

test('announcements that do not fit on a page are on the next', async () => {
  ground = await openGround();
  const operator = await ground.operator();
  for (let count = 0; count < 21; count++) {
    const { id } = await ground.operate<{ id: string }>('announcement-send', { domain: 'a.example', text: `number ${count}.` });
    await ground.operate('announcement-cancel', { domain: 'a.example', id });
  }
  const at = '/console/tenants/a.example/announcements';
  const first = (await operator.get(at)).text;
  assert.match(first, /number 20\./);
  assert.doesNotMatch(first, /number 0\./);
  const next = /href="([^"]*\?after=[^"]+)"/.exec(first)![1]!;
  const second = (await operator.get(next)).text;
  assert.match(second, /number 0\./);
  assert.doesNotMatch(second, /number 20\./);
});

test('a tenant whose domain is not proven is shown with the record that its DNS lacks, and a button that looks for it', async () => {
  const texts: string[] = [];
  ground = await openGround({ wrap: (parts) => ({ ...parts, lookUpTexts: async () => texts }) });
  const operator = await ground.operator();
  await operator.does('tenant-add', { domain: 'c.example', prove: 'yes' });
  const list = async () => (await operator.get('/console/tenants')).text;
  const [, record] = /<code>_skylark-proof\.c\.example\. TXT &quot;(skylark-proof=[\w-]{43})&quot;<\/code>/.exec(await list())!;
  assert.match((await operator.does('tenant-prove', { domain: 'c.example' })).text, /is not proven: there is no TXT record/);
  texts.push(record!);
  assert.equal((await operator.does('tenant-prove', { domain: 'c.example' })).status, 303);
  assert.doesNotMatch(await list(), /_skylark-proof|not served yet/);
});
