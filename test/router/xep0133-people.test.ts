/** XEP-0133: the commands that end sessions, tell when somebody was last seen, count accounts, and list those that are online. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { emptySubmission, readSubmission, renderForm } from '../../lib/xmpp/data-form.ts';
import { commandsOf } from '../../services/router/operations/commands.ts';
import { operations } from '../../services/router/operations/index.ts';
import { operationLimits } from '../../services/router/operations/limits.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { type Ask, peopleCommands } from '../../services/router/operations/xep0133-people.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const ADMIN = 'http://jabber.org/protocol/admin';

let stage: WholeStage;
let nurse: StreamActor;
let stranger: StreamActor;
let balcony: StreamActor;
let orchard: StreamActor;
beforeEach(async () => {
  stage = await openStage({ wrap: (parts) => ({ ...parts, hostCommands: commandsOf(operations) }) });
  [nurse, stranger] = [await stage.join('nurse@a.example/x'), await stage.join('nurse@b.example/x')];
  [balcony, orchard] = [await stage.join('juliet@a.example/balcony'), await stage.join('juliet@a.example/orchard')];
  for (const domain of ['a.example', 'b.example']) await operate('user-role', { jid: `nurse@${domain}`, role: 'admin' });
  await stage.addAccount('romeo@a.example');
});
afterEach(() => stage.close());

async function operate(operation: string, given: object): Promise<Readonly<Record<string, unknown>>> {
  const { ok, error, result } = await perform(stage.dependencies, { kind: 'admin', operation, arguments: { ...given } });
  assert.equal(ok, true, error);
  return result as Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, string | readonly string[]>>;

const submit = (fields: Fields) => {
  const written = Object.entries({ FORM_TYPE: ADMIN, ...fields }).map(([name, values]) => {
    const inner = [values].flat().map((value) => `<value>${value}</value>`);
    return `<field var='${name}'>${inner.join('')}</field>`;
  });
  return `<x xmlns='jabber:x:data' type='submit'>${written.join('')}</x>`;
};
const run = (who: StreamActor, node: string, fields?: Fields, host = 'a.example') =>
  who.ask(
    'set',
    `<command xmlns='http://jabber.org/protocol/commands' node='${ADMIN}#${node}'>${fields ? submit(fields) : ''}</command>`,
    host,
  );
const valuesOf = (answer: string, name: string) => {
  const [, inner = ''] = new RegExp(`<field var=['"]${name}['"][^>]*?(?:/>|>(.*?)</field>)`).exec(answer) ?? [];
  return [...inner.matchAll(/<value>(.*?)<\/value>|<value\/>/g)].map(([, text = '']) => text);
};
const ended = (who: StreamActor) =>
  who.until(
    () => who.closed !== undefined,
    () => `${who.jid} was not told`,
  );

describe('what an admin asks and is answered', () => {
  for (const [section, node, fields, name, expected] of [
    ['§4.13', 'get-registered-users-num', undefined, 'registeredusersnum', ['3']],
    ['§4.15', 'get-online-users-num', undefined, 'onlineusersnum', ['2']],
    ['§4.20', 'get-online-users-list', { max_items: '25' }, 'onlineuserjids', ['juliet@a.example', 'nurse@a.example']],
    ['§4.20', 'get-online-users-list', { max_items: 'none' }, 'onlineuserjids', ['juliet@a.example', 'nurse@a.example']],
    ['§4.20', 'get-online-users-list', { after: 'juliet' }, 'onlineuserjids', ['nurse@a.example']],
  ] as const) {
    test(`${section}: ${node} with ${JSON.stringify(fields)}`, async () => {
      const answer = await run(nurse, node, fields);
      assert.match(answer, /status=['"]completed['"]/);
      assert.deepEqual([valuesOf(answer, name), valuesOf(answer, 'next')], [expected, []]);
    });
  }

  test('§4.15: those of another tenant are not counted', async () => {
    assert.deepEqual(valuesOf(await run(stranger, 'get-registered-users-num', undefined, 'b.example'), 'registeredusersnum'), [
      '1',
    ]);
    assert.deepEqual(valuesOf(await run(stranger, 'get-online-users-num', undefined, 'b.example'), 'onlineusersnum'), ['1']);
  });
});

describe('what is refused', () => {
  for (const [what, node, fields, error] of [
    ['§4.20: another number of items', 'get-online-users-list', { max_items: '1000000' }, /<bad-payload /],
    ['§4.5: no address', 'end-user-session', { accountjids: [] }, /<bad-payload /],
    ['§4.5: an account that does not exist', 'end-user-session', { accountjids: 'eve@a.example' }, /<item-not-found /],
    ['§4.5: a session that does not exist', 'end-user-session', { accountjids: 'juliet@a.example/tomb' }, /<item-not-found /],
    ['§4.5: an account of another tenant', 'end-user-session', { accountjids: 'nurse@b.example' }, /<forbidden /],
    ['§4.9: an account of another tenant', 'get-user-lastlogin', { accountjids: 'nurse@b.example' }, /<forbidden /],
    ['§4.9: a full JID', 'get-user-lastlogin', { accountjids: 'juliet@a.example/balcony' }, /<not-acceptable |<bad-payload /],
  ] as const) {
    test(what, async () => {
      assert.match(await run(nurse, node, fields), error);
      assert.deepEqual(
        [balcony, orchard, stranger].map(({ closed }) => closed),
        [undefined, undefined, undefined],
      );
    });
  }
});

test('§4.5: a full JID ends one session, a bare JID all, and each may come back', async () => {
  assert.match(await run(nurse, 'end-user-session', { accountjids: 'juliet@a.example/balcony' }), /status=['"]completed['"]/);
  await ended(balcony);
  assert.deepEqual([balcony.closed, orchard.closed], ['policy-violation', undefined]);
  await stage.join('juliet@a.example/tomb');
  assert.match(await run(nurse, 'end-user-session', { accountjids: 'juliet@a.example' }), /status=['"]completed['"]/);
  await ended(orchard);
  assert.deepEqual((await operate('session-list', { jid: 'juliet@a.example' })).sessions, []);
  assert.deepEqual([nurse.closed, stranger.closed], [undefined, undefined]);
  const { entries } = await operate('audit-tenant-list', { domain: 'a.example' });
  const done = (entries as { by: string; operation: string; outcome?: string }[]).filter(({ by }) => by === 'nurse@a.example');
  assert.deepEqual([...new Set(done.map(({ operation }) => operation))], ['session-end']);
});

test('§4.9: the last sign-in of who is there, the last moment of who was, and nothing of who never came', async () => {
  await balcony.send('<presence/>');
  const accountjids = ['juliet@a.example', 'romeo@a.example'];
  const lastOf = async () => {
    const answer = await run(nurse, 'get-user-lastlogin', { accountjids });
    assert.deepEqual(valuesOf(answer, 'accountjids'), accountjids);
    return valuesOf(answer, 'lastlogin');
  };
  const { sessions } = await operate('session-list', { jid: 'juliet@a.example' });
  const [first, second] = (sessions as { since: string }[]).map(({ since }) => since).sort();
  assert.ok(first! <= second!);
  assert.deepEqual(await lastOf(), [second, '']);
  await run(nurse, 'end-user-session', { accountjids: 'juliet@a.example' });
  const [left, never] = await lastOf();
  assert.equal((await operate('user-show', { jid: 'juliet@a.example' })).lastSeen, left);
  assert.ok(left! >= second!, `${left} is before ${second}`);
  assert.equal(never, '');
});

describe('the bounds', () => {
  const command = (node: string) => peopleCommands.find((one) => one.node === `${ADMIN}#${node}`)!;
  const people = (page: number) => Array.from({ length: 20 }, (_, at) => `p${page * 20 + at + 100}@a.example`);
  /** A tenant whose pages have 20 people each who are online, and do not end. */
  function endless() {
    let pages = 0;
    const ask = (async () => {
      const page = pages++;
      return { users: people(page), next: `p${page * 20 + 119}` };
    }) as unknown as Ask;
    return { ask, pages: () => pages };
  }

  for (const node of ['get-registered-users-num', 'get-online-users-num']) {
    test(`${node} goes no further than its bound, and says so`, async () => {
      const { ask, pages } = endless();
      await assert.rejects(command(node).answer(emptySubmission, 'a.example', ask), { condition: 'resource-constraint' });
      assert.equal(pages(), operationLimits.commandPagesMax);
    });
  }

  for (const [items, shown, next, looked] of [
    ['25', 25, 'p124', 2],
    ['100', 100, 'p199', 5],
    ['none', 20 * operationLimits.commandPagesMax, 'p1099', operationLimits.commandPagesMax],
  ] as const) {
    test(`§4.20: ${items} items are ${shown}, and tell where to go on`, async () => {
      const { ask, pages } = endless();
      const form = renderForm({ type: 'form', formType: ADMIN, fields: [{ var: 'max_items', values: [items] }] });
      form.attrs.type = 'submit';
      const found = await command('get-online-users-list').answer(readSubmission(form, { formType: ADMIN }), 'a.example', ask);
      assert.deepEqual([found[0]!.values!.length, found[1]?.values, pages()], [shown, [next], looked]);
    });
  }
});
