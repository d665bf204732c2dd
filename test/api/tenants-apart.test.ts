/**
 * Tenants cannot meet, with the REST API as the actor: whichever key asks for whichever operation with whatever names of another tenant, no row
 * of that tenant is read or changed, and nothing of it is told. Operations and fields are those of the list, so a new one is among them.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { isTenantRight, type Role, rightsOf } from '../../lib/runtime/rights.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { routesOf } from '../../services/api/route.ts';
import { operations } from '../../services/router/operations/index.ts';
import { type Operation, operation } from '../../services/router/operations/operation.ts';
import { apiRequest } from '../support/api-request.ts';
import { blankInput } from '../support/operation-inputs.ts';
import { type Access, type ApartGround, type Domain, domains, openApart, type Plant, secretOf } from './apart-ground.ts';
import type { Answer } from './ground.ts';

interface KeyDraw {
  /** Absent: a key of the deployment. */
  readonly domain?: Domain | undefined;
  readonly role: Role;
  readonly access: 'read' | 'write';
  readonly content: boolean;
}

interface CallDraw {
  readonly operation: string;
  readonly key: KeyDraw;
  /** The tenant that the call is about. */
  readonly domain: Domain;
  /** How its name, DOMAIN, is written. */
  readonly spelled: string;
  /** For each field in turn: whose name of which kind stands there, or what fits. */
  readonly fields: readonly ({ readonly of: Domain; readonly kind: string } | undefined)[];
  /** What is given beside the fields that the operation has. */
  readonly extra: 'domain' | 'jid' | undefined;
}

const keyDraw: fc.Arbitrary<KeyDraw> = fc.oneof(
  { weight: 3, arbitrary: keysOf(fc.constantFrom(...domains), fc.constantFrom('auditor', 'support', 'admin', 'owner')) },
  { weight: 1, arbitrary: keysOf(fc.constant(undefined), fc.constantFrom('auditor', 'owner', 'operator', 'deployment-owner')) },
);

function keysOf(domain: fc.Arbitrary<Domain | undefined>, role: fc.Arbitrary<Role>): fc.Arbitrary<KeyDraw> {
  return fc.record({ domain, role, access: fc.constantFrom('read', 'write'), content: fc.boolean() });
}

const spellings = [
  ...['DOMAIN', 'DOMAIN.', ' DOMAIN', 'DOMAIN/t', 'a.example/../DOMAIN', 'romeo@DOMAIN', 'conference.DOMAIN'],
  'upper',
];
const plain = { weight: 6, arbitrary: fc.constant('DOMAIN') };
const kinds = [
  ...['domain', 'local', 'jid', 'room', 'roomJid', 'rooms', 'group', 'component'],
  ...['announcement', 'webhook', 'invite', 'key', 'report', 'session', 'device'],
];
const fieldDraw = fc.option(fc.record({ of: fc.constantFrom(...domains), kind: fc.constantFrom(...kinds) }), { freq: 3 });

const callOf = (operation: Operation): fc.Arbitrary<CallDraw> =>
  fc.record({
    operation: fc.constant(operation.name),
    key: keyDraw,
    domain: fc.constantFrom(...domains),
    spelled: fc.oneof(plain, { weight: 1, arbitrary: fc.constantFrom(...spellings) }),
    fields: fc.array(
      fieldDraw.map((one) => one ?? undefined),
      { minLength: 4, maxLength: 4 },
    ),
    extra: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom('domain', 'jid') }),
  });

type Given = Readonly<Record<string, unknown>>;

/** What operations without a route take that carry rows. */
function rowsOf(domain: Domain): Readonly<Record<string, Given>> {
  const key = { table: 'core', partition: `${domain}/c`, sort: 'pem/' };
  return {
    'certificate-query': { query: { table: 'core', partition: `${domain}/c`, limit: 1 } },
    ...{ 'certificate-get': { key }, 'certificate-delete': { key } },
    'certificate-put': { row: { ...key, value: 'x' } },
  };
}

/** The tenant is named by `domain` or `jid`; every other field that takes text may have any name of any tenant. */
function inputOf({ names }: ApartGround, operation: Operation, { domain, spelled, fields }: CallDraw): Given {
  const written = spelled === 'upper' ? domain.toUpperCase() : spelled.replace('DOMAIN', domain);
  const given: Record<string, unknown> = { ...(rowsOf(domain)[operation.name] ?? blankInput(operation, domain)) };
  const { shape } = operation.input as z.ZodObject;
  let at = 0;
  for (const [field, schema] of Object.entries(shape)) {
    const drawn = fields[at++ % fields.length];
    if (drawn === undefined || field === 'domain' || field === 'jid') continue;
    const name = names[drawn.of][drawn.kind]!;
    for (const value of [name, [name]]) if ((schema as z.ZodType).safeParse(value).success) given[field] = value;
  }
  if (typeof given.jid === 'string') given.jid = `${names[domain].local}@${written}`;
  else if (typeof given.domain === 'string' && operation.name !== 'tenant-add') given.domain = written;
  return given;
}

/** The tenant that the router takes the input to be about. */
function tenantIn({ domain, jid }: Given): string | undefined {
  try {
    return typeof jid === 'string' ? Jid.tryParse(jid)?.domain : Jid.of('', domain as string).domain;
  } catch {
    return undefined;
  }
}

interface Called {
  readonly operation: Operation;
  readonly draw: CallDraw;
  readonly line: string;
  readonly input: Given;
  readonly wasDone: boolean;
}

/** @throws {AssertionError} for an answer that no call may get */
async function makeCall(ground: ApartGround, draw: CallDraw, number: number, token: string): Promise<Called> {
  const operation = operations.find(({ name }) => name === draw.operation)!;
  const input = inputOf(ground, operation, draw);
  const [route] = routesOf([operation]);
  if (route === undefined) {
    const wasDone = await ground.ask(number, token, operation.name, input);
    return { operation, draw, line: operation.name, input, wasDone };
  }
  const request = apiRequest(route, input);
  const other = ground.names[domains.find((domain) => domain !== draw.domain)!];
  const more = draw.extra === undefined ? undefined : { [draw.extra]: other[draw.extra]! };
  const line =
    more && route.isQuery ? `${request.line}${request.line.includes('?') ? '&' : '?'}${new URLSearchParams(more)}` : request.line;
  const answer = await ground.call(number, token, line, request.body && { ...request.body, ...more });
  checkProblem(answer, line);
  checkSilence(answer, operation, draw, line);
  // Where the path has no tenant, what is given beside the fields may be the tenant.
  const named = more !== undefined && !route.inPath.includes('domain') ? { ...input, ...more } : input;
  return { operation, draw, line, input: named, wasDone: answer.status < 400 };
}

/** RFC 9457. */
function checkProblem({ status, headers, body }: Answer, line: string): void {
  if (status < 400) return;
  const said = `${line}: ${status} ${JSON.stringify(body)}`;
  assert.ok(status < 500 || status === 502 || status === 503, said);
  assert.equal(headers.get('content-type'), 'application/problem+json', said);
  assert.deepEqual(Object.keys(body).toSorted(), ['detail', 'status', 'title', 'type'], said);
  assert.match(body.type, /^urn:skylark:problem:[a-z-]+$/, said);
  assert.equal(body.status, status, said);
  assert.match(body.detail, /^\S.{5,}$/s, said);
}

/** A tenant's key is told of its tenant only; a key of the deployment that asks about one tenant, of that one only. */
function checkSilence({ body }: Answer, operation: Operation, { key, domain }: CallDraw, line: string): void {
  const own = key.domain ?? (isTenantRight(operation.right) ? domain : undefined);
  const text = JSON.stringify(body) ?? '';
  for (const other of domains)
    if (own !== undefined && other !== own) assert.ok(!text.includes(secretOf(other)), `${line} tells: ${text.slice(0, 500)}`);
}

const isRead = ({ http, isReadOnly }: Operation) => ('whyNone' in http ? isReadOnly === true : http.method === 'get');
const writes: ReadonlySet<string> = new Set(['put', 'batchPut', 'delete', 'batchDelete', 'add', 'index']);
/** Whoever removes an account has all others look for what they have granted it (decision 10), and forget what is about its address alone. */
const walked = /^[^/]+\/[adrp]\//;
const isForgotten = ({ method, sort }: Access, { jid }: Given) =>
  !writes.has(method) || (method.startsWith('delete') && sort.endsWith(`/${Jid.tryParse(`${jid}`)}`));
/** That a key was used is noted there, whatever it was used for. */
const keyRows = '#apikeys';

function checkAccesses({ operation, draw, line, input, wasDone }: Called, accesses: readonly Access[]): void {
  const { key } = draw;
  const tenant = tenantIn(input);
  const rights = rightsOf({ role: key.role, hasContent: key.content });
  const mayDo =
    !('whyNone' in operation.http) &&
    rights.includes(operation.right) &&
    (key.access === 'write' || isRead(operation)) &&
    (key.domain === undefined || (isTenantRight(operation.right) && tenant === key.domain));
  const asked = `${line} ${JSON.stringify(input)} by ${JSON.stringify(key)}`;
  assert.ok(mayDo || !wasDone, `was done: ${asked}`);
  for (const access of accesses) {
    const { method, partition, sort, value } = access;
    const said = () => `${asked}: ${JSON.stringify(access)}`;
    const owner = domains.find((domain) => partition === domain || partition.startsWith(`${domain}/`));
    const isWalked = operation.name === 'user-remove' && mayDo && walked.test(partition) && isForgotten(access, input);
    if (owner !== undefined && !isWalked) {
      assert.equal(owner, tenant, `another tenant's row: ${said()}`);
      assert.ok(key.domain === undefined || key.domain === owner, `another tenant's row: ${said()}`);
    }
    if (!writes.has(method) || partition === keyRows) continue;
    assert.ok(mayDo, `changed without the right: ${said()}`);
    const others = key.domain === undefined ? [] : domains.filter((domain) => domain !== key.domain);
    // The row of a tenant has words of its own, and they may be anything that was given.
    if (owner === undefined)
      for (const other of others)
        assert.ok(!sort.includes(other) && !value.includes(secretOf(other)), `a row about another tenant: ${said()}`);
  }
}

interface Tally {
  calls: number;
  done: number;
  accesses: number;
}

/** @param list as it is when the property runs */
function property(tally: Tally, list: readonly Operation[], plant: Plant = {}) {
  return fc.asyncProperty(fc.tuple(...list.map(callOf)), async (draws) => {
    const ground = await openApart(plant);
    try {
      const tokens = new Map<string, string>();
      const made: Called[] = [];
      for (const [number, draw] of draws.entries()) {
        const name = JSON.stringify(draw.key);
        const token = tokens.get(name) ?? (await ground.key({ ...draw.key, name: 'drawn' }));
        tokens.set(name, token);
        made.push(await makeCall(ground, draw, number, token));
      }
      await ground.settle();
      for (const [number, called] of made.entries())
        checkAccesses(
          called,
          ground.accesses.filter(({ call }) => call === number),
        );
      tally.calls += made.length;
      tally.done += made.filter(({ wasDone }) => wasDone).length;
      tally.accesses += ground.accesses.length;
    } finally {
      await ground.close();
    }
  });
}

test('whichever key asks for whichever operation, with whatever names of another tenant', async () => {
  const tally: Tally = { calls: 0, done: 0, accesses: 0 };
  const numRuns = 12;
  const { failed, seed, errorInstance } = await fc.check(property(tally, operations), { numRuns, endOnFailure: true });
  assert.ok(!failed, `with the seed ${seed}: ${errorInstance}`);
  assert.equal(tally.calls, numRuns * operations.length);
  assert.ok(tally.done > numRuns * 5, `only ${tally.done} of ${tally.calls} calls were done`);
  assert.ok(tally.accesses > tally.calls, `only ${tally.accesses} accesses were seen`);
});

describe('the property finds', () => {
  const find = async (list: readonly Operation[], fault: RegExp, plant?: Plant) => {
    const { failed, errorInstance } = await fc.check(property({ calls: 0, done: 0, accesses: 0 }, list, plant), {
      ...{ numRuns: 12, endOnFailure: true },
    });
    assert.ok(failed, 'nothing was found');
    assert.match(`${errorInstance}`, fault);
  };

  test('a key that has lost its tenant', () =>
    find(operations, /was done|tells|another tenant's row/, {
      onRead: (partition, value) => {
        if (partition !== '#apikeys') return value;
        const { domain: _, ...row } = JSON.parse(value) as Given;
        return JSON.stringify(row);
      },
    }));

  test('an operation that looks where a field says', async () => {
    const leak = operation({
      name: 'friend-show',
      input: z.strictObject({ domain: z.string(), friend: z.string().optional() }),
      output: z.object({ name: z.string().optional() }),
      right: 'tenant.see',
      isRepeatable: true,
      help: 'Shows somebody.',
      commands: { whyNone: 'it is planted' },
      http: { method: 'get', path: '/tenants/{domain}/friend' },
      async run({ store }, { friend }) {
        const of = Jid.tryParse(friend ?? '')?.domain;
        if (of !== undefined) await store.query({ table: 'core', partition: `${of}/t`, limit: 1, consistent: true });
        return {};
      },
    });
    (operations as Operation[]).push(leak);
    try {
      await find(Array<Operation>(12).fill(leak), /another tenant's row/);
    } finally {
      (operations as Operation[]).pop();
    }
  });

  test('a refusal that is not a problem', () =>
    assert.throws(() => checkProblem({ status: 403, headers: new Headers(), body: { error: 'no' } }, 'GET /keys')));
});
