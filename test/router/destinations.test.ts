/** Destinations are a list: a throw-away one is added with one declaration, and nothing else knows of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { type Destination, destinationsOf } from '../../services/router/routing/destinations.ts';
import { routing } from '../../services/router/routing/route.ts';
import { openRouter } from '../support/stage/router-stage.ts';

const destinations = destinationsOf({});

/** A component that answers messages with their own body, and refuses everything else. */
const echo: Destination = {
  owns: (_tenant, domain) => domain === 'echo.example.net',
  deliver(turn, tenant, stanza) {
    if (stanza.name !== 'message') throw new StanzaError('feature-not-implemented', 'the echo takes messages');
    const { from, to } = stanza.attributes;
    const bytes = stanza.render({ ...stanza.attributes, from: to, to: from });
    turn.post(tenant, bytes, turn.dependencies.ids.mint());
  },
};

function openWith(list: readonly Destination[]) {
  return openRouter({ wrap: (dependencies) => ({ ...dependencies, route: routing(list) }) });
}

const message = `<message id='1' type='chat' to='echo.example.net'><body>hark</body></message>`;
const refusal = (condition: string, stanza: string, text: string) =>
  `<${stanza} id='1' type='error' from='echo.example.net'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>${text}</text></error></${stanza}>`;

for (const [place, list] of [
  ['first', [echo, ...destinations]],
  ['last', [...destinations, echo]],
] as const) {
  test(`a further destination that stands ${place} gets the stanzas of its domain, and no others`, async (t) => {
    const stage = await openWith(list);
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const romeo = await stage.appear('romeo@a.example/orchard');
    await juliet.send(message);
    assert.match(await juliet.next(), /from='echo\.example\.net'.*<body>hark<\/body>/);
    await juliet.send(`<message type='chat' to='${romeo.jid}'><body>hark</body></message>`);
    assert.match(await romeo.next(), /from='juliet@a\.example\/balcony'/);
    await stage.play([juliet, 'receives nothing'], [romeo, 'receives nothing']);
  });
}

test('what a destination refuses, the sender is told, whatever kind of stanza it is', async (t) => {
  const stage = await openWith([...destinations, echo]);
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const told = (stanza: string) => refusal('feature-not-implemented', stanza, 'the echo takes messages');
  await stage.play(
    [juliet, 'sends', `<iq id='1' type='get' to='echo.example.net'><query xmlns='jabber:iq:version'/></iq>`],
    [juliet, 'receives', told('iq')],
    [juliet, 'sends', `<presence id='1' to='echo.example.net'/>`],
    [juliet, 'receives', told('presence')],
    [juliet, 'sends', `<presence id='1' type='subscribe' to='echo.example.net'/>`],
  );
  assert.match((await juliet.next()) + (await juliet.next()), /feature-not-implemented/);
});

test('without it nobody owns the domain', async (t) => {
  const stage = await openWith(destinations);
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  await juliet.send(message);
  assert.match(await juliet.next(), /remote-server-not-found/);
});
