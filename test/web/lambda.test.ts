/** The function of the Web stack, called as Lambda calls it: with events as an HTTP API sends them (payload 2.0). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import dynalite from 'dynalite';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';

const clientFolder = dirname(fileURLToPath(import.meta.resolve('converse.js')));
const environment = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'eu-central-1',
  SKYLARK_DOMAIN: 'a.example',
  SKYLARK_TABLE_PREFIX: 'lambda-',
  SKYLARK_WEBSOCKET_URL: 'wss://xmpp.a.example/xmpp-websocket',
  SKYLARK_FILES_ORIGINS: 'https://files.a.example https://bucket.s3.eu-central-1.amazonaws.com',
  SKYLARK_CLIENT_FOLDER: clientFolder,
  SKYLARK_LOG_LEVEL: 'silent',
};
const engine = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

let handler: (event: object, context: object) => Promise<Answer>;

before(async () => {
  await once(engine, 'listening');
  const endpoint = `http://127.0.0.1:${(engine.address() as { port: number }).port}`;
  Object.assign(process.env, environment, { SKYLARK_DYNAMODB: endpoint });
  const options = { endpoint, region: environment.AWS_REGION, tablePrefix: environment.SKYLARK_TABLE_PREFIX, clock };
  await createTables(options);
  const store = await openDynamoStore(options);
  const tenants = new Tenants(store, clock);
  await tenants.add('a.example', { registration: 'closed', retentionDays: 0 });
  await tenants.add('b.example', { registration: 'open', retentionDays: 0 });
  await store.close();
  handler = (await import('../../services/web/lambda.ts')).handler as unknown as typeof handler;
});

after(() => {
  engine.closeAllConnections();
  engine.unref();
});

function ask(
  path: string,
  change: { method?: string; domainName?: string; headers?: object; body?: Buffer; query?: string } = {},
) {
  const { method = 'GET', domainName = 'b.example', headers = {}, body, query = '' } = change;
  const event = {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    cookies: ['session=1'],
    headers: {
      accept: '*/*',
      host: domainName,
      'user-agent': 'curl/8.9',
      'x-amzn-trace-id': 'Root=1-65f2c9a1-0a1b2c3d4e5f60718293a4b5',
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      ...headers,
    },
    requestContext: {
      accountId: '123456789012',
      apiId: 'a1b2c3d4e5',
      domainName,
      domainPrefix: domainName.split('.')[0],
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'curl/8.9' },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey: '$default',
      stage: '$default',
      time: '14/Mar/2026:09:26:53 +0000',
      timeEpoch: 1773480413000,
    },
    ...(body && { body: body.toString('base64') }),
    isBase64Encoded: body !== undefined,
  };
  return handler(event, { awsRequestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef', functionName: 'web' });
}

test('the page and its script are those of the requested domain, or else of the first', async () => {
  const page = await ask('/');
  assert.equal(page.statusCode, 200);
  assert.equal(page.isBase64Encoded, false);
  assert.match(page.headers['content-type']!, /^text\/html/);
  assert.match(page.body, /data-domain="b\.example"/);
  const other = await ask('/', { domainName: 'a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com' });
  assert.match(other.body, /data-domain="a\.example"/);
  const script = (await ask('/client.js')).body;
  assert.match(script, /"allow_registration":true/);
  assert.match(script, /settings\.websocket_url = "wss:\/\/xmpp\.a\.example\/xmpp-websocket";/);
});

test('a page may upload to the bucket and show its files', async () => {
  const policy = (await ask('/')).headers['content-security-policy']!;
  const files = 'https://files.a.example https://bucket.s3.eu-central-1.amazonaws.com';
  assert.ok(policy.includes(`connect-src 'self' ws: wss: ${files};`), policy);
  assert.ok(policy.includes(`img-src 'self' data: blob: ${files};`), policy);
});

test('XEP-0156: host-meta tells any origin where the streams are', async () => {
  const json = await ask('/.well-known/host-meta.json', { headers: { origin: 'https://chat.example' } });
  assert.equal(json.headers['access-control-allow-origin'], '*');
  assert.deepEqual(JSON.parse(json.body), {
    links: [
      { rel: 'urn:xmpp:alt-connections:websocket', href: environment.SKYLARK_WEBSOCKET_URL },
      { rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://xmpp.a.example/http-bind' },
    ],
  });
  const xml = await ask('/.well-known/host-meta');
  assert.equal(xml.headers['content-type'], 'application/xrd+xml');
  assert.equal(xml.isBase64Encoded, false);
  assert.match(xml.body, /href='wss:\/\/xmpp\.a\.example\/xmpp-websocket'/);
});

test('the web client comes whole, text as text and bytes in base64, within what Lambda may answer', async () => {
  const answerBytesMax = 6 * 1024 * 1024;
  const names = readdirSync(clientFolder, { recursive: true, encoding: 'utf8' });
  const wanted = names.filter((name) => /\.(css|js|wasm|woff2|png|svg|mp3)$/.test(name));
  assert.ok(wanted.length > 5, `${wanted}`);
  let inBase64 = 0;
  for (const name of wanted) {
    const answer = await ask(`/client/${name}`);
    assert.equal(answer.statusCode, 200, name);
    const body = Buffer.from(answer.body, answer.isBase64Encoded ? 'base64' : 'utf8');
    assert.ok(body.equals(readFileSync(join(clientFolder, name))), name);
    assert.ok(JSON.stringify(answer).length < answerBytesMax, name);
    if (answer.isBase64Encoded) inBase64++;
  }
  assert.ok(inBase64 > 0 && inBase64 < wanted.length, `${inBase64} of ${wanted.length}`);
});

test('a browser that already has a file is told so', async () => {
  const first = await ask('/client/converse.min.css');
  const again = await ask('/client/converse.min.css', { headers: { 'if-none-match': first.headers.etag } });
  assert.equal(again.statusCode, 304);
  assert.equal(again.body, '');
});

test('bodies, odd paths and odd methods do no harm', async () => {
  for (const [path, change, status] of [
    ['/', { method: 'POST', body: Buffer.from([0xff, 0x00, 0xfe]) }, 404],
    ['/files/a.example/x', { method: 'PUT', body: Buffer.alloc(1_000_000) }, 404],
    ['/client/../package.json', {}, 404],
    ['/client/%2e%2e/package.json', {}, 404],
    ['/client/%zz', {}, 404],
    ['//evil.example/', {}, 404],
    ['/', { query: 'a=%zz&a=b', headers: { 'x-odd': 'ä\u{1F600}' } }, 200],
    ['/healthz', {}, 200],
    ['/', { method: 'HEAD' }, 200],
  ] as const) {
    assert.equal((await ask(path, change)).statusCode, status, `${path} ${JSON.stringify(change).slice(0, 100)}`);
  }
});
