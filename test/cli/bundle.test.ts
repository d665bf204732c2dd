/** The bundle that images are made of: whole, the same each time, and the same program. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TcpClient } from '../support/tcp-client.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const script = fileURLToPath(new URL('../../bin/bundle.ts', import.meta.url));
const folder = temporaryFolder();
after(() => removeFolder(folder));

function bundle(name: string, out: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--out', out, name], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

function digest(out: string): string {
  const hash = createHash('sha256');
  for (const path of globSync('**', { cwd: out }).sort()) {
    if (statSync(join(out, path)).isFile())
      hash
        .update(path)
        .update('\0')
        .update(readFileSync(join(out, path)))
        .update('\0');
  }
  return hash.digest('hex');
}

describe('the bundle of the command line', () => {
  const [one, other] = [join(folder, 'one'), join(folder, 'other')];
  /** Nothing but the bundle, in no folder of the project; the process stands elsewhere. */
  const image = join(folder, 'image');
  const elsewhere = join(folder, 'elsewhere');
  before(() => {
    assert.match(bundle('skylark', one), /^skylark: \d+\.\d MiB\n$/);
    cpSync(join(one, 'skylark'), image, { recursive: true });
    mkdirSync(elsewhere);
  });

  test('has the same bytes each time', () => {
    bundle('skylark', other);
    assert.equal(digest(join(one, 'skylark')), digest(join(other, 'skylark')));
  });

  test('asks for no package', () => {
    const text = readFileSync(join(image, 'index.mjs'), 'utf8');
    const imported = [...text.matchAll(/^import\b[^'"\n]*['"]([^'"\n]+)['"];$/gm)].map(([, name]) => name!);
    assert.ok(imported.length > 10);
    assert.deepEqual(
      imported.filter(
        (name) =>
          !name.startsWith('node:') &&
          !/^(?:assert|buffer|child_process|crypto|dns|events|fs|fs\/promises|http|http2|https|module|net|os|path|process|punycode|querystring|stream|string_decoder|timers|tls|tty|url|util|worker_threads|zlib)$/.test(
            name,
          ),
      ),
      [],
    );
  });

  test('says its version, and what is wrong', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    const program = { program: join(image, 'index.mjs'), cwd: elsewhere };
    assert.deepEqual(await skylark(['--version'], program), { out: `${version}\n`, err: '', code: 0 });
    const { err, code } = await skylark(['serve', 'router', '--dynamodb', 'http://127.0.0.1:1'], program);
    assert.match(err, /^skylark: --nats is needed/m);
    assert.equal(code, 2);
  });

  test('serves streams, rows in SQLite, and pages with the client', async () => {
    const program = { program: join(image, 'index.mjs'), cwd: elsewhere };
    const data = join(folder, 'data');
    const service = await Service.start(['start', '--data', data, ...anyPorts], 'listening', program);
    try {
      const added = await skylark(['user', 'add', 'juliet@localhost', '--data', data, '--password', 'pw'], program);
      assert.equal(added.code, 0, added.err);
      const juliet = await TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@localhost/balcony', 'pw');
      await juliet.close();
      const client = await fetch(`http://127.0.0.1:${service.addresses.http!.port}/client/converse.min.js`, { method: 'HEAD' });
      assert.equal(client.status, 200);
    } finally {
      assert.equal(await service.stop(), 0, service.said.err);
    }
  });
});
