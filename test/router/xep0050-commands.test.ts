/** XEP-0050 and XEP-0133: admins of a tenant manage it by ad-hoc commands, made of the list of operations; nobody else learns of them. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { rightsOf } from '../../lib/runtime/rights.ts';
import { features } from '../../services/router/features/index.ts';
import { commandsOf } from '../../services/router/operations/commands.ts';
import { operations } from '../../services/router/operations/index.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { furtherCommands } from '../../services/router/operations/xep0133-forms.ts';
import { peopleCommands } from '../../services/router/operations/xep0133-people.ts';
import { makePem } from '../support/pem.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const COMMANDS = 'http://jabber.org/protocol/commands';
const ADMIN = 'http://jabber.org/protocol/admin';
const host = 'a.example';

let stage: RouterStage;
let admin: BatchActor;
let user: BatchActor;
let stranger: BatchActor;

beforeEach(async () => {
  stage = await openRouter({ wrap: (dependencies) => ({ ...dependencies, hostCommands: commandsOf(operations) }) });
  admin = await stage.join('nurse@a.example/x');
  user = await stage.join('juliet@a.example/x');
  stranger = await stage.join('nurse@b.example/x');
  await operate('user-role', { jid: 'nurse@a.example', role: 'admin' });
  await operate('user-role', { jid: 'nurse@b.example', role: 'admin' });
});
afterEach(() => stage.close());

async function operate(operation: string, given: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  const { ok, error, result } = await perform(stage.dependencies, { kind: 'admin', operation, arguments: given });
  assert.equal(ok, true, error);
  return result as Readonly<Record<string, unknown>>;
}

const command = (node: string, inner = '', more = '') => `<command xmlns='${COMMANDS}' node='${node}'${more}>${inner}</command>`;
const submit = (formType: string, fields: Readonly<Record<string, string | readonly string[]>>) => {
  const all = { FORM_TYPE: formType, ...fields };
  const written = Object.entries(all).map(
    ([name, values]) =>
      `<field var='${name}'>${[values]
        .flat()
        .map((value) => `<value>${value}</value>`)
        .join('')}</field>`,
  );
  return `<x xmlns='jabber:x:data' type='submit'>${written.join('')}</x>`;
};
const run = (who: BatchActor, node: string, fields: Readonly<Record<string, string | readonly string[]>>, formType = ADMIN) =>
  who.ask('set', command(node, submit(formType, fields)), host);
const users = async (domain: string) => (await operate('user-list', { domain })).users;

describe('§2.2: the list of commands', () => {
  const asked = `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`;

  test('has each operation on a tenant for an admin, under the nodes of XEP-0133 where there are any', async () => {
    const list = await admin.ask('get', asked, host);
    for (const node of [`${ADMIN}#add-user`, `${ADMIN}#delete-user`, `${ADMIN}#get-registered-users-list`]) {
      assert.match(list, new RegExp(`node=['"]${node}['"]`));
    }
    const ofOperations = operations.filter(
      ({ right, http }) => rightsOf({ role: 'admin' }).includes(right) && !('whyNone' in http),
    ).length;
    const ofFeatures = features.flatMap(({ hostCommands = [] }) => hostCommands).length;
    const expected = ofOperations + furtherCommands.size + peopleCommands.length + ofFeatures;
    assert.equal([...list.matchAll(/<item /g)].length, expected);
    assert.match(list, /urn:skylark:operation:tenant-set/);
    assert.doesNotMatch(list, /tenant-add|key-add|node-drain/, 'nothing of the deployment');
  });

  test('is empty for others, an admin of another tenant among them', async () => {
    for (const who of [user, stranger]) assert.doesNotMatch(await who.ask('get', asked, host), /<item /);
  });

  test('is empty for who was an admin', async () => {
    await operate('user-role', { jid: 'nurse@a.example', role: 'none' });
    assert.doesNotMatch(await admin.ask('get', asked, host), /<item /);
  });

  test('§2.3: a command tells what it is to whoever may use it', async () => {
    const info = `<query xmlns='http://jabber.org/protocol/disco#info' node='${ADMIN}#add-user'/>`;
    assert.match(
      await admin.ask('get', info, host),
      /category=['"]automation['"] type=['"]command-node['"] name=['"]Add User['"]/,
    );
    assert.match(await user.ask('get', info, host), /item-not-found/);
  });
});

describe('XEP-0133', () => {
  test('§4.1: adds a user with the form that it gives', async () => {
    const form = await admin.ask('set', command(`${ADMIN}#add-user`, '', " action='execute'"), host);
    assert.match(form, /status=['"]executing['"]/);
    assert.match(form, /sessionid=['"][^'"]+['"]/);
    for (const name of ['accountjid', 'password', 'password-verify']) assert.match(form, new RegExp(`var=['"]${name}['"]`));
    const fields = { accountjid: 'romeo@a.example', password: 'secret', 'password-verify': 'secret' };
    assert.match(await run(admin, `${ADMIN}#add-user`, fields), /status=['"]completed['"]/);
    assert.deepEqual(await users(host), ['juliet@a.example', 'nurse@a.example', 'romeo@a.example']);
    assert.match(await run(admin, `${ADMIN}#add-user`, fields), /<conflict /);
  });

  test('§4.2: deletes users; §4.7: changes a password; §4.18: lists them', async () => {
    await operate('user-add', { jid: 'romeo@a.example', password: 'one' });
    await operate('user-add', { jid: 'paris@a.example', password: 'one' });
    const list = await run(admin, `${ADMIN}#get-registered-users-list`, {});
    assert.match(list, /var=['"]registereduserjids['"].*<value>juliet@a.example<\/value>.*<value>romeo@a.example<\/value>/);
    assert.match(
      await run(admin, `${ADMIN}#change-user-password`, { accountjid: 'romeo@a.example', password: 'two' }),
      /completed/,
    );
    const accountjids = ['romeo@a.example', 'paris@a.example'];
    assert.match(await run(admin, `${ADMIN}#delete-user`, { accountjids }), /completed/);
    const told = (await operate('audit-tenant-list', { domain: host })).entries as { by: string; operation: string }[];
    assert.deepEqual(
      told.filter(({ by }) => by === 'nurse@a.example').map(({ operation }) => operation),
      ['user-password', 'user-password', 'user-remove', 'user-remove', 'user-remove', 'user-remove'],
    );
  });
});

test('XEP-0133 §4.23 to §4.26: announces, and sets, edits and deletes the message of the day', async () => {
  const form = await admin.ask('set', command(`${ADMIN}#announce`), host);
  assert.match(form, /var=['"]announcement['"]/);
  const text = ['Down at eight.', 'Back at nine.'];
  assert.match(await run(admin, `${ADMIN}#announce`, { subject: 'Tonight', announcement: text }), /completed/);
  assert.match(await run(admin, `${ADMIN}#announce`, { subject: 'Tonight' }), /<bad-request /);
  const { announcements } = await operate('announcement-list', { domain: host });
  const [{ target, subject, by, text: said }] = announcements as [Record<'target' | 'subject' | 'by' | 'text', string>];
  assert.deepEqual([target, subject, by, said], ['online', 'Tonight', 'nurse@a.example', text.join('\n')]);
  const motd = async () => (await operate('motd-show', { domain: host })).text;
  assert.match(await run(admin, `${ADMIN}#set-motd`, { motd: text }), /completed/);
  assert.equal(await motd(), text.join('\n'));
  assert.match(await run(admin, `${ADMIN}#edit-motd`, { motd: 'Be kind' }), /completed/);
  assert.equal(await motd(), 'Be kind');
  assert.match(await run(admin, `${ADMIN}#delete-motd`, {}), /completed/);
  assert.equal(await motd(), undefined);
  assert.match(await run(user, `${ADMIN}#announce`, { announcement: 'I am root' }), /<forbidden /);
});

test('an operation without a form of its own has one that follows from its input', async () => {
  const node = 'urn:skylark:operation:tenant-set';
  const form = await admin.ask('set', command(node), host);
  assert.match(form, /type=['"]list-single['"][^>]*>(?:(?!<\/field>).)*<value>listed<\/value>/);
  const done = await run(admin, node, { federation: 'listed', allow: ['c.example', 'd.example'] }, node);
  assert.match(done, /completed/);
  const { policy } = (await operate('tenant-show', { domain: host })) as { policy: { federation: string; allow: string[] } };
  assert.deepEqual([policy.federation, policy.allow], ['listed', ['c.example', 'd.example']]);
  assert.notEqual(
    ((await operate('tenant-show', { domain: 'b.example' })) as { policy: { federation: string } }).policy.federation,
    'listed',
  );
});

describe('nobody gets further than their tenant', () => {
  const fields = { accountjid: 'eve@a.example', password: 'secret', 'password-verify': 'secret' };

  test('who is not an admin of it, whatever the command', async () => {
    for (const who of [user, stranger]) {
      for (const { node, formType } of commandsOf(operations)) {
        for (const request of [command(node), command(node, submit(formType, fields))]) {
          assert.match(await who.ask('set', request, host), /<forbidden /, node);
        }
      }
      assert.match(await who.ask('set', command('no-such-command'), host), /<forbidden /, 'they all look alike');
    }
    assert.deepEqual(await users(host), ['juliet@a.example', 'nurse@a.example']);
  });

  test('an admin who names an account of another tenant', async () => {
    const other = { ...fields, accountjid: 'eve@b.example' };
    assert.match(await run(admin, `${ADMIN}#add-user`, other), /<forbidden /);
    assert.match(await run(admin, `${ADMIN}#delete-user`, { accountjids: ['nurse@b.example'] }), /<forbidden /);
    assert.deepEqual(await users('b.example'), ['nurse@b.example']);
  });

  test('an admin who names another tenant in a form', async () => {
    const node = 'urn:skylark:operation:tenant-set';
    assert.match(await run(admin, node, { federation: 'closed', domain: 'b.example' }, node), /completed/);
    const { policy } = (await operate('tenant-show', { domain: 'b.example' })) as { policy: { federation: string } };
    assert.notEqual(policy.federation, 'closed');
  });
});

test('an operation that refuses because no row has room for what it was given says so, and does not fail', async () => {
  const node = 'urn:skylark:operation:room-list';
  const answer = await run(admin, node, { after: 'x'.repeat(1_020) }, node);
  assert.match(answer, /<bad-payload /);
  assert.match(answer, /a name or an address is too long for this server/);
});

test('what has several lines, such as a certificate, is a field of lines, and arrives as it was', async () => {
  const node = 'urn:skylark:operation:message-send';
  const form = await admin.ask('set', command(node, '', " action='execute'"), host);
  assert.match(form, /<field [^>]*var=['"]text['"][^>]*type=['"]text-multi['"]|type=['"]text-multi['"][^>]*var=['"]text['"]/);
  const fields = { to: 'juliet@a.example', text: ['One.', '', 'Two.'] };
  assert.match(await run(admin, node, fields, node), /completed/);
  const { entries } = (await operate('audit-tenant-list', { domain: host })) as { entries: { input: { text?: string } }[] };
  assert.equal(entries.at(-1)!.input.text, 'One.\n\nTwo.');
  const add = 'urn:skylark:operation:certificate-add';
  const { cert, key } = await makePem('b.example');
  const lines = (text: string) => text.trim().split('\n');
  const refused = await run(admin, add, { chain: lines(cert), key: lines(key) }, add);
  assert.match(refused, /the certificate is not for &apos;a\.example&apos;|the certificate is not for 'a\.example'/);
  assert.ok(!refused.includes(lines(key)[1]!));
});

describe('what is wrong is told', () => {
  for (const [what, node, inner, more, error] of [
    ['an unknown action', `${ADMIN}#add-user`, '', " action='launch'", /<bad-request /],
    ['a form that lacks a field', `${ADMIN}#add-user`, submit(ADMIN, { accountjid: 'x@a.example' }), '', /<bad-payload /],
    [
      'passwords that differ',
      `${ADMIN}#add-user`,
      submit(ADMIN, { accountjid: 'x@a.example', password: 'a', 'password-verify': 'b' }),
      '',
      /<bad-payload /,
    ],
    ['another form', `${ADMIN}#add-user`, submit('other', {}), '', /<bad-payload /],
    ['an address that is not one', `${ADMIN}#delete-user`, submit(ADMIN, { accountjids: '@' }), '', /<jid-malformed /],
    [
      'an account that does not exist',
      `${ADMIN}#delete-user`,
      submit(ADMIN, { accountjids: 'x@a.example' }),
      '',
      /<item-not-found /,
    ],
    [
      'a value that is not a choice',
      'urn:skylark:operation:tenant-set',
      submit('urn:skylark:operation:tenant-set', { federation: 'maybe' }),
      '',
      /<bad-payload /,
    ],
  ] as const) {
    test(what, async () => assert.match(await admin.ask('set', command(node, inner, more), host), error));
  }

  test('a command that is cancelled does nothing', async () => {
    const answer = await admin.ask('set', command(`${ADMIN}#add-user`, '', " action='cancel' sessionid='s1'"), host);
    assert.match(answer, /sessionid=['"]s1['"] status=['"]canceled['"]/);
  });
});
