/** `skylark user …` and `skylark tenant …`, with the service running and without it. */
import assert from 'node:assert/strict';
import { chmodSync, realpathSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { policyKeys } from '../../lib/runtime/policy/tenant-policy.ts';
import { openAdmin } from '../../services/cli/commands/admin-client.ts';
import { adminAddress } from '../../services/cli/compose/admin-address.ts';
import { programLimits } from '../../services/cli/limits.ts';
import { userAdd, userRemove } from '../../services/router/operations/users.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { anyPorts, type Finished, type RunOptions, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const data = join(folder, 'data');

function run(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return skylark([...args, '--data', data], options);
}

async function expectOutput(args: readonly string[], out: string, options?: RunOptions): Promise<void> {
  assert.deepEqual(await run(args, options), { out, err: '', code: 0 });
}

async function expectRefusal(args: readonly string[], said: string, options?: RunOptions): Promise<void> {
  assert.deepEqual(await run(args, options), { out: '', err: `skylark: ${said}\n`, code: 1 });
}

before(async () => {
  const first = await Service.start(['start', '--data', data, ...anyPorts]);
  assert.equal(await first.stop(), 0);
});

/** The same twice; `name` keeps the accounts apart. */
function operate(name: string): void {
  const jid = `${name}@localhost`;
  test('adds an account with a password from its input, up to the end of the line', async () => {
    await expectOutput(['user', 'add', jid], `added ${jid}\n`, { input: 'one\r\nnot this\n' });
  });
  test('adds no account twice', async () => {
    await expectRefusal(
      ['user', 'add', jid, '--password', 'two'],
      `there is an account '${jid}' already; change its password with: skylark user password ${jid}`,
    );
  });
  test('changes a password', async () => {
    await expectOutput(['user', 'password', jid, '--password=-three'], `changed the password of ${jid}\n`);
  });
  test('adds, lists and removes a tenant', async () => {
    const domain = `and-${name}.example`;
    await expectOutput(['tenant', 'add', domain, '--registration=open'], `added ${domain}; registration is open\n`);
    await expectOutput(['tenant', 'list'], `${domain}\nlocalhost\n`);
    const { out } = await run(['tenant', 'list', '--json']);
    const [tenant] = out.split('\n').map((line) => line && (JSON.parse(line) as Record<string, unknown>));
    assert.deepEqual({ ...(tenant as object), createdAt: '' }, { domain, createdAt: '', registration: 'open', retentionDays: 0 });
    const set = ['tenant', 'set', domain, '--federation=listed', '--allow', 'b.example, C.example', '--hold=0'];
    const { out: policy } = await run(set);
    const keys = Object.keys(policyKeys).map((key) => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
    const [title, ...lines] = policy.trimEnd().split('\n');
    assert.equal(title, `${domain}: version 1 of its policy`);
    assert.deepEqual(new Set(lines.map((line) => line.trim().split(': ', 1)[0])), new Set(keys), 'every key');
    assert.equal(lines.length, keys.length);
    for (const line of [
      'registration: open',
      'federation: listed',
      'allow: b.example,c.example',
      'block: none',
      'hold: 0',
      'sign-in: password',
    ])
      assert.ok(lines.includes(`  ${line}`), `${line} in ${policy}`);
    await expectOutput(['tenant', 'show', domain], policy);
    const { err, code } = await run(['tenant', 'set', domain, '--hold=1h']);
    assert.deepEqual([err, code], ["skylark: --hold: '1h' is not allowed; it takes a whole number from 0 to 604800\n", 2]);
    await expectOutput(
      ['tenant', 'set', domain, '--allow=none'],
      policy.replace('version 1', 'version 2').replace('b.example,c.example', 'none'),
    );
    await expectOutput(['user', 'add', `a@${domain}`, '--password=x'], `added a@${domain}\n`);
    await expectRefusal(
      ['tenant', 'remove', domain],
      `tenant '${domain}' has accounts, such as 'a@${domain}'; remove them with it by: skylark tenant remove ${domain} --force`,
    );
    await expectOutput(['user', 'list'], `a@${domain}\n${jid}\n`);
    await expectOutput(['user', 'role', jid, 'admin'], `${jid} is admin of its domain\n`);
    await expectOutput(['user', 'list', '--details'], `a@${domain}  none  never\n${jid}  admin  never\n`);
    await expectOutput(['tenant', 'remove', domain, '--force'], `removed ${domain}\n`);
    await expectOutput(['tenant', 'list'], 'localhost\n');
  });
}

describe('while the service does not run', () => {
  operate('offline');

  test('lists more accounts than fit a page', async () => {
    const admin = await openAdmin(realpathSync(data));
    const names = Array.from({ length: 130 }, (_, index) => `n${String(index).padStart(3, '0')}@localhost`);
    for (const jid of names) await admin.ask(userAdd, { jid, password: 'x' });
    await admin.close();
    await expectOutput(['user', 'list', 'localhost'], `${[...names, 'offline@localhost'].join('\n')}\n`);
    const again = await openAdmin(realpathSync(data));
    await Promise.all(names.map((jid) => again.ask(userRemove, { jid })));
    await again.close();
  });

  test('removes an account', () => expectOutput(['user', 'remove', 'offline@localhost'], 'removed offline@localhost\n'));

  test('names a folder that is missing or holds nothing', async () => {
    const advice = 'name the folder of the service with --data, or start the service first';
    const missing = await skylark(['user', 'list', '--data', join(folder, 'missing')]);
    assert.equal(missing.err, `skylark: there is no folder '${join(folder, 'missing')}': ${advice}\n`);
    const empty = await skylark(['user', 'list', '--data', folder]);
    assert.equal(
      empty.err,
      `skylark: no service runs in '${realpathSync(folder)}' and none ever kept its rows there: ${advice}\n`,
    );
    assert.deepEqual([missing.code, empty.code], [1, 1]);
  });
});

describe('while the service runs', () => {
  let service: Service;
  before(async () => {
    service = await Service.start(['start', '--data', data, ...anyPorts]);
  });
  after(() => service.stop());

  operate('online');

  test('refuses a password that is none', async () => {
    const none = 'no password was given: type it, pipe it in as one line, or use --password';
    await expectRefusal(['user', 'password', 'online@localhost'], none, { input: '' });
    await expectRefusal(['user', 'password', 'online@localhost'], none, { input: '\nlate\n' });
    await expectRefusal(
      ['user', 'password', 'online@localhost'],
      "'password' has a character that XML does not allow, such as a control character",
      {
        input: 'a\u0007b\n',
      },
    );
    const { err, code } = await run(['user', 'password', 'online@localhost'], { input: 'x'.repeat(100_000) });
    assert.match(err, /^skylark: a password is one line of at most 1023 bytes\n$/);
    assert.equal(code, 1);
  });
  test('names a malformed address, and a domain that is not a tenant', async () => {
    await expectRefusal(
      ['user', 'remove', 'nobody@localhost'],
      "there is no account 'nobody@localhost'; add it with: skylark user add nobody@localhost",
    );
    await expectRefusal(
      ['user', 'add', 'localhost', '--password=x'],
      "'localhost' is not the address of an account, such as juliet@example.org",
    );
    await expectRefusal(
      ['user', 'add', 'juliet@example.com', '--password=x'],
      "there is no tenant 'example.com'; add it with: skylark tenant add example.com",
    );
  });

  test('an account that is removed is signed out', async () => {
    const client = await TcpClient.signIn(service.addresses.c2sTls!.port, 'online@localhost/here', '-three');
    await expectOutput(['user', 'remove', 'online@localhost'], 'removed online@localhost\n');
    await client.closed;
    await expectOutput(['user', 'list'], '');
  });

  test('a tenant is served within a second of its making', async () => {
    await expectOutput(['tenant', 'add', 'soon.example'], 'added soon.example; registration is closed\n');
    await expectOutput(['user', 'add', 'juliet@soon.example', '--password=pw'], 'added juliet@soon.example\n');
    const client = await TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@soon.example/x', 'pw');
    await client.close();
  });

  test('an unknown command is answered, and one without end is cut off', async () => {
    const socket = connect(adminAddress(realpathSync(data)));
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const ask = async (line: string) => {
      socket.write(`${line}\n`);
      const { webUrl, ...answer } = JSON.parse((await lines.next()).value as string) as {
        ok: boolean;
        error?: string;
        webUrl: string;
      };
      assert.match(webUrl, /^http:\/\/localhost:\d+$/, 'each answer says where the pages are');
      return answer;
    };
    for (const line of ['', 'x', '[]', '{"operation":"user-list"}', '{"operation":"user-list","arguments":["domain"]}']) {
      assert.deepEqual(await ask(line), { ok: false, error: 'a line is {"operation":"…","arguments":{…}}' });
    }
    const wrong = await ask('{"operation":"user-list","arguments":{"domain":1}}');
    assert.deepEqual(wrong, { ok: false, error: "'domain' takes text", refusal: 'invalid' });
    const unknown = await ask('{"operation":"launch","arguments":{}}');
    assert.match(unknown.error!, /^unknown operation 'launch'; there are: user-add, /);
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('x'.repeat(programLimits.adminLineBytesMax + 1));
    await closed;
  });

  test('a socket that cannot be opened is named', {
    skip: process.platform === 'win32' || process.getuid?.() === 0,
  }, async () => {
    const address = adminAddress(realpathSync(data));
    chmodSync(address, 0);
    const { err, code } = await run(['user', 'list']);
    chmodSync(address, 0o600);
    assert.match(err, /^skylark: cannot reach the service at /);
    assert.equal(code, 1);
  });
});
