/** `skylark doctor --local` of a service in good health, and of faults that are planted: each is found, with a sentence that says what to do. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, chownSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { type Finding, Findings } from '../../services/cli/doctor/findings.ts';
import { checkBackup } from '../../services/cli/doctor/local-data.ts';
import { checkClock, checkDisk, checkOpenFiles } from '../../services/cli/doctor/local-machine.ts';
import { createAuthority } from '../support/authority.ts';
import { freePorts } from '../support/free-ports.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
const data = join(folder, 'data');
const authority = await createAuthority();
const [c2s, c2sTls] = (await freePorts(2)) as [number, number];
const ports = [...anyPorts, '--c2s-port', `${c2s}`, '--c2s-tls-port', `${c2sTls}`];
const variables = {
  ...{ SKYLARK_DATA: data, SKYLARK_DOMAIN: 'a.example', SKYLARK_C2S_PORT: `${c2s}`, SKYLARK_C2S_TLS_PORT: `${c2sTls}` },
  ...{ SKYLARK_HTTP_PORT: '0', SKYLARK_HTTPS_PORT: '0', SKYLARK_COMPONENT_PORT: '0', SKYLARK_SETTINGS: 'none' },
};
after(() => removeFolder(folder));

interface Look {
  readonly findings: readonly Finding[];
  readonly code: number | null;
}

async function look(more: Readonly<Record<string, string>> = {}): Promise<Look> {
  const { out, err, code } = await skylark(['doctor', '--local', '--json'], { variables: { ...variables, ...more } });
  assert.equal(err, '');
  const findings = out
    .trim()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Finding);
  for (const { state, text, advice } of findings) assert.equal(advice === undefined, state === 'ok', text);
  return { findings, code };
}

/** `state text` of a subject. */
const about = ({ findings }: Look, subject: string): string =>
  findings
    .filter((one) => one.subject === subject)
    .map(({ state, text }) => `${state} ${text}`)
    .join('\n');

/** @returns what one check says */
function said(check: (findings: Findings) => void): string {
  const findings = new Findings();
  check(findings);
  return findings.list.map(({ state, text }) => `${state} ${text}`).join('\n');
}

describe('a service that runs', () => {
  let service: Service;
  before(async () => {
    service = await Service.start(['start', '--settings=none', '--domain', 'a.example', '--data', data, ...ports]);
    assert.equal((await skylark(['tenant', 'add', 'b.example', '--data', data])).code, 0);
  });
  after(() => service.stop());

  test('is looked at as a whole', async () => {
    const found = await look();
    assert.equal(found.code, 0);
    assert.match(about(found, `port ${c2s} (--c2s-port)`), /^ok the service answers$/);
    assert.match(about(found, 'certificate of a.example'), /^ok it is valid for 36\d\d days; it is self-signed, which is enough/);
    assert.match(about(found, 'store'), /^ok \d+ rows, read and whole$/);
    assert.match(about(found, 'data folder'), /^ok /);
    assert.match(about(found, 'open files'), /^\w+ the service may have \d+/);
    assert.match(about(found, 'disk'), /^ok \d+ MiB of \d+ MiB are free$/);
    assert.match(about(found, 'backup'), /^warn skylark backup has never copied this folder$/);
  });

  test('a backup is remembered, and missed when it is gone', async () => {
    const target = join(folder, 'copy');
    assert.equal((await skylark(['backup', target, '--data', data])).code, 0);
    assert.match(about(await look(), 'backup'), /^ok the last one was made within a day, into '.*copy'$/);
    removeFolder(target);
    assert.match(about(await look(), 'backup'), /^warn .* which is not there any more$/);
    const later = Date.now() + 9 * 24 * 60 * 60 * 1_000;
    assert.match(
      said((findings) => checkBackup(data, later, findings)),
      /^warn the last one was made 9 days ago/,
    );
  });

  test('settings that it was not started with are noticed at the port', async () => {
    const [other] = (await freePorts(1)) as [number];
    const found = await look({ SKYLARK_C2S_PORT: `${other}` });
    assert.equal(found.code, 1);
    assert.match(about(found, `port ${other} (--c2s-port)`), /^fail nobody answers at 127\.0\.0\.1:/);
  });

  test('a folder that others can read, and files of somebody else in it', async () => {
    chmodSync(data, 0o755);
    assert.match(about(await look(), 'data folder'), /^warn others can look into '/);
    chmodSync(data, 0o700);
    if (process.getuid?.() !== 0) return;
    const lock = join(data, 'parts.lock');
    chownSync(lock, 12_345, 12_345);
    const found = await look();
    chownSync(lock, 0, 0);
    assert.match(about(found, 'data folder'), /^fail '.*parts\.lock' belongs to another user than the folder$/);
    assert.ok(found.findings.some(({ advice }) => advice === `chown -R 0:0 ${data}`));
  });
});

describe('the certificate that a service shows', () => {
  for (const [what, names, days, expected] of [
    ['good', ['a.example', '*.a.example'], 80, /^ok it is valid for (?:79|80) days$/],
    ['for others', ['b.example'], 80, /^fail it is for b\.example$/],
    ['soon over', ['a.example', '*.a.example'], 15, /^warn it is valid for 1[45] days$/],
    ['nearly over', ['a.example', '*.a.example'], 3, /^fail it is valid for [23] days$/],
    ['over', ['a.example', '*.a.example'], -2, /^fail it ended on /],
    [
      'for the domain alone',
      ['a.example'],
      80,
      /^warn .* is not for conference\.a\.example and upload\.a\.example and pubsub\.a\.example$/,
    ],
  ] as const) {
    test(what, async () => {
      const { cert, key } = await authority.issue(names, days);
      const files = { SKYLARK_CERT: join(folder, `${what}.pem`), SKYLARK_KEY: join(folder, `${what}.key`) };
      writeFileSync(files.SKYLARK_CERT, cert);
      writeFileSync(files.SKYLARK_KEY, key, { mode: 0o600 });
      const service = await Service.start(['start'], 'listening', { variables: { ...variables, ...files } });
      try {
        assert.match(about(await look(files), 'certificate of a.example'), expected);
      } finally {
        await service.stop();
      }
    });
  }

  test('files that are not there keep a service from starting', async () => {
    const found = await look({ SKYLARK_CERT: join(folder, 'none.pem'), SKYLARK_KEY: join(folder, 'none.key') });
    assert.match(about(found, 'certificate of a.example'), /^fail --cert: '.*none\.pem' cannot be read: no such file or folder$/);
  });
});

describe('a service that does not run', () => {
  test('ports that are free, and one that somebody else has', async () => {
    const other = createServer().listen(c2s, '127.0.0.1');
    await once(other, 'listening');
    const found = await look();
    other.close();
    assert.equal(found.code, 1);
    assert.match(
      about(found, `port ${c2s} (--c2s-port)`),
      /^fail the service could not listen on .*: another program listens there$/,
    );
    assert.match(about(found, `port ${c2sTls} (--c2s-tls-port)`), /^ok it is free; the service does not run$/);
  });

  test('a store of a newer program, and one that is damaged', async () => {
    const path = join(data, 'skylark.db');
    const whole = readFileSync(path);
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
    assert.match(about(await look(), 'store'), /^fail .* has schema 99, this program knows \d+/);
    writeFileSync(path, whole);
    truncateSync(path, Math.floor(statSync(path).size / 2));
    const found = await look();
    writeFileSync(path, whole);
    assert.match(about(found, 'store'), /^fail .* is damaged: /);
    assert.ok(found.findings.some(({ advice }) => advice?.includes('skylark restore --replace')));
  });
});

describe('the machine', () => {
  const gib = 1024 ** 3;
  for (const [freeBytes, expected] of [
    [50 * gib, /^ok 51200 MiB of 102400 MiB are free$/],
    [5 * gib, /^warn 5120 MiB of 102400 MiB are free$/],
    [gib / 8, /^fail 128 MiB of 102400 MiB are free: no messages, files and accounts are accepted$/],
  ] as const)
    test(`a disk with ${freeBytes} bytes`, () => {
      assert.match(
        said((findings) => checkDisk(data, findings, { freeBytes, totalBytes: 100 * gib })),
        expected,
      );
    });

  test('a clock that nothing keeps right, or that stands before the last write', () => {
    const now = Date.now();
    assert.match(
      said((findings) => checkClock(data, now, findings, true)),
      /^ok it is kept right/,
    );
    assert.match(
      said((findings) => checkClock(data, now, findings, false)),
      /^warn nothing keeps it right$/,
    );
    utimesSync(join(data, 'skylark.db'), new Date(now), new Date(now));
    assert.match(
      said((findings) => checkClock(data, now - 600_000, findings, true)),
      /^fail it stands at .*, and the store was written at /,
    );
  });

  for (const [soft, expected] of [
    ['65536', /^ok a service that starts from here may have 65536$/],
    ['20000', /^warn .* may have 20000, and each client takes one$/],
    ['256', /^fail .* may have 256, and each client takes one$/],
    ['unlimited', /^ok /],
  ] as const)
    test(`${soft} open files`, () => {
      const limits = `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${soft}                 1048576              files\n`;
      assert.match(
        said((findings) => checkOpenFiles(undefined, findings, limits)),
        expected,
      );
    });
});

test('it takes no domain, and needs a folder', async () => {
  const both = await skylark(['doctor', 'a.example', '--local'], { variables });
  assert.deepEqual([both.err, both.code], ["skylark: 'a.example' is an unexpected argument: --local looks at this machine\n", 2]);
  const nowhere = await skylark(['doctor', '--local'], { variables: { ...variables, SKYLARK_DATA: join(folder, 'nowhere') } });
  assert.match(nowhere.err, /^skylark: there is no folder '.*nowhere'/);
});
