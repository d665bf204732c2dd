/** Files of a cluster whose routers sign slots for S3: here for an endpoint that verifies every signature, length and type. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseElement } from '../../lib/xmpp/element.ts';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { type Addresses, anyPorts, removeFolder, Service, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { S3Endpoint } from '../support/s3-endpoint.ts';
import { TcpClient } from '../support/tcp-client.ts';

const NS = 'urn:xmpp:http:upload:0';
const bucket = 'skylark-files';
const clientPorts = anyPorts.filter((flag) => !flag.startsWith('--s2s'));

describe('a cluster with S3', { skip: skipWithoutNats }, () => {
  const folder = temporaryFolder();
  const data = join(folder, 'cluster');
  let s3: S3Endpoint;
  let cluster: Service;
  let juliet: TcpClient;
  const addressesOf = (service: string) =>
    cluster.events.find((event) => event.event === 'listening' && event.service === service)!.addresses as Addresses;

  before(async () => {
    s3 = await S3Endpoint.start(bucket);
    const files = ['--s3', s3.url, '--files-bucket', bucket, '--files-url', s3.filesUrl];
    cluster = await Service.start(['cluster', '--data', data, ...clientPorts, ...files], 'ready');
    await skylark(['user', 'add', 'juliet@localhost', '--data', data], { input: 'pw\n' });
    juliet = await TcpClient.signIn(addressesOf('connection').c2sTls!.port, 'juliet@localhost/balcony', 'pw');
  });

  after(async () => {
    await juliet?.close();
    await cluster?.stop();
    await s3?.close();
    removeFolder(folder);
  });

  async function askSlot(id: string, size: number): Promise<{ put: string; get: string }> {
    juliet.send(
      `<iq type='get' id='${id}' to='upload.localhost'><request xmlns='${NS}' filename='très cool.png' size='${size}' content-type='image/png'/></iq>`,
    );
    const slot = parseElement((await juliet.next(({ attributes }) => attributes.id === id)).xml).getChild('slot', NS)!;
    const [put, get] = ['put', 'get'].map((name) => slot.getChild(name)!.attrs.url as string);
    return { put: put!, get: get! };
  }

  const put = (url: string, body: Uint8Array<ArrayBuffer>, type = 'image/png') =>
    fetch(url, { method: 'PUT', headers: { 'content-type': type }, body });

  test('a slot goes to the bucket, takes exactly what it was asked for, and its file is found', async () => {
    const body = new Uint8Array(300_000).map((_, index) => index % 251);
    const slot = await askSlot('one', body.length);
    assert.ok(slot.put.startsWith(`${s3.url}/${bucket}/localhost/`), slot.put);
    assert.ok(slot.get.startsWith(`${s3.filesUrl}localhost/`), slot.get);
    assert.equal((await put(slot.put, body.subarray(1))).status, 403);
    assert.equal((await put(slot.put, body, 'text/html')).status, 403);
    assert.equal((await put(slot.put.replace('/localhost/', '/other.example/'), body)).status, 403);
    assert.equal((await fetch(slot.get)).status, 404);
    assert.equal((await put(slot.put, body)).status, 200);
    const got = await fetch(slot.get);
    assert.equal(got.headers.get('content-type'), 'image/png');
    assert.deepEqual(new Uint8Array(await got.arrayBuffer()), body);
    assert.equal(s3.taken.length, 1);
  });

  test('the web client may upload there', async () => {
    const { port } = addressesOf('web').http!;
    const policy = (await fetch(`http://127.0.0.1:${port}/`)).headers.get('content-security-policy')!;
    assert.ok(policy.includes(`connect-src 'self' ws: wss: ${new URL(s3.filesUrl).origin} ${s3.url};`), policy);
  });
});
