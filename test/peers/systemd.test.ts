/** The unit of `skylark service install` under Debian's systemd: what it judges of it, and the service in a machine that it has booted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BootedMachine, cannotBoot, inMachine } from './booted-machine.ts';

const main = fileURLToPath(new URL('../../services/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'skylark-unit-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;

/** Writes settings and prints the unit for them. @returns the path of the unit */
function printUnit(name: string, flags: readonly string[]): string {
  const settings = join(folder, `${name}.toml`);
  const setup = spawnSync(process.execPath, [main, 'setup', '--yes', '--settings', settings, ...flags], { encoding: 'utf8' });
  assert.equal(setup.status, 0, setup.stderr);
  const args = [main, 'service', 'install', '--print', '--settings', settings];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.deepEqual([stderr, status], ['', 0]);
  const unit = join(folder, `${name}.service`);
  writeFileSync(unit, stdout);
  return unit;
}

describe('systemd-analyze', { skip: !hasAnalyze && 'there is no systemd' }, () => {
  for (const [name, flags, score] of [
    ['plain', ['--domain=a.example', '--reach=everyone', '--data=/var/lib/skylark'], 17],
    ['low', ['--domain=b.example', '--reach=web', '--data=/srv/its data/50%'], 20],
    ['home', ['--domain=b.example', '--reach=everyone', `--data=${['', 'home', 'somebody', 'xmpp'].join('/')}`], 20],
  ] as const) {
    test(`finds nothing wrong with the unit, and little that it leaves open: ${name}`, () => {
      const unit = printUnit(name, flags);
      const verified = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
      assert.deepEqual([verified.stdout, verified.stderr, verified.status], ['', '', 0]);
      const judged = spawnSync('systemd-analyze', ['security', '--offline=true', `--threshold=${score}`, unit], {
        encoding: 'utf8',
      });
      assert.equal(judged.status, 0, judged.stdout);
    });
  }

  test('finds a fault that is planted', () => {
    const unit = printUnit('planted', ['--domain=a.example']);
    const open = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=5', unit], { encoding: 'utf8' });
    assert.equal(open.status, 1, 'nothing is that closed');
  });
});

describe('in a machine with systemd', { skip: cannotBoot }, () => {
  let machine: BootedMachine;
  const skylark = (...args: string[]) => machine.run(inMachine(process.execPath), [inMachine(main), ...args]);
  const property = (name: string) => machine.run('systemctl', ['show', '-P', name, 'skylark']).out.trim();
  before(async () => {
    machine = await BootedMachine.boot();
  });
  after(() => machine?.stop());

  test('settings, then the service: it is ready when it says so, under its own user, on port 443 too', () => {
    const missing = skylark('service', 'install');
    assert.match(
      missing.err,
      /^skylark: there are no settings in '\/etc\/skylark\/skylark\.toml': write them with skylark setup first/,
    );
    const setup = skylark('setup', '--yes', '--domain', 'a.example', '--reach', 'web');
    assert.deepEqual([setup.err, setup.code], ['', 0]);
    const install = skylark('service', 'install');
    assert.deepEqual([install.err, install.code], ['', 0], machine.run('journalctl', ['-u', 'skylark']).out);
    assert.deepEqual(['ActiveState', 'Type', 'StatusText', 'User'].map(property), [
      'active',
      'notify',
      'serves a.example',
      'skylark',
    ]);
    const process = `/proc/${property('MainPID')}`;
    const status = machine.run('cat', [`${process}/status`]).out;
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.match(status, /^CapEff:\t0000000000000400$/m);
    // A host may have less to give than the unit asks for.
    const files = /^Max open files +(\d+) /m.exec(machine.run('cat', [`${process}/limits`]).out)?.[1];
    assert.equal(Number(files), Math.min(65_536, Number(spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout)));
    const hello = machine.run(
      'openssl',
      ['s_client', '-connect', '127.0.0.1:443', '-servername', 'a.example'],
      'GET / HTTP/1.0\r\n\r\n',
    );
    assert.match(hello.out, /subject=CN = a\.example/);
  });

  test('root asks it by its settings, and adds another domain', () => {
    const added = skylark('tenant', 'add', 'b.example');
    assert.deepEqual([added.err, added.code], ['', 0]);
    assert.match(skylark('tenant', 'list').out, /^b\.example$/m);
    const journal = machine.run('journalctl', ['-u', 'skylark']).out;
    assert.match(journal, /Console: +skylark console prints a link/);
    assert.doesNotMatch(journal, /console\/enter/, 'who reads the journal is not let in');
    const stream = ['s_client', '-starttls', 'xmpp', '-xmpphost', 'b.example', '-connect', '127.0.0.1:5222'];
    assert.match(machine.run('openssl', stream).out, /Verify return code/);
  });

  test('it comes back when it was killed, and stops in order', () => {
    const pid = property('MainPID');
    machine.run('kill', ['-9', pid]);
    for (let step = 0; step < 100 && (property('MainPID') === pid || property('ActiveState') !== 'active'); step++)
      machine.run('sleep', ['0.1']);
    assert.notEqual(property('MainPID'), pid);
    assert.equal(property('NRestarts'), '1');
    machine.run('systemctl', ['stop', 'skylark']);
    assert.deepEqual(['ActiveState', 'Result', 'ExecMainStatus'].map(property), ['inactive', 'success', '0']);
  });

  test('what root did while it stood still does not keep it from starting', () => {
    for (const args of [
      ['user', 'add', 'juliet@a.example', '--password', 'wherefore'],
      ['backup', '/srv/copy', '--keys', '/srv/keys'],
      ['restore', '/srv/copy', '--replace'],
      ['component', 'add', 'irc.b.example'],
      ['user', 'add', 'romeo@b.example', '--password', 'therefore'],
    ]) {
      const { err, code } = skylark(...args);
      assert.deepEqual([err, code], ['', 0], args.join(' '));
    }
    machine.run('systemctl', ['start', 'skylark']);
    assert.equal(property('ActiveState'), 'active', machine.run('journalctl', ['-u', 'skylark', '-n', '20']).out);
    assert.match(skylark('user', 'list').out, /juliet@a\.example[\s\S]*romeo@b\.example/);
  });

  test('wrong settings end it once, with a sentence in the journal', () => {
    machine.run('sh', ['-c', "echo 'c2s_port = 1' >> /etc/skylark/skylark.toml"]);
    machine.run('systemctl', ['restart', 'skylark']);
    machine.run('sleep', ['2']);
    assert.deepEqual(['ActiveState', 'NRestarts', 'ExecMainStatus'].map(property), ['failed', '0', '2']);
    assert.match(machine.run('journalctl', ['-u', 'skylark']).out, /'c2s_port' is an unknown setting; 'c2s-port' is one/);
  });
});
