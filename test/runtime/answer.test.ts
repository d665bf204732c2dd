/** Each field of an answer of one service to another has its reader, and no answer says what nobody reads. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as adminWire from '../../lib/runtime/admin-wire.ts';
import { answerKind } from '../../lib/runtime/answer.ts';
import * as boshWire from '../../lib/runtime/bosh-wire.ts';
import * as bytestreamWire from '../../lib/runtime/bytestream-wire.ts';
import * as componentWire from '../../lib/runtime/component-wire.ts';
import * as consoleWire from '../../lib/runtime/console-wire.ts';
import * as inviteWire from '../../lib/runtime/invite-wire.ts';
import * as pairWire from '../../lib/runtime/pair-wire.ts';
import * as ringWire from '../../lib/runtime/ring-wire.ts';
import * as roomAdminWire from '../../lib/runtime/room-admin-wire.ts';
import * as wire from '../../lib/runtime/wire.ts';

const root = join(import.meta.dirname, '../..');
const stream = 'services/connection/stream/stream.ts';
const certificateWishes = 'services/connection/stream/certificate-wishes.ts';
const sasl = 'services/connection/features/rfc6120-sasl.ts';
const sasl2 = 'services/connection/features/xep0388-sasl2.ts';
const session = 'services/connection/session/session.ts';
const inlineBind = 'services/connection/session/inline-bind.ts';
const sessionLink = 'services/connection/session/session-link.ts';
const routerLink = 'services/connection/session/router-link.ts';
const handOver = 'services/connection/moving/hand-over.ts';
const routerHandOver = 'services/router/core/hand-over.ts';
const faults = 'lib/runtime/faults.ts';
const bind = 'services/router/sessions/bind.ts';
const fanOut = 'services/muc/core/fan-out.ts';
const ring = 'services/muc/missed/ring.ts';
const deliverer = 'lib/runtime/deliverer.ts';
const control = 'lib/runtime/control.ts';
const outbox = 'lib/runtime/outbox.ts';
const arrivals = 'lib/s2s/arrivals.ts';
const ownerLink = 'services/connection/peers/owner-link.ts';
const telling = 'services/federation/pairs/telling.ts';
const peers = 'services/router/operations/peers.ts';
const serverInfo = 'services/router/later/server-info.ts';
const rooms = 'services/router/operations/rooms.ts';
const componentOwner = 'services/connection/components/component-owner.ts';
const componentStream = 'services/federation/streams/component-stream.ts';
const askOperation = 'lib/runtime/ask-operation.ts';
const askConsole = 'lib/runtime/ask-console.ts';
const askLink = 'lib/runtime/ask-link.ts';

/** By kind and field: who takes it. Two where it depends on how far the stream is, or on who asks. */
const readers: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  step: {
    ok: [routerLink],
    out: [routerLink],
    session: [stream, sessionLink, certificateWishes],
    account: [sasl, sasl2],
    endsInMs: [sasl, sasl2],
    features: [sasl, sasl2, inlineBind],
    keepMs: [stream, certificateWishes],
    asksCertificate: [stream, certificateWishes],
    bound: [session],
    queue: [session],
    next: [session],
    push: [session],
    terms: [sessionLink],
    at: [routerLink],
    close: [routerLink, session],
  },
  deliver: { missing: [deliverer], away: [deliverer] },
  close: { undelivered: [bind] },
  handOver: { state: [handOver] },
  inbound: {
    ok: [faults],
    error: [faults],
    at: [routerHandOver, fanOut, arrivals, telling],
    missed: [fanOut],
    away: [fanOut],
    isForbidden: [arrivals],
  },
  ring: { ok: [faults], error: [faults], at: [ring], wishes: [ring] },
  pair: { ok: [faults], error: [faults], at: [outbox] },
  attach: { condition: [componentOwner], tenant: [componentOwner], owner: [componentOwner], grant: [componentOwner] },
  hold: { lost: [componentOwner], ownedBy: [componentOwner] },
  carry: { isWritten: [componentStream], buffered: [componentStream] },
  host: { tenant: [ownerLink], isPeerOurs: [ownerLink], isForbidden: [ownerLink], needsCertificate: [ownerLink] },
  verify: { isValid: [ownerLink], condition: [ownerLink] },
  pairs: { pairs: [peers, serverInfo], isMore: [peers, serverInfo] },
  retry: { hosts: [peers] },
  'room-admin': { ok: [faults], error: [faults], room: [rooms], refusal: [rooms], kicked: [rooms], why: [rooms] },
  room: { ok: [faults], error: [faults], at: [routerHandOver] },
  control: { isDraining: [control], figures: [control], error: [control] },
  console: { who: [askConsole], error: [askConsole], isFailure: [askConsole] },
  link: { view: [askLink], account: [askLink], error: [askLink], isFailure: [askLink] },
  admin: {
    ok: [askOperation],
    error: [askOperation],
    refusal: [askOperation],
    result: [askOperation],
    isReplayed: [askOperation],
  },
  activate: {
    refusal: ['services/router/features/xep0065-bytestreams.ts'],
  },
  bosh: {
    status: ['services/connection/bosh/bosh-sessions.ts'],
  },
};

const kinds = Object.values({
  ...wire,
  ...adminWire,
  ...roomAdminWire,
  ...pairWire,
  ...componentWire,
  ...ringWire,
  ...consoleWire,
  ...inviteWire,
  ...boshWire,
  ...bytestreamWire,
}).filter((value) => typeof value === 'object' && 'fields' in value);

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`);
}

test('every kind of answer, and every field of it, has a reader', () => {
  assert.deepEqual(
    Object.fromEntries(kinds.map(({ name, fields }) => [name, [...fields].sort()])),
    Object.fromEntries(Object.entries(readers).map(([name, fields]) => [name, Object.keys(fields).sort()])),
  );
});

test('the readers take the fields, each at one place, and nobody else takes any', () => {
  const found = new Map<string, number>();
  for (const file of [...sources('lib'), ...sources('services')]) {
    for (const [, field] of readFileSync(join(root, file), 'utf8').matchAll(/\.take\('(\w+)'\)/g)) {
      found.set(`${file} ${field}`, (found.get(`${file} ${field}`) ?? 0) + 1);
    }
  }
  const expected = new Set(
    Object.values(readers).flatMap((fields) =>
      Object.entries(fields).flatMap(([field, files]) => files.map((file) => `${file} ${field}`)),
    ),
  );
  assert.deepEqual([...found.keys()].sort(), [...expected].sort());
  assert.deepEqual(
    [...found.values()].filter((count) => count !== 1),
    [],
  );
});

test('no answer is read past its kind', () => {
  const replies = /decodeFrame<\w*(?:Reply|Answer)\b/;
  const files = [...sources('lib'), ...sources('services')].filter((file) =>
    replies.test(readFileSync(join(root, file), 'utf8')),
  );
  assert.deepEqual(files, []);
});

const kind = answerKind<{ one?: number; other?: string }>('example', { one: true, other: true });

for (const [what, said, taken, left] of [
  ['nothing is left when all was taken', { one: 1, other: 'x' }, ['one', 'other'], []],
  ['a field that was said and not taken is left', { one: 1, other: 'x' }, ['one'], ['other']],
  ['a field that was not said may be taken', { one: 1 }, ['one', 'other'], []],
  ['a field that is not declared is left', { one: 1, third: true }, ['one', 'other'], ['third']],
  ['bodies are not counted', { one: 1 }, ['one'], []],
] as const) {
  test(`an answer: ${what}`, () => {
    const answer = kind.of({ header: { ...said }, bodies: [Buffer.from('<x/>')] });
    for (const field of taken) answer.take(field);
    assert.deepEqual(answer.left(), left);
    assert.equal(`${answer.bodies[0]}`, '<x/>');
  });
}

test('an answer: a field is taken once', () => {
  const answer = kind.of({ header: { one: 1 }, bodies: [] });
  assert.equal(answer.take('one'), 1);
  assert.throws(() => answer.take('one'), /'one' of an answer to 'example' is read twice/);
});
