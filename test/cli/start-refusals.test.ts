/** What `skylark start` prints, and what it says when the folder, the address, a port or the domain cannot be had. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { anyPorts, removeFolder, Service, skylark, stopWhenSaid, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const isPosix = process.platform !== 'win32';

describe('skylark start', { concurrency: 3 }, () => {
  test('what it prints for people names each port, the page, and how to add an account', async () => {
    const data = join(folder, "o'neill");
    const { out, code } = await stopWhenSaid(['start', '--data', data, '--domain', 'example.org', ...anyPorts], 'Stop: ');
    assert.match(out, /^Skylark \d+\.\d+\.\d+ serves example\.org; everything is kept in /);
    for (const purpose of [
      'XMPP clients \\(STARTTLS\\)',
      'XMPP clients \\(direct TLS\\)',
      'web client and WebSocket',
      'the same over TLS',
    ]) {
      assert.match(out, new RegExp(`^  ${purpose} +127\\.0\\.0\\.1:\\d+$`, 'm'));
    }
    assert.match(out, /^Try it: +http:\/\/localhost:\d+\/$/m);
    assert.match(
      out,
      /^Add an account: +npx skylark user add you@example\.org --data '.*o'\\''neill' +\(or in the browser: registration is open\)$/m,
    );
    assert.match(out, /^Console: +http:\/\/localhost:\d+\/console\/enter\/[\w-]{43} +\(opens once\)$/m);
    assert.ok(out.trimEnd().split('\n').length <= 10, 'it fits a glance');
    assert.equal(code, 0);
  });

  test('registration is what the last start says', async () => {
    const data = join(folder, 'registration');
    const list = ['tenant', 'list', '--json', '--data', data];
    for (const [flags, expected] of [
      [[], 'open'],
      [['--registration=closed'], 'closed'],
      [[], 'open'],
    ] as const) {
      const service = await Service.start(['start', '--data', data, ...anyPorts, ...flags]);
      const { out } = await skylark(list);
      assert.equal((JSON.parse(out) as { registration: string }).registration, expected);
      assert.equal(await service.stop(), 0);
    }
  });

  test('a data folder that cannot be one is named', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { err, code } = await skylark(['start', '--data', file, ...anyPorts]);
    assert.equal(err, `skylark: --data: '${file}' cannot be used as the data folder: there is something else by that name\n`);
    assert.equal(code, 1);
  });

  test('an address that this machine does not have is named', async () => {
    const { err, code } = await skylark(['start', '--data', join(folder, 'elsewhere'), '--bind', '192.0.2.1', ...anyPorts]);
    assert.equal(err.trimEnd().split('\n').at(-1), "skylark: --bind: '192.0.2.1' is not an address of this machine");
    assert.equal(code, 1);
  });

  test('a folder that others can look into is used as it is, with a warning', { skip: !isPosix }, async () => {
    const data = join(folder, 'open');
    mkdirSync(data);
    const service = await Service.start(['start', '--data', data, ...anyPorts]);
    assert.equal(await service.stop(), 0);
    assert.match(service.said.err, /other users of this machine can read the data folder/);
    assert.equal(statSync(join(data, 'skylark.db')).mode & 0o077, 0);
  });

  test('a domain that is where the rooms of another are is refused, and leaves no lock', async () => {
    const data = join(folder, 'rooms');
    const first = await Service.start(['start', '--domain', 'example.org', '--data', data, ...anyPorts]);
    assert.equal(await first.stop(), 0);
    const { err, code } = await skylark(['start', '--domain', 'conference.example.org', '--data', data, ...anyPorts]);
    assert.match(err.trimEnd().split('\n').at(-1)!, /^skylark: --domain: 'conference\.example\.org' is where the rooms/);
    assert.equal(code, 1);
  });

  test('a port that something else than Skylark has is named as well', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const ports = [...anyPorts.slice(1), `--c2s-port=${port}`];
    const { err } = await skylark(['start', '--data', join(folder, 'other'), ...ports]);
    other.close();
    assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} \\(--c2s-port\\)`));
  });
});
