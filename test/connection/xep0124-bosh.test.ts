/** XEP-0124 and XEP-0206: the answers of each section. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import {
  attribute,
  BoshClient,
  type BoshServer,
  beginning,
  messageOf,
  post,
  sidOf,
  startBoshServer,
  terminated,
} from './bosh-ground.ts';
import { type Fixture, NS_SM, plainAuth, startFixture, until } from './fixture.ts';
import { settled } from './manual-clock.ts';

let fixture: Fixture;
let web: BoshServer;

before(async () => {
  fixture = await startFixture();
  web = await startBoshServer(fixture.node);
});
after(async () => {
  await fixture[Symbol.asyncDispose]();
  web.stop();
});

const client = () => new BoshClient(web.port);

describe('a session begins', () => {
  test('§7.2: with a sid, the terms, and (XEP-0206 §4) the features of the stream', async () => {
    const body = await client().begin();
    const terms = Object.fromEntries(
      ['wait', 'hold', 'requests', 'inactivity', 'maxpause', 'ver', 'ack', 'secure', 'xmpp:version', 'stream', 'polling'].map(
        (name) => [name, attribute(name, body)],
      ),
    );
    assert.deepEqual(terms, {
      ...{ wait: '60', hold: '1', requests: '2', inactivity: '60', maxpause: '120', ver: '1.6', ack: '1573741820' },
      ...{ secure: 'true', 'xmpp:version': '1.0', stream: undefined, polling: undefined },
    });
    assert.match(attribute('sid', body)!, /^[\w-]{32}\.c1\.\w+$/);
    assert.match(body, /<stream:features xmlns:stream='[^']+'><mechanisms xmlns=.*<\/stream:features><\/body>$/);
  });

  for (const [what, more, expected] of [
    [
      'longer waits and more requests than are allowed are cut',
      { wait: '3600', hold: '9' },
      { wait: '60', hold: '1', requests: '2' },
    ],
    ['a client that asks for less gets that', { wait: '5', hold: '1' }, { wait: '5', hold: '1', requests: '2' }],
    ['a newer client is answered with our version', { ver: '2.0' }, { ver: '1.11' }],
    ['a minor version is a number (§7.1)', { ver: '1.9' }, { ver: '1.9' }],
    ['a client without a version is told none', { ver: undefined }, { ver: undefined }],
  ] as const) {
    test(`§7.1: ${what}`, async () => {
      const body = await client().begin(more);
      const found = Object.fromEntries(Object.keys(expected).map((name) => [name, attribute(name, body)]));
      assert.deepEqual(found, expected);
    });
  }

  for (const [what, more, condition] of [
    ['no domain', { to: undefined }, 'improper-addressing'],
    ['an empty domain', { to: '' }, 'improper-addressing'],
    ['an account in place of a domain', { to: 'juliet@example.org' }, 'improper-addressing'],
    ['a domain that nobody serves', { to: 'elsewhere.example' }, 'host-unknown'],
    ['a stream of another version', { 'xmpp:version': '0.9' }, 'remote-stream-error'],
    ['a rid of letters', { rid: 'x' }, 'bad-request'],
    ['a rid beyond 2^53 - 1', { rid: '9007199254740992' }, 'bad-request'],
    ['a negative wait', { wait: '-1' }, 'bad-request'],
  ] as const) {
    test(`§17.2: ${what} is ${condition}`, async () => {
      const { status, body } = await post(web.port, beginning(1, more)).answer;
      assert.equal(status, 200);
      assert.match(body, terminated(condition));
    });
  }

  test('XEP-0206 §6: a stream error is the content of the body', async () => {
    const { body } = await post(web.port, beginning(1, { 'xmpp:version': '0.9' })).answer;
    assert.match(body, /<unsupported-version xmlns='urn:ietf:params:xml:ns:xmpp-streams'\/>/);
    assert.doesNotMatch(body, /<stream:error/);
  });
});

describe('a stream', () => {
  test('XEP-0206 §5: signs in, restarts and binds; stanzas have their namespace', async () => {
    const juliet = client();
    await juliet.begin();
    assert.equal(
      await juliet.ask(plainAuth('juliet')).then((body) => /<success[^>]*>/.exec(body)?.[0]),
      "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    );
    assert.match(
      await juliet.ask('', { 'xmpp:restart': 'true', to: 'example.org' }),
      /<bind xmlns=.*<sm xmlns='urn:xmpp:sm:3'\/>/,
    );
    const bind = `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>`;
    assert.match(await juliet.ask(bind), /<iq xmlns='jabber:client' type='result' id='b'>/);
    const sid = sidOf(fixture, 'juliet');
    const { answer } = juliet.send();
    await fixture.router.deliver(
      fixture.node.subject,
      sid,
      '<message id="d1"/>'.replaceAll('"', "'"),
      undefined,
      'juliet@example.org/x',
    );
    assert.match((await answer).body, /><message xmlns='jabber:client' to='juliet@example.org\/x' id='d1'\/><\/body>$/);
    assert.deepEqual(Object.keys(fixture.router.items('sasl').at(-1)!.item.binding), []);
  });

  test('XEP-0206 §5: a restart keeps the domain', async () => {
    const romeo = client();
    await romeo.begin();
    await romeo.ask(plainAuth('romeo'));
    const body = await romeo.ask('', { 'xmpp:restart': 'true', to: 'other.example' });
    assert.match(body, terminated('remote-stream-error'));
    assert.match(body, /<not-authorized /);
  });

  test('§13: terminate ends the stream, with what it carries', async () => {
    const ender = client();
    await ender.signIn('ender');
    const held = ender.send();
    const last = ender.send("<presence xmlns='jabber:client' type='unavailable'/>", { type: 'terminate' });
    assert.match((await last.answer).body, /^<body [^>]*type='terminate'/);
    assert.doesNotMatch((await held.answer).body, /condition=/);
    await until(() => fixture.router.stanzas.includes("<presence type='unavailable'/>"), 'the presence');
    await until(() => fixture.router.items('end').length > 0, 'the end');
    const { body } = await ender.send().answer;
    assert.match(body, /^<body [^>]*type='terminate'/);
  });

  test('§16: a second stream is not opened: the request is an empty one', async () => {
    const one = client();
    await one.signIn('onestream');
    const { answer } = one.send('', { to: 'example.org', 'xml:lang': 'en' });
    await fixture.router.deliver(fixture.node.subject, sidOf(fixture, 'onestream'), "<message id='d2'/>");
    const { body } = await answer;
    assert.equal(attribute('stream', body), undefined);
    assert.match(body, /id='d2'/);
  });
});

describe('requests and answers', () => {
  test('§8: a request waits; another one makes it be answered at once', async () => {
    const waiter = client();
    await waiter.signIn('waiter');
    const first = waiter.send();
    const second = waiter.send(messageOf('w1'));
    assert.match((await first.answer).body, /^<body xmlns='[^']+' ack='\d+'\/>$|^<body xmlns='[^']+'\/>$/);
    await until(() => fixture.router.stanzas.some((xml) => xml.includes('w1')), 'the message');
    second.abort();
  });

  test('§8: a request is answered after the time that was agreed', async () => {
    const patient = client();
    await patient.signIn('patient', { wait: '10' });
    const { answer } = patient.send();
    await settled();
    await until(() => fixture.node.stats.sessions > 0, 'it waits');
    await new Promise((resolve) => void setTimeout(resolve, 30)); // the request travels in real time
    await fixture.clock.advance(10_000);
    assert.match((await answer).body, /^<body xmlns='[^']+'\/>$/);
  });

  test('§14.2: payloads go on in the order of rid, whichever request comes first', async () => {
    const mixed = client();
    await mixed.signIn('mixed');
    const { rid } = mixed;
    const later = mixed.again(rid + 2, messageOf('o2'));
    await new Promise((resolve) => void setTimeout(resolve, 30));
    assert.ok(!fixture.router.stanzas.some((xml) => xml.includes('o2')));
    const sooner = mixed.again(rid + 1, messageOf('o1'));
    await sooner.answer;
    await until(() => fixture.router.stanzas.some((xml) => xml.includes('o2')), 'both');
    const order = fixture.router.stanzas.flatMap((xml) => /id='(o\d)'/.exec(xml)?.[1] ?? []);
    assert.deepEqual(order, ['o1', 'o2']);
    later.abort();
  });

  test('§14.3: a request that is repeated gets the same answer, and its payload counts once', async () => {
    const repeater = client();
    await repeater.signIn('repeater');
    const sid = sidOf(fixture, 'repeater');
    const { answer } = repeater.send(messageOf('once'));
    await until(() => fixture.router.stanzas.some((xml) => xml.includes('once')), 'the message');
    await fixture.router.deliver(fixture.node.subject, sid, "<message id='d3'/>");
    const { body } = await answer;
    assert.match(body, /id='d3'/);
    assert.equal((await repeater.again(repeater.rid, messageOf('once')).answer).body, body);
    assert.equal(fixture.router.stanzas.filter((xml) => xml.includes('once')).length, 1);
  });

  test('§14.3: a request whose connection broke is taken up by its repeat', async () => {
    const broken = client();
    await broken.signIn('broken');
    const sid = sidOf(fixture, 'broken');
    const lost = broken.send();
    await new Promise((resolve) => void setTimeout(resolve, 30));
    lost.abort();
    await new Promise((resolve) => void setTimeout(resolve, 30));
    await fixture.router.deliver(fixture.node.subject, sid, "<message id='d4'/>");
    assert.match((await broken.again(broken.rid).answer).body, /id='d4'/);
  });

  for (const [what, offset, condition] of [
    ['above the window', 3, 'item-not-found'],
    ['far above it', 1_000, 'item-not-found'],
    ['below what is kept', -4, 'item-not-found'],
  ] as const) {
    test(`§14.2: a rid ${what} ends the session with ${condition}`, async () => {
      const straying = client();
      await straying.signIn('straying');
      const { body } = await straying.again(straying.rid + offset).answer;
      assert.match(body, terminated(condition));
      assert.match((await straying.send().answer).body, terminated(condition), 'it stays ended');
      await fixture.clock.advance(connectionLimits.boshLingerMs);
      assert.match((await straying.send().answer).body, terminated('item-not-found'), 'and it is forgotten');
    });
  }

  test('§8.1: the highest request that came is acknowledged', async () => {
    const acked = client();
    await acked.signIn('acked');
    const first = acked.send();
    await new Promise((resolve) => void setTimeout(resolve, 30));
    const second = acked.send(messageOf('k1'));
    assert.equal(attribute('ack', (await first.answer).body), `${acked.rid}`);
    second.abort();
  });

  test('§8.2: an answer that did not arrive is reported', async () => {
    const reporter = client();
    await reporter.signIn('reporter', { ack: '1' });
    const { rid } = reporter;
    await fixture.clock.advance(connectionLimits.boshReportMs);
    const body = await reporter.ask('', { ack: rid - 1 });
    assert.equal(attribute('report', body), `${rid}`);
    assert.equal(attribute('time', body), `${connectionLimits.boshReportMs}`);
  });

  test('§12: more requests than were agreed on are a violation', async () => {
    const busy = client();
    await busy.signIn('busy');
    fixture.router.answer = ({ items }) =>
      items.some(({ body }) => body.includes("id='hang'")) ? new Promise(() => {}) : undefined;
    const { rid } = busy;
    const [later, latest] = [busy.again(rid + 2), busy.again(rid + 3)];
    assert.match((await latest.answer).body, terminated('item-not-found'), 'two after the next one are beyond the window');
    assert.match((await later.answer).body, terminated('item-not-found'));
    fixture.router.answer = () => undefined;
  });

  test('§11: a client that polls is answered at once', async () => {
    const poller = client();
    await poller.begin({ hold: '0', wait: '0' });
    assert.match(await poller.ask(plainAuth('poller')), /^<body xmlns='[^']+'\/>$/);
    await until(() => fixture.router.items('sasl').length > 0, 'it is asked');
    await new Promise((resolve) => void setTimeout(resolve, 30));
    assert.match(await poller.ask(), /<success /);
  });
});

describe('who is away', () => {
  test('§9: a client without a request is gone after the time that was agreed; its session can be resumed', async () => {
    const away = client();
    await away.signIn('away');
    const enabled = await away.ask(`<enable xmlns='${NS_SM}' resume='true'/>`);
    const previd = /<enabled [^>]*id='([^']+)'/.exec(enabled)![1]!;
    const before = fixture.node.stats.parked;
    await fixture.clock.advance(connectionLimits.boshInactivitySeconds * 1_000);
    assert.equal(fixture.node.stats.parked, before + 1);
    assert.match((await away.send().answer).body, terminated('item-not-found'));

    const back = client();
    await back.begin();
    await back.ask(plainAuth('away'));
    await back.ask('', { 'xmpp:restart': 'true', to: 'example.org' });
    assert.match(await back.ask(`<resume xmlns='${NS_SM}' previd='${previd}' h='0'/>`), /<resumed /);
    await back.ask('', { type: 'terminate' });
  });

  test('§9: a pause is answered without payloads, and gives more time', async () => {
    const pausing = client();
    await pausing.signIn('pausing');
    const held = pausing.send();
    await new Promise((resolve) => void setTimeout(resolve, 30));
    const paused = pausing.send('', { pause: '100' });
    assert.match((await paused.answer).body, /^<body xmlns='[^']+'\/>$/);
    await held.answer;
    const { sessions } = fixture.node.stats;
    await fixture.clock.advance(99_000);
    assert.equal(fixture.node.stats.sessions, sessions);
    const { answer } = pausing.send();
    await fixture.router.deliver(fixture.node.subject, sidOf(fixture, 'pausing'), "<message id='d5'/>");
    assert.match((await answer).body, /id='d5'/);
  });

  test('an entry of the archive counts as read when its answer can no longer be asked for', async () => {
    const reader = client();
    await reader.signIn('reader');
    const sid = sidOf(fixture, 'reader');
    const first = reader.send();
    await fixture.router.deliver(fixture.node.subject, sid, "<message id='e1'/>", '0000000000001');
    assert.match((await first.answer).body, /id='e1'/);
    const seen = () => fixture.router.items('delivered').some(({ item }) => item.aside?.includes('0000000000001'));
    const second = reader.send();
    await new Promise((resolve) => void setTimeout(resolve, 30));
    await fixture.clock.advance(connectionLimits.cursorFlushMs);
    assert.equal(seen(), false);
    const third = reader.send();
    await second.answer;
    await new Promise((resolve) => void setTimeout(resolve, 30));
    await fixture.clock.advance(connectionLimits.cursorFlushMs);
    await until(seen, 'the cursor');
    third.abort();
  });
});
