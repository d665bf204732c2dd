/**
 * POSH (RFC 7711): a server whose certificate is for another name is proved by what its domain says over HTTPS, in both directions of a stream.
 * It needs root: documents are at port 443 of a loopback address of the test's own.
 */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { after, before, test } from 'node:test';
import { type Deployment, Ground } from '../federation/deployments.ts';
import { FakePeer } from '../federation/fake-peer.ts';
import { addressRecord } from '../support/dns-server.ts';
import type { TcpClient } from '../support/tcp-client.ts';

const address = `127.59.${(process.pid % 250) + 1}.1`;
const asked: string[] = [];
let ground: Ground;
let skylark: Deployment;
let hosted: FakePeer;
let stranger: FakePeer;
let web: Server;
let juliet: TcpClient;

before(async () => {
  ground = await Ground.open();
  skylark = await ground.deploy({ domains: ['a.example'], isCertified: true });
  await skylark.setPolicy('a.example', { proof: 'certificate' });
  // Their certificates are for nobody.example.
  hosted = await FakePeer.start(ground, { domain: 'hosted.example' });
  stranger = await FakePeer.start(ground, { domain: 'stranger.example' });
  for (const { domain } of [hosted, stranger]) ground.dns.records.push(addressRecord(domain, address));
  const sha256 = createHash('sha256').update(new X509Certificate(hosted.identity.cert).raw).digest('base64');
  web = createServer(await ground.authority.issue([hosted.domain, stranger.domain]), ({ headers, url }, response) => {
    asked.push(`${headers.host}${url}`);
    response.end(JSON.stringify({ fingerprints: [{ 'sha-256': sha256 }], expires: 600 }));
  });
  web.listen(443, address);
  await once(web, 'listening');
  juliet = await skylark.join('juliet@a.example/balcony');
});

after(async () => {
  await ground[Symbol.asyncDispose]();
  web?.closeAllConnections();
  await new Promise((resolve) => web?.close(resolve) ?? resolve(undefined));
});

test('RFC 7711 §3: a stream that it opens is let in by the certificate, and the document is got once', async () => {
  const stream = await hosted.dial(skylark, 'a.example');
  assert.match(await stream.open(), /<mechanism>EXTERNAL<\/mechanism>/);
  assert.match(await stream.authenticate(), /^<success/);
  await stream.open();
  stream.send(`<message from='nurse@hosted.example/x' to='juliet@a.example' type='chat'><body>let in</body></message>`);
  assert.match((await juliet.next('message')).xml, /let in/);
  const again = await hosted.dial(skylark, 'a.example');
  assert.match(await again.open(), /EXTERNAL/);
  assert.deepEqual(asked, ['hosted.example/.well-known/posh/xmpp-server.json']);
});

test('RFC 7711 §3: a stream that we open there is known to end at the domain', async () => {
  await skylark.setPolicy('a.example', { proof: 'any' }); // the fake lets nobody in by certificates
  juliet.send(`<message to='nurse@hosted.example' type='chat'><body>to the host</body></message>`);
  await hosted.until(() => hosted.bodies.includes('to the host'), 'the message');
  const opened = skylark.log.find((line) => line.includes('a stream to another server is open')) ?? '';
  assert.match(opened, /"isProven":true/);
});

test('a document that names another certificate proves nothing', async () => {
  stranger.isVouching = false;
  const stream = await stranger.dial(skylark, 'a.example');
  // The document names this certificate of hosted.example, and stranger.example has another one.
  assert.doesNotMatch(await stream.open(), /EXTERNAL/);
  assert.match(await stream.prove(), /type='invalid'/);
  assert.equal(asked.at(-1), 'stranger.example/.well-known/posh/xmpp-server.json');
});
