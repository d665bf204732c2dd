/**
 * The package of `npm run package`: lintian's view of it, and a clean Debian, booted by systemd, in which it is installed, serves, is set up for
 * another domain, installed again, removed and purged.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BootedMachine, cannotBoot } from './booted-machine.ts';

const script = fileURLToPath(new URL('../../bin/package.ts', import.meta.url));
const debian = process.env.SKYLARK_DEBIAN_ROOT;
const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0;
const hasLintian = spawnSync('lintian', ['--version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'skylark-package-'));
let file = '';

before(() => {
  if (!hasDpkg) return;
  const args = [script, '--out', folder, '--quick'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  file = join(folder, readdirSync(folder)[0]!);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('lintian finds no error, and nothing that is not explained', { skip: !hasLintian && 'there is no lintian' }, () => {
  const { stdout } = spawnSync('lintian', ['--fail-on', 'error', '--no-tag-display-limit', file], { encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => /^[EW]: /.test(line));
  assert.deepEqual(lines, []);
});

const why =
  cannotBoot ||
  (debian === undefined && 'SKYLARK_DEBIAN_ROOT is a folder that .ci/debian-root has filled') ||
  (!hasDpkg && 'there is no dpkg');
describe('in a clean Debian', { skip: why }, () => {
  let machine: BootedMachine;
  const shell = (line: string, input?: Buffer) => machine.run('sh', ['-c', line], input);
  const property = (name: string) => machine.run('systemctl', ['show', '-P', name, 'skylark']).out.trim();
  const certificate = (port: number, domain: string) =>
    shell(`openssl s_client -connect 127.0.0.1:${port} -servername ${domain} </dev/null 2>/dev/null | grep subject`).out.trim();
  before(async () => {
    machine = await BootedMachine.boot(debian);
  });
  after(() => machine?.stop());

  test('it has no Node, and the package brings its own', () => {
    assert.equal(shell('command -v node nodejs npm').out, '');
    const install = shell('cat > /tmp/skylark.deb && dpkg -i /tmp/skylark.deb', readFileSync(file));
    assert.equal(install.code, 0, `${install.out}${install.err}`);
    assert.deepEqual(['ActiveState', 'StatusText', 'User', 'UnitFileState'].map(property), [
      'active',
      'serves localhost',
      'skylark',
      'enabled',
    ]);
    assert.equal(certificate(5223, 'localhost'), 'subject=CN = localhost');
    assert.equal(shell('stat -c "%U %a" /var/lib/skylark /var/lib/skylark/skylark.db').out, 'skylark 700\nskylark 600\n');
  });

  test('its commands find the service by its settings', () => {
    for (const line of ['skylark tenant add b.example', 'echo wherefore | skylark user add juliet@b.example']) {
      const { err, code } = shell(line);
      assert.deepEqual([err, code], ['', 0], line);
    }
    assert.match(shell('skylark user list b.example').out, /juliet@b\.example/);
    assert.match(shell('skylark --version').out, /^\d+\.\d+\.\d+\n$/);
  });

  test('it brings a manual page, completion, and the licences of what is in it', () => {
    assert.match(shell('zcat /usr/share/man/man1/skylark.1.gz').out, /^\.TH SKYLARK 1 /m);
    assert.match(shell('cat /usr/share/bash-completion/completions/skylark').out, /complete -F _skylark skylark/);
    const licences = shell('zcat /usr/share/doc/skylark/third-party-licenses.gz').out;
    for (const name of ['zod', 'converse.js', 'smol-toml', 'hono']) assert.match(licences, new RegExp(`^${name} \\d`, 'm'), name);
    assert.match(shell('zcat /usr/share/doc/skylark/node-license.gz').out, /Node\.js is licensed/);
  });

  test('settings that somebody has changed stay when it is installed again, and the service restarts', () => {
    shell('echo "health-port = 5281" >> /etc/skylark/skylark.toml');
    const again = shell('dpkg -i /tmp/skylark.deb < /dev/null');
    assert.equal(again.code, 0, again.err);
    assert.equal(property('ActiveState'), 'active');
    const health = shell('cat /proc/net/tcp');
    assert.match(health.out, /:14A1 00000000:0000 0A/, 'somebody listens on port 5281');
  });

  test('skylark setup and service install give it another domain and port 443, with the same data', () => {
    const setup = shell('skylark setup --yes --replace --domain c.example --reach web && skylark service install');
    assert.deepEqual([setup.err, setup.code], ['', 0]);
    assert.deepEqual(['ActiveState', 'StatusText', 'FragmentPath'].map(property), [
      'active',
      'serves c.example',
      '/etc/systemd/system/skylark.service',
    ]);
    assert.match(certificate(443, 'c.example'), /^subject=CN = /);
    assert.match(shell('skylark tenant list').out, /b\.example[\s\S]*c\.example[\s\S]*localhost/);
  });

  test('it goes without a rest but what people wrote, of which it says where it is', () => {
    shell('rm /etc/systemd/system/skylark.service; systemctl daemon-reload; systemctl restart skylark');
    assert.equal(shell('dpkg --remove skylark').code, 0);
    assert.equal(property('ActiveState'), 'inactive');
    assert.equal(shell('ls /etc/skylark/skylark.toml').code, 0);
    const purge = shell('dpkg --purge skylark');
    assert.equal(purge.code, 0, purge.err);
    assert.match(purge.err, /what people wrote stays in \/var\/lib\/skylark/);
    assert.equal(
      shell('ls -d /etc/skylark /usr/lib/skylark /usr/bin/skylark /etc/systemd/system/multi-user.target.wants/skylark.service')
        .out,
      '',
    );
    assert.equal(shell('ls /var/lib/skylark/skylark.db').code, 0);
  });
});
