/** The archive is the queue. What a session gets of it, in which order, and how routers hear that it has it. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import { type Step, type Told, usual } from './fake-router.ts';
import { connected, enable, type Fixture, NS_SM, startFixture, until } from './fixture.ts';
import type { RawClient } from './raw-client.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture[Symbol.asyncDispose]());
afterEach(async () => {
  fixture.router.answer = () => undefined;
  await until(() => fixture.node.stats.streams === 0, 'the end of all streams of the test');
});

const ping = (id: string): string => `<iq type='get' id='${id}'><x xmlns='y'/></iq>`;
const message = (id: string): string => `<message from='x@y' id='${id}'/>`;
const entry = (id: string) => ({ id, xml: message(id) });
const idsIn = (text: string): (string | undefined)[] => [...text.matchAll(/<message [^>]*id='([^']+)'/g)].map(([, id]) => id);

/** Holds an answer back until it is opened. */
class Gate {
  open: () => void = () => {};
  isReached = false;
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });

  pass(): Promise<void> {
    this.isReached = true;
    return this.#opened;
  }
}

interface Signed {
  readonly client: RawClient;
  readonly sid: string;
  deliver(id: string): Promise<readonly string[]>;
  asked(): { after: string; seen: readonly string[]; missed?: string }[];
}

async function signIn(user: string): Promise<Signed> {
  const client = await connected(fixture.node, user);
  const { sid } = fixture.router.steps.findLast(({ request }) => request.session.startsWith(`${user}@`))!.request;
  return {
    client,
    sid,
    deliver: (id) => fixture.router.deliver(fixture.node.subject, sid, message(id), id),
    asked: () =>
      fixture.router.steps
        .filter(({ request }) => request.sid === sid)
        .flatMap(({ items }) => items.map(({ item }) => item))
        .filter((item) => item.kind === 'catchUp'),
  };
}

/** Initial presence starts catch-up; each page is what `page` says. */
function pages(page: (after: string, step: Step) => Promise<Told> | Told, start?: () => Promise<void>) {
  return async (step: Step): Promise<Told | undefined> => {
    const item = step.items.map(({ item }) => item).find(({ kind }) => kind === 'catchUp');
    if (item?.kind === 'catchUp') return page(item.after, step);
    if (!step.items.some(({ body }) => body === '<presence/>')) return undefined;
    await start?.();
    return usual(step);
  };
}

describe('initial presence', () => {
  test('brings page after page, then what came meanwhile, each entry once and in order', async () => {
    const gate = new Gate();
    const { client, deliver, asked } = await signIn('pages');
    fixture.router.answer = pages(
      (after) =>
        after === ''
          ? { out: [entry('a1'), entry('a2')], queue: 'open', next: 'a2x' }
          : { out: [entry('a3'), entry('a5')], queue: 'open' },
      () => gate.pass(),
    );
    client.send('<presence/>');
    await until(() => gate.isReached, 'presence at the router');
    for (const id of ['a6', 'a3', 'a4']) assert.deepEqual(await deliver(id), []);
    gate.open();
    assert.deepEqual(idsIn((await client.read(/.*id='a6'\/>/))[0]), ['a1', 'a2', 'a3', 'a5', 'a4', 'a6']);
    assert.deepEqual(
      asked().map(({ after }) => after),
      ['', 'a2x'],
    );
    await deliver('a7');
    await deliver('a5');
    client.send(ping('sync'));
    assert.deepEqual(idsIn((await client.read(/.*id='sync'\/>/))[0]), ['a7']);
    client.destroy();
  });

  test('with nothing to read gives what came meanwhile', async () => {
    const gate = new Gate();
    const { client, deliver, sid } = await signIn('skip');
    fixture.router.answer = async (step) => {
      if (step.request.sid === sid && step.items.some(({ body }) => body === '<presence/>')) await gate.pass();
      return undefined;
    };
    client.send('<presence/>');
    await until(() => gate.isReached, 'presence at the router');
    await deliver('b2');
    await deliver('b1');
    await fixture.router.deliver(fixture.node.subject, sid, message('at-once'));
    await client.read(/^<message [^>]*id='at-once'\/>$/);
    gate.open();
    assert.deepEqual(idsIn((await client.read(/.*id='b2'\/>/))[0]), ['b1', 'b2']);
    client.destroy();
  });

  test('does nothing the second time; unavailable and available again do', async () => {
    const { client, asked } = await signIn('twice');
    fixture.router.answer = pages(() => ({ queue: 'open' }));
    client.send(`<presence/>${ping('1')}`);
    await client.read(/id='1'/);
    await until(() => asked().length === 1, 'the first page');
    client.send(`<presence><show>away</show></presence><presence to='a@b'/>${ping('2')}`);
    await client.read(/id='2'/);
    assert.equal(asked().length, 1);
    client.send("<presence type='unavailable'/>");
    client.send(`<presence/>${ping('3')}`);
    await client.read(/id='3'/);
    await until(() => asked().length === 2, 'the second page');
    client.destroy();
  });

  test('reads on when more came than could be held back', async () => {
    const gate = new Gate();
    const { client, deliver, asked } = await signIn('overflow');
    const count = connectionLimits.catchUpBufferStanzasMax + 5;
    const id = (n: number): string => `c${String(n).padStart(5, '0')}`;
    fixture.router.answer = pages(async () => {
      if (asked().length === 1) {
        await gate.pass();
        return { out: [], queue: 'open' };
      }
      return { out: [entry(id(count - 1))], queue: 'open' };
    });
    client.send('<presence/>');
    await until(() => gate.isReached, 'the first page asked for');
    for (let n = 0; n < count; n++) await deliver(id(n));
    gate.open();
    const ids = idsIn((await client.read(new RegExp(`.*id='${id(connectionLimits.catchUpBufferStanzasMax - 1)}'/>`)))[0]);
    assert.equal(asked().length, 2);
    assert.equal(ids.length, connectionLimits.catchUpBufferStanzasMax + 1);
    assert.ok(ids.includes(id(count - 1)));
    client.destroy();
  });

  test('asks for a page only when the client has room', async () => {
    const { client, asked } = await signIn('room');
    await enable(client);
    const id = (n: number): string => `d${String(n).padStart(5, '0')}`;
    fixture.router.answer = pages((after) => {
      const first = after === '' ? 0 : Number(after.slice(1)) + 1;
      return { out: Array.from({ length: 250 }, (_, n) => entry(id(first + n))), queue: 'open', next: id(first + 249) };
    });
    client.send('<presence/>');
    await client.read(new RegExp(`id='${id(499)}'/>`));
    client.send(ping('sync'));
    await client.read(/id='sync'/);
    assert.equal(asked().length, 2);
    client.send(`<a xmlns='${NS_SM}' h='400'/>`);
    await client.read(new RegExp(`id='${id(749)}'/>`));
    client.destroy();
  });

  test('tries a page again when no router answers, and loses nothing', async () => {
    const { client, asked, deliver } = await signIn('retry');
    let isAway = true;
    fixture.router.answer = async (step) => {
      if (isAway && step.items.some(({ item }) => item.kind === 'catchUp')) return { ok: false };
      return pages(() => ({ out: [entry('e1')], queue: 'open' }))(step);
    };
    client.send('<presence/>');
    await until(() => asked().length === 1, 'the first try');
    await fixture.clock.advance(connectionLimits.batchTimeoutMs);
    await deliver('e2');
    isAway = false;
    await fixture.clock.advance(2 * connectionLimits.batchTimeoutMs);
    assert.deepEqual(idsIn((await client.read(/.*id='e2'\/>/))[0]), ['e1', 'e2']);
    client.destroy();
  });
});

describe('a resync mark', () => {
  test('makes an available session read on, naming what it has', async () => {
    const { client, sid, deliver, asked } = await signIn('marked');
    client.send(`<presence/>${ping('1')}`);
    await client.read(/id='1'\/>/);
    await deliver('f1');
    await client.read(/id='f1'\/>/);
    fixture.router.answer = pages(() => ({ out: [entry('f1'), entry('f2')], queue: 'open' }));
    fixture.node.resync([
      { sid, from: 'f2', version: 'v1' },
      { sid: 'nobody', from: 'f2', version: 'v1' },
    ]);
    await client.read(/^<message [^>]*id='f2'\/>$/);
    assert.deepEqual(
      asked().map(({ after, seen, missed }) => ({ after, seen, missed })),
      [
        { after: '', seen: [], missed: undefined },
        { after: '', seen: ['f1'], missed: 'f2' },
      ],
    );
    client.destroy();
  });
});

describe('without stream management', () => {
  test('what the operating system has taken counts as delivered', async () => {
    const { client, sid, deliver } = await signIn('drain');
    await deliver('g1');
    await client.read(/id='g1'/);
    await fixture.clock.advance(connectionLimits.cursorFlushMs);
    const told = () =>
      fixture.router.steps
        .filter(({ request }) => request.sid === sid)
        .flatMap(({ items }) =>
          items.flatMap(({ item }) => (item.kind === 'delivered' ? [...item.ids, ...(item.aside ?? [])] : [])),
        );
    await until(() => told().length > 0, 'the cursor');
    assert.deepEqual(told(), ['g1']);
    client.destroy();
  });

  test('a client that does not read is cut off, and the archive keeps what it has not', async () => {
    const { client, sid, deliver } = await signIn('stuck');
    client.socket.pause();
    const body = 'x'.repeat(200_000);
    let missing: readonly string[] = [];
    for (let n = 0; n < 200 && missing.length === 0; n++) {
      missing = await fixture.router.deliver(
        fixture.node.subject,
        sid,
        `<message><body>${body}</body></message>`,
        `h${1000 + n}`,
      );
    }
    assert.deepEqual(missing, [sid]);
    await until(
      () =>
        fixture.router.steps.some(({ request, items }) => request.sid === sid && items.some(({ item }) => item.kind === 'end')),
      'the end',
    );
    const told = fixture.router.steps
      .filter(({ request }) => request.sid === sid)
      .flatMap(({ items }) =>
        items.flatMap(({ item }) => (item.kind === 'delivered' ? [...item.ids, ...(item.aside ?? [])] : [])),
      );
    assert.ok(told.length * body.length < 40_000_000);
    assert.deepEqual(await deliver('h9999'), [sid]);
    client.destroy();
    await fixture.clock.advance(connectionLimits.closeTimeoutMs);
  });
});

test('a delivery names several sessions, each with its own to', async () => {
  const [one, two, three] = [await signIn('many1'), await signIn('many2'), await signIn('many3')];
  const { missing } = await fixture.router.ask<{ missing: string[] }>(
    fixture.node.subject,
    {
      kind: 'deliver',
      items: [{ sids: [one.sid, 'gone', two.sid, three.sid], tos: ["many1@example.org/bal'cony", '', 'b', ''] }],
    },
    "<message from='x@y'><body>hi</body></message>",
  );
  assert.deepEqual(missing, ['gone']);
  await one.client.read(/^<message to='many1@example.org\/bal&apos;cony' from='x@y'><body>hi<\/body><\/message>$/);
  await two.client.read(/^<message to='b' from='x@y'><body>hi<\/body><\/message>$/);
  await three.client.read(/^<message from='x@y'><body>hi<\/body><\/message>$/);
  for (const { client } of [one, two, three]) client.destroy();
});
