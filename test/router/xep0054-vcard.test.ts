import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const NS = 'vcard-temp';
const unavailable = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
const card = `<vCard xmlns='${NS}'><FN>Juliet C.</FN><N><GIVEN>Juliet</GIVEN><MIDDLE/></N><DESC>&lt;3 \u{1F339}</DESC></vCard>`;

async function arrange(t: {
  after(run: () => Promise<void>): void;
}): Promise<{ stage: WholeStage; juliet: StreamActor; romeo: StreamActor }> {
  const stage = await openStage();
  t.after(() => stage.close());
  return { stage, juliet: await stage.join('juliet@a.example/balcony'), romeo: await stage.join('romeo@b.example/orchard') };
}

test('XEP-0054 §3.1, §3.2: an account reads its vCard, an empty one first, and replaces it', async (t) => {
  const { stage, juliet } = await arrange(t);
  const get = `<iq type='get' id='v'><vCard xmlns='${NS}'/></iq>`;
  const answer = (content: string) => `<iq type='result' id='v' to='${juliet.jid}'>${content}</iq>`;
  await stage.play(
    [juliet, 'sends', get],
    [juliet, 'receives', answer(`<vCard xmlns='${NS}'/>`)],
    [juliet, 'sends', `<iq type='set' id='v'>${card}</iq>`],
    [juliet, 'receives', answer('')],
    [juliet, 'sends', get],
    [juliet, 'receives', answer(card)],
    [juliet, 'sends', `<iq type='set' id='v' to='juliet@a.example'><vCard xmlns='${NS}'><FN>J.</FN></vCard></iq>`],
    [juliet, 'receives', `<iq type='result' id='v' from='juliet@a.example' to='${juliet.jid}'/>`],
    [juliet, 'sends', get],
    [juliet, 'receives', answer(`<vCard xmlns='${NS}'><FN>J.</FN></vCard>`)],
  );
});

test('XEP-0054 §3.3: others read it; no vCard and no account look the same', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  const get = (to: string) => `<iq type='get' id='v' to='${to}'><vCard xmlns='${NS}'/></iq>`;
  for (const to of ['juliet@a.example', 'nobody@a.example', 'nobody@b.example']) {
    await stage.play(
      [romeo, 'sends', get(to)],
      [romeo, 'receives', `<iq type='error' id='v' from='${to}' to='${romeo.jid}'>${unavailable}</iq>`],
    );
  }
  await juliet.send(`<iq type='set' id='v'>${card}</iq>`);
  juliet.inbox.length = 0;
  await stage.play(
    [romeo, 'sends', get('juliet@a.example')],
    [romeo, 'receives', `<iq type='result' id='v' from='juliet@a.example' to='${romeo.jid}'>${card}</iq>`],
    [juliet, 'receives nothing'],
  );
});

test('XEP-0054 §3.2: nobody writes another’s', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await stage.play(
    [romeo, 'sends', `<iq type='set' id='v' to='juliet@a.example'>${card}</iq>`],
    [romeo, 'receives', `<iq type='error' id='v' from='juliet@a.example' to='${romeo.jid}'>${unavailable}</iq>`],
    [juliet, 'sends', `<iq type='get' id='v'><vCard xmlns='${NS}'/></iq>`],
    [juliet, 'receives', `<iq type='result' id='v' to='${juliet.jid}'><vCard xmlns='${NS}'/></iq>`],
  );
});

test('a vCard is bounded, and one at the bound comes back whole although JSON doubles it', async (t) => {
  const { juliet } = await arrange(t);
  const big = (bytes: number) => `<iq type='set' id='v'><vCard xmlns='${NS}'><DESC>${'"'.repeat(bytes)}</DESC></vCard></iq>`;
  await juliet.send(big(routerLimits.vcardBytesMax));
  assert.match(await juliet.next(), /<not-acceptable /);
  await juliet.send(big(routerLimits.vcardBytesMax - 100));
  assert.match(await juliet.next(), /type='result'/);
  await juliet.send(`<iq type='get' id='v'><vCard xmlns='${NS}'/></iq>`);
  assert.ok((await juliet.next()).includes('"'.repeat(routerLimits.vcardBytesMax - 100)));
});
