/**
 * Logs hold nothing of what people say, whatever goes wrong: a process that logs all it can is told secrets in messages, rooms, presence,
 * rosters, passwords, broken XML, and while its store is away.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { keepSelfSigned } from '../../services/cli/compose/certificate.ts';
import { ManagedClient } from '../support/managed-client.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { removeFolder, Service, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));

/** Each in a place of its own; none is part of a word. */
const secrets = {
  ...{ password: 'q7Xpassword', wrong: 'q7Xwrong', body: 'q7Xbody', away: 'q7Xaway', subject: 'q7Xsubject', room: 'q7Xroom' },
  ...{ status: 'q7Xstatus', contact: 'q7Xcontact', nick: 'q7Xnick', broken: 'q7Xbroken', stored: 'q7Xstored', lost: 'q7Xlost' },
};

test('nothing that people say, store or sign in with is in the log, at any level', { timeout: 120_000 }, async () => {
  const engine = await Service.start(['serve', 'dynamodb', '--data', folder], 'listening', { json: false });
  const { files } = await keepSelfSigned(join(folder, 'tls'), 'example.org', systemClock);
  const variables = {
    ...{ SKYLARK_DYNAMODB: `http://127.0.0.1:${engine.addresses.dynamodb!.port}`, SKYLARK_DOMAIN: 'example.org' },
    ...{ SKYLARK_REGISTRATION: 'open', SKYLARK_CERT: files.cert, SKYLARK_KEY: files.key },
    ...{ SKYLARK_METRICS: 'emf', SKYLARK_LOG_LEVEL: 'trace', SKYLARK_STOP_SECONDS: '10' },
    ...Object.fromEntries(['C2S', 'C2S_TLS', 'HTTP', 'HTTPS'].map((port) => [`SKYLARK_${port}_PORT`, '0'])),
  };
  const service = await Service.start(['serve', 'all'], 'listening', { variables, json: false });
  const door = { port: service.addresses.c2sTls!.port };
  let isEngineUp = true;
  try {
    for (const name of ['juliet', 'romeo']) await register(door.port, name);
    await assert.rejects(ManagedClient.signIn(door, 'juliet@example.org/x', secrets.wrong));
    const [juliet, romeo] = [
      await ManagedClient.signIn(door, 'juliet@example.org/balcony', secrets.password),
      await ManagedClient.signIn(door, 'romeo@example.org/orchard', secrets.password),
    ];
    romeo.send('<presence/>');
    juliet.send(`<presence><status>${secrets.status}</status></presence>`);
    juliet.send(
      `<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='romeo@example.org' name='${secrets.contact}'/></query></iq>`,
    );
    juliet.send(`<iq type='set' id='p'><query xmlns='jabber:iq:private'><x xmlns='urn:x'>${secrets.stored}</x></query></iq>`);
    const hall = 'hall@conference.example.org';
    juliet.send(`<presence to='${hall}/${secrets.nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await juliet.until(() => juliet.presenceFrom(`${hall}/${secrets.nick}`).length > 0, 'her own presence in the room');
    juliet.send(`<message type='groupchat' to='${hall}'><subject>${secrets.subject}</subject></message>`);
    juliet.send(`<message type='groupchat' to='${hall}'><body>${secrets.room}</body></message>`);
    juliet.send(`<message type='chat' to='nobody@example.org'><body>${secrets.lost}</body></message>`);
    juliet.send(`<message type='chat' to='romeo@example.org/orchard'><body>${secrets.body}</body></message>`);
    await romeo.until(() => romeo.bodies.includes(secrets.body), 'the message');
    await breakOff(door.port);
    isEngineUp = false;
    await engine.stop('SIGKILL');
    juliet.send(`<message type='chat' to='romeo@example.org/orchard'><body>${secrets.away}</body></message>`);
    await service.logged(/"level":[45]0/);
  } finally {
    if (isEngineUp) await engine.stop('SIGKILL');
    await service.stop();
  }
  const lines = service.said.err.split('\n').filter((line) => line !== '');
  assert.ok(lines.length > 10, service.said.err);
  for (const line of lines) assert.equal(typeof JSON.parse(line).msg, 'string', line);
  const text = `${service.said.err}${service.said.out}`;
  const encoded = (secret: string) => Buffer.from(secret).toString('base64').slice(0, -4);
  const told = Object.entries(secrets).filter(([, secret]) => text.includes(secret) || text.includes(encoded(secret)));
  assert.deepEqual(told, []);
});

async function register(port: number, name: string): Promise<void> {
  const client = await TcpClient.connect(port, 'example.org');
  await client.open();
  const query = `<query xmlns='jabber:iq:register'><username>${name}</username><password>${secrets.password}</password></query>`;
  assert.equal((await client.ask('r', `<iq type='set' id='r'>${query}</iq>`)).attributes.type, 'result');
  await client.close();
}

/** XML that ends in the middle, and with what is forbidden. */
async function breakOff(port: number): Promise<void> {
  const client = await TcpClient.signIn(port, 'romeo@example.org/broken', secrets.password);
  client.send(`<message to='juliet@example.org'><body>${secrets.broken}</wrong><!-- ${secrets.broken} --></message>`);
  await client.closed;
}
