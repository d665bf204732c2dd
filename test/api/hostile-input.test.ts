/**
 * Whatever a field of an operation is given, whoever asks is told in a sentence what is wrong with it (RFC 9457); the service never fails on
 * it. The table goes through the list of operations, so a new one is in it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { z } from 'zod';
import { portLimits } from '../../lib/ports/limits.ts';
import { Conflict, type Store, Unavailable } from '../../lib/ports/store.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import type { OperationDescription } from '../../lib/runtime/operation.ts';
import { routesOf } from '../../services/api/route.ts';
import { operations } from '../../services/router/operations/index.ts';
import { operationLimits } from '../../services/router/operations/limits.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { apiRequest } from '../support/api-request.ts';
import { blankInput } from '../support/operation-inputs.ts';
import { type Answer, type Ground, openGround } from './ground.ts';

let ground: Ground;
let token: string;
let calls = 0;
before(async () => {
  ground = await openGround();
  token = await ground.key({ role: 'deployment-owner', content: true });
  await ground.operator('user-add', { jid: 'romeo@a.example', password: 'secret' });
});
after(() => ground.close());

/** Each call comes from another network: a key has a rate in each. */
const call = (line: string, given?: unknown) =>
  ground.call(token, line, given, { address: `10.${(calls >> 8) & 255}.${calls++ & 255}.1` });

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const hostile: readonly string[] = [
  ...['\0', 'a\u0001b', '\u001f', '\ufffe', 'x\uffff', '\ud800', 'a\udc00b'],
  ...['x'.repeat(1_000), 'x'.repeat(portLimits.storeKeyBytesMax), 'x'.repeat(20_000), '€'.repeat(1_000), '\u{1f600}'.repeat(500)],
  ...['', ' ', '/', '#', '@', '..', '../../x', 'account/', `account/${'x'.repeat(1_020)}`, '%00', "'", '"', '&lt;', '\u202e'],
];
/** What XML and the keys of rows cannot have is refused wherever it stands, and in the same words. */
const forbidden = hostile.slice(0, 7);

const isText = (schema: z.ZodType) => schema.safeParse('x').success || !schema.safeParse(7).success;
const textsOf = ({ input }: OperationDescription) =>
  Object.entries((input as z.ZodObject).shape).filter(([, schema]) => isText(schema as z.ZodType));

function checkProblem({ status, headers, body }: Answer, what: string): void {
  if (status < 400) return;
  assert.ok(status < 500 && status !== 401 && status !== 429, `${what}: ${status} ${JSON.stringify(body)?.slice(0, 300)}`);
  assert.equal(headers.get('content-type'), 'application/problem+json', what);
  assert.match(body.detail, /^\S.{5,}/s, what);
  assert.ok(body.detail.length <= operationLimits.sentenceCharactersMax + 1, what);
}

describe('no text that is given to an operation makes the API fail', () => {
  for (const route of routesOf(operations).filter(({ operation }) => textsOf(operation).length > 0)) {
    test(route.operation.name, async () => {
      for (const [field] of textsOf(route.operation)) {
        for (const text of hostile) {
          const values = field === 'jid' ? [`${text}@a.example`, `romeo@${text}`] : [text];
          for (const value of values) {
            const { line, body } = apiRequest(route, { ...blankInput(route.operation, 'a.example'), [field]: value });
            checkProblem(await call(line, body), `${line.slice(0, 200)} with ${JSON.stringify(value).slice(0, 60)} as ${field}`);
          }
        }
      }
    });
  }
});

describe('whichever way an operation is asked for', () => {
  const ask = (operation: string, given: Readonly<Record<string, unknown>>) =>
    perform(ground.dependencies, { kind: 'admin', operation, arguments: given });

  for (const operation of operations) {
    test(`${operation.name} takes no character that XML forbids, in any field`, async () => {
      for (const field of Object.keys((operation.input as z.ZodObject).shape)) {
        for (const text of forbidden) {
          const reply = await ask(operation.name, { [field]: text });
          assert.deepEqual(
            [reply.refusal, reply.error],
            ['invalid', `'${field}' has a character that XML does not allow, such as a control character`],
          );
        }
      }
    });
  }

  for (const [what, name, given, refusal, error] of [
    [
      'a beginning that no key has room for',
      'user-list',
      { domain: 'a.example', prefix: 'x'.repeat(1_020) },
      'invalid',
      /too long/,
    ],
    [
      'an end of a page that no key has room for',
      'room-list',
      { domain: 'a.example', after: 'x'.repeat(1_020) },
      'invalid',
      /too long/,
    ],
    ['an id that no key has room for', 'key-remove', { id: 'x'.repeat(2_000) }, 'invalid', /too long/],
    [
      'a name of a field that XML does not allow',
      'component-grant',
      { domain: 'a.example', component: 'irc.a.example', iq: { '\0': 'get' } },
      'invalid',
      /the name of a field has a character/,
    ],
    [
      'levels without end',
      'component-grant',
      { domain: 'a.example', component: 'irc.a.example', iq: JSON.parse(deep(5_000)) },
      'invalid',
      /'iq' has more than 8 levels/,
    ],
    ['a long text in a message', 'tenant-add', { domain: '.'.repeat(50_000) }, 'invalid', /^'\.{1999}…$/],
  ] as const) {
    test(`it is refused with ${what}`, async () => {
      const reply = await ask(name, given);
      assert.equal(reply.refusal, refusal, JSON.stringify(reply));
      assert.match(reply.error!, error);
    });
  }

  test('a refusal of the store, and of code that stanzas reach, stands in the audit log as one', async () => {
    const { store } = ground.dependencies;
    const put = store.put;
    store.put = ((row, condition) =>
      row.partition === 'a.example/a/raced'
        ? Promise.reject(new Conflict('taken'))
        : put.call(store, row, condition)) as Store['put'];
    const reply = await ask('user-add', { jid: 'raced@a.example', password: 'secret' }).finally(() => {
      store.put = put;
    });
    assert.equal(reply.refusal, 'conflict', JSON.stringify(reply));
    const { entries } = await ground.operator('audit-tenant-list', { domain: 'a.example', order: 'newest' });
    assert.match((entries as { outcome: string }[])[0]!.outcome, /^refused: /);
  });
});

describe('a body that is hostile JSON', () => {
  const line = 'PATCH /tenants/a.example/components/irc.a.example';
  for (const [what, body, detail] of [
    [`${runtimeLimits.inputDepthMax} levels are the bound`, `{"iq":${deep(runtimeLimits.inputDepthMax)}}`, /more than 8 levels/],
    ['levels up to the size of a body', `{"iq":${deep(30_000)}}`, /more than 8 levels/],
    ['objects in objects', `${'{"iq":'.repeat(9_000)}1${'}'.repeat(9_000)}`, /more than 8 levels/],
    ['a lone surrogate', '{"roster":"\\ud83d"}', /XML does not allow/],
    ['a lone surrogate in a name', '{"iq":{"\\udfff":"get"}}', /XML does not allow/],
    ['a prototype', '{"__proto__":{"roster":"get"}}', /does not take '__proto__'/],
    ['a name of every object', '{"constructor":"get"}', /does not take 'constructor'/],
    ['a number without end', `{"roster":${'9'.repeat(500)}}`, /roster/],
  ] as const) {
    test(what, async () => {
      const answer = await call(line, body);
      assert.equal(answer.status, 400);
      assert.match(answer.body.detail, detail);
    });
  }
});

test('a store that is away is 503, not a failure of the service', async () => {
  const { store } = ground.dependencies;
  const { query } = store;
  store.query = () => Promise.reject(new Unavailable('the disk is full'));
  const { status, body } = await call('GET /keys').finally(() => {
    store.query = query;
  });
  assert.deepEqual([status, body.detail], [503, 'the service cannot answer at the moment; try again later']);
});
