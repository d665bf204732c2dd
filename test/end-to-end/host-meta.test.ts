/** XEP-0156 as a web client of another origin reads it, and then signs in where it is told to. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

let skylark: Skylark;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
});

after(() => skylark.stop());

const origin = { origin: 'https://client.example' };

for (const [scheme, socketScheme, port] of [
  ['http', 'ws', () => skylark.ports.http],
  ['https', 'wss', () => skylark.ports.https],
] as const) {
  test(`host-meta over ${scheme} names the WebSocket, for any origin`, async () => {
    const base = `${scheme}://localhost:${port()}`;
    const socket = `${socketScheme}://localhost:${port()}/xmpp-websocket`;
    const asXml = await fetch(`${base}/.well-known/host-meta`, { headers: origin });
    assert.equal(asXml.headers.get('access-control-allow-origin'), '*');
    assert.match(asXml.headers.get('content-type') ?? '', /^application\/xrd\+xml/);
    const text = await asXml.text();
    assert.match(text, /<XRD xmlns=["']http:\/\/docs\.oasis-open\.org\/ns\/xri\/xrd-1\.0["']>/);
    assert.ok(text.includes('urn:xmpp:alt-connections:websocket') && text.includes(socket), text);

    const asJson = await fetch(`${base}/.well-known/host-meta.json`, { headers: origin });
    assert.equal(asJson.headers.get('access-control-allow-origin'), '*');
    assert.match(asJson.headers.get('content-type') ?? '', /^application\/json/);
    const { links } = (await asJson.json()) as { links: { rel: string; href: string }[] };
    const [link] = links.filter(({ rel }) => rel === 'urn:xmpp:alt-connections:websocket');
    assert.equal(link?.href, socket);

    const juliet = xmppjs({ service: link.href, domain: 'localhost', username: 'juliet', password: 'capulet' });
    juliet.on('error', () => undefined);
    assert.match(String(await juliet.start()), /^juliet@localhost\//);
    await juliet.stop();
  });
}

test('curl reads the same as fetch', () => {
  const url = `http://localhost:${skylark.ports.http}/.well-known/host-meta.json`;
  const answer = execFileSync('curl', ['-sS', '-i', '-H', `Origin: ${origin.origin}`, url], { encoding: 'utf8' });
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /^access-control-allow-origin: \*\r$/im);
});
