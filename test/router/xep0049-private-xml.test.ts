import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const NS = 'jabber:iq:private';

async function arrange(t: { after(run: () => Promise<void>): void }): Promise<{ stage: WholeStage; hamlet: StreamActor }> {
  const stage = await openStage();
  t.after(() => stage.close());
  return { stage, hamlet: await stage.join('hamlet@a.example/denmark') };
}

const iq = (type: string, content: string) => `<iq type='${type}' id='p'><query xmlns='${NS}'>${content}</query></iq>`;
const stored = (to: StreamActor) => `<iq type='result' id='p' to='${to.jid}'/>`;
const result = (to: StreamActor, content: string) =>
  `<iq type='result' id='p' to='${to.jid}'><query xmlns='${NS}'>${content}</query></iq>`;

test('XEP-0049 §2: what was stored under a namespace is read again, and replaced', async (t) => {
  const { stage, hamlet } = await arrange(t);
  const prefs = (nick: string) => `<exodus xmlns='exodus:prefs' a='&apos;'><defaultnick>${nick}</defaultnick> &amp; </exodus>`;
  await stage.play(
    [hamlet, 'sends', iq('get', `<exodus xmlns='exodus:prefs'/>`)],
    [hamlet, 'receives', result(hamlet, `<exodus xmlns='exodus:prefs'/>`)],
    [hamlet, 'sends', iq('set', `${prefs('Hamlet')}<storage xmlns='storage:bookmarks'/>`)],
    [hamlet, 'receives', stored(hamlet)],
    [hamlet, 'sends', iq('get', `<exodus xmlns='exodus:prefs'><x/></exodus>`)],
    [hamlet, 'receives', result(hamlet, prefs('Hamlet'))],
    [hamlet, 'sends', iq('set', prefs('Prince'))],
    [hamlet, 'receives', stored(hamlet)],
    [hamlet, 'sends', iq('get', `<exodus xmlns='exodus:prefs'/>`)],
    [hamlet, 'receives', result(hamlet, prefs('Prince'))],
    [hamlet, 'sends', iq('get', `<storage xmlns='storage:bookmarks'/>`)],
    [hamlet, 'receives', result(hamlet, `<storage xmlns='storage:bookmarks'/>`)],
  );
});

test('XEP-0049 §2.3: one request may hold several elements of a namespace', async (t) => {
  const { stage, hamlet } = await arrange(t);
  const two = `<e xmlns='urn:e'>1</e><e xmlns='urn:e'>2</e>`;
  await stage.play(
    [hamlet, 'sends', iq('set', two)],
    [hamlet, 'receives', stored(hamlet)],
    [hamlet, 'sends', iq('get', `<e xmlns='urn:e'/>`)],
    [hamlet, 'receives', result(hamlet, two)],
  );
});

test('prefixes declared around an element are declared on it when it comes back', async (t) => {
  const { stage, hamlet } = await arrange(t);
  await hamlet.send(
    `<iq type='set' id='p' xmlns:f='urn:f'><query xmlns='${NS}' xmlns:e='urn:e'><e:x f:a='1'><e:y/></e:x></query></iq>`,
  );
  await stage.play([hamlet, 'receives', stored(hamlet)]);
  await hamlet.send(iq('get', `<x xmlns='urn:e'/>`));
  const answer = await hamlet.next();
  assert.match(answer, /<e:x [^>]*xmlns:e='urn:e'/);
  assert.match(answer, /<e:x [^>]*xmlns:f='urn:f'/);
});

test('XEP-0049 §2.3, §3: requests without an element of a namespace of its own are refused', async (t) => {
  const { hamlet } = await arrange(t);
  for (const [type, content, condition] of [
    ['get', '', 'bad-request'],
    ['get', `<a xmlns='urn:a'/><b xmlns='urn:b'/>`, 'bad-request'],
    ['get', '<a/>', 'not-acceptable'],
    ['get', `<a xmlns=''/>`, 'not-acceptable'],
    ['get', `<a xmlns='urn:${'a'.repeat(1_000)}'/>`, 'not-acceptable'],
    ['set', '', 'not-acceptable'],
    ['set', 'text', 'not-acceptable'],
    ['set', `<a xmlns='urn:a'/><b/>`, 'not-acceptable'],
    ['set', `<a xmlns='jabber:client'/>`, 'not-acceptable'],
    ['set', `<a xmlns='urn:a'>${'x'.repeat(routerLimits.privateElementBytesMax)}</a>`, 'not-acceptable'],
  ] as const) {
    await hamlet.send(iq(type, content));
    assert.match(await hamlet.next(), new RegExp(`type='error'.*<${condition} `), `${type} ${content.slice(0, 50)}`);
  }
  await hamlet.send(iq('get', `<a xmlns='urn:a'/>`));
  assert.ok((await hamlet.next()).includes(`<a xmlns='urn:a'/>`), 'all or nothing');
});

test('XEP-0049 §4: nobody else reads or writes it', async (t) => {
  const { stage, hamlet } = await arrange(t);
  const macbeth = await stage.join('macbeth@a.example/x');
  await hamlet.send(iq('set', `<e xmlns='urn:e'>secret</e>`));
  for (const type of ['get', 'set']) {
    await stage.play(
      [macbeth, 'sends', `<iq type='${type}' id='p' to='hamlet@a.example'><query xmlns='${NS}'><e xmlns='urn:e'/></query></iq>`],
      [
        macbeth,
        'receives',
        `<iq type='error' id='p' from='hamlet@a.example' to='${macbeth.jid}'><error type='cancel'>
          <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      ],
    );
  }
});

test('what one account stores is bounded, by elements and by bytes', async (t) => {
  const { hamlet } = await arrange(t);
  const elements = (count: number, size: number) =>
    Array.from({ length: count }, (_, index) => `<e${index} xmlns='urn:e'>${'"'.repeat(size)}</e${index}>`);
  await hamlet.send(iq('set', elements(routerLimits.privateElementsMax, 1).join('')));
  assert.match(await hamlet.next(), /type='result'/);
  await hamlet.send(iq('set', `<more xmlns='urn:e'/>`));
  assert.match(await hamlet.next(), /<resource-constraint /);
  const answers: string[] = [];
  for (const element of elements(6, routerLimits.privateElementBytesMax - 100)) {
    await hamlet.send(iq('set', element));
    answers.push(/type='(\w+)'/.exec(await hamlet.next())![1]!);
  }
  assert.deepEqual(answers, ['result', 'result', 'result', 'result', 'result', 'error']);
});
