/** A stream feature is a declaration: one file and one line in the list, and without them no trace of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FeatureList } from '../../services/connection/core/feature-list.ts';
import type { StreamFeature } from '../../services/connection/core/stream-feature.ts';
import { streamFeatures } from '../../services/connection/features/index.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import type { ConnectionNode } from '../../services/connection/node.ts';
import type { OutgoingStage, PassOn, StageKind } from '../../services/connection/session/outgoing-stages.ts';
import {
  bind,
  connected,
  enable,
  type Fixture,
  header,
  NS_SM,
  openStream,
  plainAuth,
  signIn,
  startFixture,
  until,
} from './fixture.ts';
import type { RawClient } from './raw-client.ts';
import { throwAway } from './throw-away-feature.ts';

const x = "<x xmlns='urn:example:x'/>";
const hold = "<hold xmlns='urn:example:hold'/>";
const go = "<go xmlns='urn:example:hold'/>";

/** Holds stanzas back between `<hold/>` and `<go/>`, presence behind everything else. */
class Holding implements OutgoingStage {
  readonly #passOn: PassOn;
  #held: { readonly bytes: Buffer; readonly id: string | undefined }[] = [];
  isOn = false;

  constructor(passOn: PassOn) {
    this.#passOn = passOn;
  }

  take(bytes: Buffer, id?: string): void {
    if (this.isOn) this.#held.push({ bytes, id });
    else this.#passOn(bytes, id);
  }

  flush(): void {
    const { true: later = [], false: first = [] } = Object.groupBy(this.#held, ({ bytes }) => {
      return `${bytes.toString().startsWith('<presence')}` as const;
    });
    this.#held = [];
    for (const { bytes, id } of [...first, ...later]) this.#passOn(bytes, id);
  }
}

const holding: StageKind<Holding> = { make: (passOn) => new Holding(passOn) };
const withHolding: StreamFeature = {
  requires: ['bound'],
  elements: [true, false].map((isOn) => ({
    ns: 'urn:example:hold',
    name: isOn ? 'hold' : 'go',
    handle: (_element, { session }) => {
      const stage = session!.egress.stage(holding)!;
      stage.isOn = isOn;
      if (!isOn) stage.flush();
      return undefined;
    },
  })),
  outgoing: holding,
};

let fixture: Fixture;
let node: ConnectionNode;
let holder: ConnectionNode;
before(async () => {
  fixture = await startFixture();
  node = await fixture.another('with', { features: [...streamFeatures, throwAway] });
  holder = await fixture.another('holder', { features: [...streamFeatures, withHolding, throwAway] });
});
after(() => fixture[Symbol.asyncDispose]());

/** To the session that began last. */
function deliver(at: ConnectionNode, user: string, xml: string, id?: string): Promise<unknown> {
  const { sid } = fixture.router.steps.findLast(({ request }) => request.session.startsWith(`${user}@`))!.request;
  return fixture.router.deliver(at.subject, sid, xml, id);
}

async function featuresAfterSignIn(at: ConnectionNode): Promise<{ client: RawClient; features: string }> {
  const client = await openStream(at);
  client.send(plainAuth('juliet'));
  await client.read(/<success[^>]*>/);
  client.send(header);
  const [, features] = await client.read(/<stream:features>(.*)<\/stream:features>/);
  return { client, features: features! };
}

describe('a feature in the list', () => {
  test('is advertised where it may be used, handles its element, and sees what goes out', async () => {
    const { client, features } = await featuresAfterSignIn(node);
    assert.ok(features.includes(x), features);
    await bind(client);
    await deliver(node, 'juliet', "<message from='x@y' id='one'/>");
    await deliver(node, 'juliet', "<message from='x@y' id='two'/>");
    client.send(x);
    // The answer to bind went out, too.
    assert.match((await client.read(/<message .*<x [^>]*seen='(\d)'\/>/))[1]!, /^3$/);
    client.destroy();
  });

  test('is not advertised before sign-in, and its element is refused as every other one', async () => {
    const client = await openStream(node);
    assert.ok(!client.text.includes('urn:example:x'));
    client.send(x);
    assert.match(await client.closed(), /<not-authorized /);
  });

  test('its element is unknown in states that it forbids', async () => {
    const { client } = await featuresAfterSignIn(node);
    client.send(x);
    assert.match(await client.closed(), /<unsupported-stanza-type .*unknown element &lt;x\/&gt;/);
  });

  test('a stage begins anew with each stream, and sees what a resumed stream gets from then on', async () => {
    const client = await connected(node, 'nurse');
    const previd = await enable(client);
    await deliver(node, 'nurse', "<message from='x@y' id='one'/>");
    await client.read(/id='one'/);
    const { parked } = node.stats;
    client.destroy();
    await until(() => node.stats.parked === parked + 1, 'a parked session');
    const back = await signIn(node, 'nurse');
    back.send(`<resume xmlns='${NS_SM}' previd='${previd}' h='0'/>${x}`);
    await back.read(/<x [^>]*seen='0'\/>/);
    back.destroy();
  });
});

test('without the file there is no trace of it', async () => {
  const { client, features } = await featuresAfterSignIn(fixture.node);
  assert.ok(!features.includes('urn:example:x'), features);
  await bind(client);
  client.send(x);
  assert.match(await client.closed(), /<unsupported-stanza-type /);
});

test('an element has one feature', () => {
  assert.throws(() => new FeatureList([throwAway, throwAway]), /two stream features handle \{urn:example:x\}x/);
  assert.doesNotThrow(() => new FeatureList([...streamFeatures, throwAway, withHolding]));
});

describe('a stage that holds stanzas back', () => {
  const message = (id: string) => `<message from='x@y' id='${id}'/>`;
  const presence = (id: string) => `<presence from='x@y' id='${id}'/>`;

  test('gives them when it likes, in an order of its own, and later stages see them only then', async () => {
    const client = await connected(holder, 'one');
    client.send(hold + x);
    await client.read(/seen='1'\/>/);
    await deliver(holder, 'one', presence('p'));
    await deliver(holder, 'one', message('m'));
    client.send(x);
    await client.read(/seen='1'\/>/);
    assert.doesNotMatch(client.text, /id='[pm]'/);
    client.send(go + x);
    await client.read(/^<message [^>]*id='m'\/><presence [^>]*id='p'\/><x [^>]*seen='3'\/>/);
    client.destroy();
  });

  test('gives them before the end of a stream that its client closes', async () => {
    const client = await connected(holder, 'two');
    client.send(hold + x);
    await client.read(/seen='1'\/>/);
    await deliver(holder, 'two', message('m'));
    client.send('</stream:stream>');
    await client.read(/id='m'.*<\/stream:stream>$/s);
    client.socket.end();
    await client.closed();
  });

  for (const [how, end] of [
    ['breaks', (client: RawClient) => client.destroy()],
    ['is closed for a mistake', (client: RawClient) => client.send('<nonsense/>')],
  ] as const) {
    test(`when the stream ${how} nothing is lost or given twice`, async () => {
      const user = `three-${how.slice(0, 2)}`;
      const client = await connected(holder, user);
      const previd = await enable(client);
      client.send(hold + x);
      await client.read(/seen='1'\/>/);
      await deliver(holder, user, message('m'), '00000000000000000m');
      end(client);
      if (how === 'breaks') {
        await until(() => holder.stats.parked === 1, 'a parked session');
        await deliver(holder, user, message('m'), '00000000000000000m');
        const again = await signIn(holder, user);
        again.send(`<resume xmlns='${NS_SM}' previd='${previd}' h='0'/>${x}`);
        assert.equal((await again.read(/<resumed .*<x /))[0].split("id='m'").length, 2);
        again.destroy();
      } else {
        assert.match(await client.closed(), /id='m'.*<unsupported-stanza-type /s);
        await until(() => fixture.router.items('end').some(({ item }) => item.undelivered?.length === 1), 'its end');
      }
    });
  }

  test('is made to give them at a bound, by number and by size', async () => {
    const client = await connected(holder, 'four');
    client.send(hold + x);
    await client.read(/seen='1'\/>/);
    for (let n = 0; n < connectionLimits.heldOutgoingStanzasMax; n++) await deliver(holder, 'four', message(`n${n}`));
    client.send(x);
    await client.read(/seen='1'\/>/);
    assert.doesNotMatch(client.text, /<message/);
    await deliver(holder, 'four', message('last'));
    await client.read(/id='n0'.*id='last'/s);
    const body = `<message from='x@y' id='b'><body>${'x'.repeat(connectionLimits.heldOutgoingBytesMax / 4)}</body></message>`;
    for (let n = 0; n < 3; n++) await deliver(holder, 'four', body);
    client.forget();
    await deliver(holder, 'four', body);
    await client.read(/(?:id='b'.*){4}/s);
    client.destroy();
  });
});
