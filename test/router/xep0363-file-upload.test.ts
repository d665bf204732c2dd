/**
 * A hostile client would: ask for more than it may (sizes, quota, in parallel), for a name that is a path or a header, for a type that
 * is a header, for slots of another tenant; guess where files of others are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FolderBlobs } from '../../lib/adapters/folder-blobs.ts';
import { isMediaType } from '../../lib/ports/blobs.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { escapeAttribute, parseElement } from '../../lib/xmpp/element.ts';
import { safeName } from '../../services/router/features/xep0363-file-upload.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const NS = 'urn:xmpp:http:upload:0';
const host = 'upload.a.example';
const mebibyte = 1024 * 1024;
const largest = runtimeLimits.fileMegabytesMax * mebibyte;
const purposes = ['message', 'profile', 'ephemeral', 'permanent'];

interface Options {
  readonly clock?: Clock;
  readonly hasBlobs?: boolean;
}

async function arrange(t: { after(run: () => Promise<void>): void }, { clock, hasBlobs = true }: Options = {}) {
  const stage = await openRouter({
    wrap: (dependencies) => ({
      ...dependencies,
      clock: clock ? DeploymentClock.of(clock) : dependencies.clock,
      blobs: hasBlobs ? dependencies.blobs : undefined,
    }),
  });
  t.after(() => stage.close());
  const juliet = await stage.join('juliet@a.example/balcony');
  return { stage, juliet };
}

function request(attributes: Readonly<Record<string, string | number | undefined>>, to = host): string {
  const text = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}='${escapeAttribute(`${value}`)}'`);
  return `<iq type='get' id='u' to='${to}'><request xmlns='${NS}'${text.join('')}/></iq>`;
}

async function ask(actor: BatchActor, xml: string) {
  await actor.send(xml);
  const iq = parseElement(await actor.next());
  const error = iq.getChild('error');
  const slot = iq.getChild('slot', NS);
  return {
    error: error && `${error.attrs.type} ${(error.children[0] as { name: string }).name}`,
    put: slot?.getChild('put')?.attrs.url as string,
    get: slot?.getChild('get')?.attrs.url as string,
    iq,
  };
}

function slotOf(stage: RouterStage, putUrl: string) {
  return (stage.dependencies.blobs as FolderBlobs).verifySlot(putUrl);
}

const photo = { filename: 'my-juliet.jpg', size: 23_456, 'content-type': 'image/jpeg' };

test('XEP-0363 §3: the host of files is among the items, and says what it is and the largest file', async (t) => {
  const { stage, juliet } = await arrange(t);
  await stage.play(
    [juliet, 'sends', `<iq type='get' id='i' to='a.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`],
    [
      juliet,
      'receives',
      `<iq type='result' id='i' from='a.example' to='${juliet.jid}'><query xmlns='http://jabber.org/protocol/disco#items'>
        <item jid='conference.a.example' name='Rooms'/><item jid='upload.a.example' name='Files'/><item jid='pubsub.a.example' name='Nodes'/></query></iq>`.replaceAll(
        />\s+</g,
        '><',
      ),
    ],
    [juliet, 'sends', `<iq type='get' id='i' to='${host}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`],
    [
      juliet,
      'receives',
      `<iq type='result' id='i' from='${host}' to='${juliet.jid}'><query xmlns='http://jabber.org/protocol/disco#info'>
        <identity category='store' type='file' name='Files'/>
        <feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>
        <feature var='${NS}'/>${purposes.map((name) => `<feature var='urn:xmpp:http:upload:purpose:0#${name}'/>`).join('')}
        <x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>${NS}</value></field>
        <field var='max-file-size' type='text-single'><value>${largest}</value></field></x>
      </query></iq>`.replaceAll(/>\s+</g, '><'),
    ],
  );
});

test('XEP-0363 §4: a slot is for exactly the size and type that were asked for, at a place of the tenant', async (t) => {
  const { stage, juliet } = await arrange(t);
  const { put, get, iq } = await ask(juliet, request(photo));
  assert.equal(iq.attrs.from, host);
  assert.match(get, /^https:\/\/files\.example\/files\/a\.example\/[\w-]{32}\/my-juliet\.jpg$/);
  const slot = slotOf(stage, put);
  assert.deepEqual(slot?.info, { type: 'image/jpeg', sizeBytes: 23_456 });
  const seconds = ((slot?.expiresAtMs ?? 0) - stage.dependencies.clock.now()) / 1000;
  assert.ok(seconds > 200 && seconds <= 300, `good for ${seconds} s`);
});

test('XEP-0363 §5: no type, or an empty one, is application/octet-stream', async (t) => {
  const { stage, juliet } = await arrange(t);
  for (const type of [undefined, '', ' ']) {
    const { put } = await ask(juliet, request({ ...photo, 'content-type': type }));
    assert.equal(slotOf(stage, put)?.info.type, 'application/octet-stream');
  }
});

test('two slots for the same file are two places that nobody can guess', async (t) => {
  const { juliet } = await arrange(t);
  const places = new Set<string>();
  for (let count = 0; count < 20; count++) places.add((await ask(juliet, request(photo))).get);
  assert.equal(places.size, 20);
});

test('XEP-0363 §4: the name stays as it is, whatever its letters', async (t) => {
  const { juliet } = await arrange(t);
  for (const [name, last] of [
    ['très cool.jpg', 'tr%C3%A8s%20cool.jpg'],
    ['Ж.tar.gz', '%D0%96.tar.gz'],
    ['100% #1?.png', '100%25%20%231%3F.png'],
    ['it\'s <b>&".png', "it's%20%3Cb%3E%26%22.png"],
  ]) {
    const { get } = await ask(juliet, request({ ...photo, filename: name }));
    assert.equal(get.split('/').at(-1), last);
  }
});

test('no name leads anywhere, ends a header or disguises itself', () => {
  for (const [name, safe] of [
    ['../../etc/passwd', '.._.._etc_passwd'],
    ['..', '__'],
    ['.', '_'],
    [' .. ', '__'],
    ['a\\b:c', 'a_b:c'],
    ['a\r\nSet-Cookie: x', 'a__Set-Cookie: x'],
    ['a\0b\u0085c\u2028d', 'a_b_c_d'],
    ['invoice\u202egnp.exe', 'invoice_gnp.exe'],
    ['a\ud800b', 'a_b'],
    ['  ', ''],
    ['e\u0301', 'é'],
    [`${'x'.repeat(5_000)}.jpeg`, `${'x'.repeat(195)}.jpeg`],
    [`${'💬'.repeat(100)}.png`, `${'💬'.repeat(49)}.png`],
    ['.'.repeat(400), '_'.repeat(200)],
  ] as const) {
    assert.equal(safeName(name), safe, JSON.stringify(name));
  }
});

test('any name gives a key that every medium takes', async (t) => {
  const { stage } = await arrange(t);
  const names = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.string({ unit: 'grapheme', maxLength: 400 }));
  await fc.assert(
    fc.asyncProperty(names, async (name) => {
      const safe = safeName(name);
      assert.ok(Buffer.byteLength(safe) <= routerLimits.uploadNameBytesMax);
      if (safe === '') return;
      const { getUrl } = await stage.dependencies.blobs!.slot(`a.example/x/${safe}`, { type: 'a/b', sizeBytes: 1 }, 1);
      assert.equal((stage.dependencies.blobs as FolderBlobs).keyOf(getUrl), `a.example/x/${safe}`);
    }),
  );
});

for (const [what, attributes, error] of [
  ['no name', { filename: undefined }, 'modify bad-request'],
  ['an empty name', { filename: ' ' }, 'modify bad-request'],
  ['no size', { size: undefined }, 'modify bad-request'],
  ['no byte', { size: 0 }, 'modify bad-request'],
  ['a negative size', { size: -1 }, 'modify bad-request'],
  ['a size that is none', { size: 'NaN' }, 'modify bad-request'],
  ['an infinite size', { size: 'Infinity' }, 'modify bad-request'],
  ['half a byte', { size: '1.5' }, 'modify bad-request'],
  ['an exponent', { size: '1e3' }, 'modify bad-request'],
  ['a hexadecimal size', { size: '0x10' }, 'modify bad-request'],
  ['one byte too many', { size: largest + 1 }, 'modify not-acceptable'],
  ['more than a number can say', { size: '9'.repeat(400) }, 'modify not-acceptable'],
  ['a type that is none', { 'content-type': 'png' }, 'modify bad-request'],
  ['a type with a header behind it', { 'content-type': 'image/png\r\nset-cookie: x' }, 'modify bad-request'],
  ['an endless type', { 'content-type': `image/${'x'.repeat(300)}` }, 'modify bad-request'],
] as const) {
  test(`XEP-0363 §5: ${what} is ${error}`, async (t) => {
    const { juliet } = await arrange(t);
    assert.equal((await ask(juliet, request({ ...photo, ...attributes }))).error, error);
  });
}

test('XEP-0363 §5: what is too large is told how large it may be', async (t) => {
  const { juliet } = await arrange(t);
  const { iq } = await ask(juliet, request({ ...photo, size: largest + 1 }));
  const most = iq.getChild('error')?.getChild('file-too-large', NS)?.getChildText('max-file-size', NS);
  assert.equal(most, `${largest}`);
});

test('XEP-0363 §5: a month’s bytes are used up, also by requests at once, and the next month has its own', async (t) => {
  const clock = steppedClock();
  const { stage, juliet } = await arrange(t, { clock });
  const most = (runtimeLimits.uploadMegabytes * mebibyte) / largest;
  const whole = Math.floor(most);
  for (let count = 0; count < whole - 1; count++) await ask(juliet, request({ ...photo, size: largest }));
  const balcony = await stage.join('juliet@a.example/garden');
  const both = await Promise.all([juliet, balcony].map((actor) => ask(actor, request({ ...photo, size: largest }))));
  const errors = both.map(({ error }) => error).filter((error) => error !== undefined);
  assert.deepEqual(errors, ['wait resource-constraint']);
  const refused = both.find(({ error }) => error !== undefined)!;
  // the stage's clock stands in November 2023
  assert.equal(refused.iq.getChild('error')?.getChild('retry', NS)?.attrs.stamp, '2023-12-01T00:00:00Z');

  const romeo = await stage.join('romeo@a.example/orchard');
  assert.equal((await ask(romeo, request(photo))).error, undefined, 'each account has its own');
  clock.advance(31 * 24 * 60 * 60 * 1000);
  assert.equal((await ask(juliet, request(photo))).error, undefined, 'a new month');
});

test('small files count as more than they are, so that their number has an end', async (t) => {
  const { stage, juliet } = await arrange(t, { clock: steppedClock() });
  await ask(juliet, request({ ...photo, size: 1 }));
  const key = { table: 'core', partition: 'a.example/a/juliet', sort: 'uploaded/2023-11' } as const;
  const row = await stage.dependencies.store.get(key, { consistent: true });
  assert.equal(row?.value, `${routerLimits.uploadCountedBytesMin}`);
});

test('accounts of another tenant get no slot, and are told so', async (t) => {
  const { stage } = await arrange(t);
  const romeo = await stage.join('romeo@b.example/orchard');
  assert.equal((await ask(romeo, request(photo))).error, 'auth forbidden');
  const own = await ask(romeo, request(photo, 'upload.b.example'));
  assert.match(own.get, /\/b\.example\//);
});

test('whoever says to be an account, and comes from nowhere, gets no slot', async (t) => {
  const { stage, juliet } = await arrange(t);
  const forged = request(photo).replace('<iq', `<iq from='${juliet.jid}'`);
  assert.equal((await stage.arrive('a.example', forged)).ok, true);
  assert.match(await juliet.next(), /<forbidden/);
});

test('where files are kept nowhere, none are offered', async (t) => {
  const { juliet } = await arrange(t, { hasBlobs: false });
  const items = `<iq type='get' id='i' to='a.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`;
  assert.doesNotMatch(`${(await ask(juliet, items)).iq}`, /upload/);
  assert.equal((await ask(juliet, request(photo))).error, 'cancel service-unavailable');
  const info = `<iq type='get' id='i' to='${host}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`;
  assert.equal((await ask(juliet, info)).error, 'cancel service-unavailable');
});

test('the host of files answers nothing else, and nobody lives there', async (t) => {
  const { stage, juliet } = await arrange(t);
  for (const xml of [
    `<iq type='set' id='x' to='${host}'><request xmlns='${NS}' filename='a' size='1'/></iq>`,
    `<iq type='get' id='x' to='${host}'><query xmlns='jabber:iq:roster'/></iq>`,
    request(photo, `juliet@${host}`),
    request(photo, `${host}/x`),
  ]) {
    assert.equal((await ask(juliet, xml)).error, 'cancel service-unavailable', xml);
  }
  assert.equal((await ask(juliet, `<message to='${host}'><body>hi</body></message>`)).error, 'cancel service-unavailable');
  await stage.play([juliet, 'sends', `<presence to='${host}'/>`], [juliet, 'receives nothing']);
  assert.equal((await ask(juliet, request(photo, 'upload.nowhere.example'))).error, 'cancel remote-server-not-found');
  assert.equal((await ask(juliet, request(photo, 'upload'))).error, 'cancel remote-server-not-found');
});

test('a media type is a header’s value and nothing more', () => {
  for (const type of ['image/png', 'text/plain; charset=utf-8', 'application/vnd.a+b']) assert.ok(isMediaType(type), type);
  for (const type of ['', '/', 'a/', '/b', 'a', 'a/b ', 'a/b\n', 'a/\u0000', 'ä/b']) assert.ok(!isMediaType(type), type);
});
