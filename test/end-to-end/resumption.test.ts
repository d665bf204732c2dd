/**
 * XEP-0198 with xmpp.js and stanza: the connection is cut underneath while messages are on their way in both directions, the library
 * resumes by itself, and each message arrives once and in order.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, xml } from '@xmpp/client';
import { type Agent, createClient } from 'stanza';
import { Cable } from '../support/cable.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';
import { xmppjs } from '../support/xmppjs.ts';

const rounds = 2;
const perRound = 40;
const waitMs = 20_000;

let skylark: Skylark;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
  for (const [jid, password] of [
    ['juliet@localhost', 'capulet'],
    ['romeo@localhost', 'montague'],
  ] as const) {
    skylark.addUser(jid, password);
  }
});

after(() => skylark.stop());

/** The library under test, and what it heard. */
interface Cuttable {
  readonly heard: string[];
  /** `<enabled/>` has come: a cable that is cut before leaves nothing to resume. */
  readonly isResumable: () => boolean;
  send(to: string, body: string): void;
  readonly resumptions: () => number;
  /** The library sends again what the server's `h` left out; else only what comes to it is on its way when the cable is cut. */
  readonly sendsAgain: boolean;
  stop(): Promise<void>;
}

async function cutAgainAndAgain(name: string, cable: Cable, juliet: Cuttable): Promise<void> {
  try {
    await cutEachRound(name, cable, juliet);
  } finally {
    await juliet.stop().catch(() => undefined); // else a library whose test failed comes back for ever
    await cable.remove();
  }
}

async function cutEachRound(name: string, cable: Cable, juliet: Cuttable): Promise<void> {
  await until(juliet.isResumable, () => 'no <enabled/>', waitMs);
  const romeo = await TcpClient.signIn(skylark.ports.c2sTls, `romeo@localhost/${name}`, 'montague');
  const heard: string[] = [];
  romeo.onElement = ({ name: element, xml: text }) => {
    const body = /<body>(.*?)<\/body>/.exec(text)?.[1];
    if (element === 'message' && body) heard.push(body);
  };
  for (let round = 0; round < rounds; round++) {
    const said = Array.from({ length: perRound }, (_, number) => `${name} ${round} line ${number}`);
    for (const body of said) {
      juliet.send(`romeo@localhost/${name}`, body);
      romeo.send(`<message type='chat' to='juliet@localhost/${name}'><body>back ${body}</body></message>`);
    }
    if (!juliet.sendsAgain) {
      await until(
        () => heard.length >= said.length,
        () => `${heard}`,
        waitMs,
      );
    }
    // The cut comes while these are on their way; what is handed to the libraries after it they refuse to take.
    await new Promise((resolve) => setTimeout(resolve, 5 * round));
    cable.cut();
    await until(
      () => juliet.resumptions() === round + 1,
      () => `${juliet.resumptions()} resumptions, ${round + 1} cuts`,
      waitMs,
    );
    await until(
      () => heard.length >= said.length && juliet.heard.length >= said.length,
      () => `${heard}\n${juliet.heard}`,
      waitMs,
    );
    assert.deepEqual(heard.splice(0), said, `round ${round}, from the client`);
    assert.deepEqual(
      juliet.heard.splice(0),
      said.map((body) => `back ${body}`),
      `round ${round}, to the client`,
    );
  }
  await romeo.close();
}

async function xmppJs(resource: string, service: string): Promise<Cuttable> {
  const xmpp: Client = xmppjs({ service, domain: 'localhost', username: 'juliet', password: 'capulet', resource });
  const heard: string[] = [];
  let resumptions = 0;
  xmpp.on('error', () => undefined);
  xmpp.on('stanza', (stanza) => {
    const body = stanza.is('message') && stanza.getChildText('body');
    if (body) heard.push(body);
  });
  xmpp.streamManagement.on('resumed', () => {
    resumptions++;
  });
  xmpp.reconnect.delay = 20;
  xmpp.timeout = waitMs; // after its own 2 s without an answer it would not come back at all
  await xmpp.start();
  await xmpp.send(xml('presence'));
  return {
    heard,
    isResumable: () => xmpp.streamManagement.enabled,
    sendsAgain: true,
    resumptions: () => resumptions,
    send: (to, body) => void xmpp.send(xml('message', { to, type: 'chat' }, xml('body', {}, body))).catch(() => undefined),
    stop: async () => void (await xmpp.stop()),
  };
}

for (const [name, url, port] of [
  ['STARTTLS', (at: number) => `xmpp://127.0.0.1:${at}`, () => skylark.ports.c2s],
  ['direct TLS', (at: number) => `xmpps://127.0.0.1:${at}`, () => skylark.ports.c2sTls],
  ['ws', (at: number) => `ws://127.0.0.1:${at}/xmpp-websocket`, () => skylark.ports.http],
  ['wss', (at: number) => `wss://127.0.0.1:${at}/xmpp-websocket`, () => skylark.ports.https],
] as const) {
  test(`xmpp.js over ${name} resumes what is cut, and nothing is lost or comes twice`, async () => {
    const cable = await Cable.lay(port());
    await cutAgainAndAgain(
      `xmppjs-${name.replace(' ', '-')}`,
      cable,
      await xmppJs(`xmppjs-${name.replace(' ', '-')}`, url(cable.port)),
    );
  });
}

test('stanza over WebSocket resumes what is cut, and nothing is lost or comes twice', async () => {
  const cable = await Cable.lay(skylark.ports.http);
  const agent: Agent = createClient({
    jid: 'juliet@localhost/stanza',
    password: 'capulet',
    resource: 'stanza',
    useStreamManagement: true,
    allowResumption: true,
    autoReconnect: true,
    maxReconnectBackoff: 0.1,
    transports: { websocket: `ws://127.0.0.1:${cable.port}/xmpp-websocket`, bosh: false },
  });
  const heard: string[] = [];
  let resumptions = 0;
  agent.on('message', ({ body }) => void (body && heard.push(body)));
  agent.on('stream:management:resumed', () => {
    resumptions++;
  });
  const started = new Promise<void>((resolve) => agent.once('session:started', () => resolve()));
  agent.connect();
  await started;
  agent.sendPresence();
  await cutAgainAndAgain('stanza', cable, {
    heard,
    isResumable: () => Boolean(agent.sm.id),
    resumptions: () => resumptions,
    // stanza 12.22 now and then does not: `<resumed h='49'/>` of 81 sent, and nothing more came from it
    sendsAgain: false,
    send: (to, body) => void agent.sendMessage({ to, body, type: 'chat' }),
    stop: async () => agent.disconnect(),
  });
});
