/** `skylark console` and the commands about who is let in, against a service that runs, and the console through its real port. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TcpClient } from '../support/tcp-client.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
let service: Service;
let origin: string;
before(async () => {
  service = await Service.start(['start', '--data', folder, ...anyPorts]);
  origin = `http://localhost:${service.addresses.http!.port}`;
});
after(async () => {
  await service.stop();
  removeFolder(folder);
});

const run = (...args: string[]) => skylark([...args, '--data', folder]);

async function entered(link: string): Promise<Response> {
  const token = link.split('/').at(-1)!;
  return fetch(`${origin}/console/enter`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin },
    body: new URLSearchParams({ link: token }),
  });
}

test('the link that it prints opens the console once, through the port where the service has its pages', async () => {
  const { out, code } = await run('console');
  assert.equal(code, 0);
  const [link, note] = out.split('\n') as [string, string];
  assert.ok(link.startsWith(`${origin}/console/enter/`));
  assert.match(note, /^It opens the console once, until \d{4}-/);
  assert.match(await (await fetch(link)).text(), /<form method="post" action="\/console\/enter"/);
  const first = await entered(link);
  assert.equal(first.status, 303);
  const [cookie] = first.headers.getSetCookie().map((line) => line.split(';', 1)[0]!);
  const page = await fetch(`${origin}/console/nodes`, { headers: { cookie: cookie! } });
  assert.equal(page.status, 200);
  assert.match(await page.text(), />connection</);
  assert.match(page.headers.get('content-security-policy')!, /frame-ancestors 'none'/);
  assert.equal((await entered(link)).status, 403);
  const live = await fetch(`${origin}/console/live`, { headers: { cookie: cookie! } });
  const reader = live.body!.getReader();
  assert.match(Buffer.from((await reader.read()).value!).toString(), /^data: <ul class="tiles minor"/);
  await reader.cancel();
  assert.equal((await fetch(`${origin}/`)).headers.get('content-security-policy')!.includes('wasm-unsafe-eval'), true);
});

test('with --json it prints an object, and another place for the pages is refused if it is not a URL', async () => {
  const { out } = await run('console', '--json', '--web-url=https://chat.example.org');
  assert.match((JSON.parse(out) as { url: string }).url, /^https:\/\/chat\.example\.org\/console\/enter\//);
  assert.equal((await run('console', '--web-url=ftp://x.example')).code, 2);
});

test('links of invites and for new passwords lead to the pages of the service, too', async () => {
  await run('user', 'add', 'nurse@localhost', '--password=secret');
  for (const args of [
    ['invite', 'create', 'localhost'],
    ['user', 'reset', 'nurse@localhost'],
  ]) {
    const [link] = (await run(...args)).out.split('\n');
    assert.ok(link!.startsWith(`${origin}/`), link);
    assert.equal((await fetch(link!)).status, 200, link);
  }
});

test('accounts, sessions, devices and rooms are shown and ended by commands', async () => {
  const jid = 'juliet@localhost';
  await run('user', 'add', jid, '--password=secret');
  const port = service.addresses.c2sTls!.port;
  const juliet = await TcpClient.signIn(port, `${jid}/balcony`, 'secret');
  juliet.send("<presence to='hall@conference.localhost/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
  await juliet.next((element) => element.xml.includes('code="110"'));
  assert.match(
    (await run('user', 'show', jid)).out,
    /^jid +juliet@localhost\ncreatedAt .*\nrole +none\ncontent +false\nisDisabled +false\nsessions +1\nlastSeen +\d{4}-.*Z\n$/,
  );
  await run('user', 'add', 'romeo@localhost', '--password=secret');
  assert.equal((await run('user', 'list', 'localhost', '--online')).out, `${jid}\n`);
  assert.match((await run('device', 'list', jid)).out, /connected {2}signs in with password/);
  assert.equal((await run('room', 'list', 'localhost')).out, 'hall@conference.localhost\n');
  assert.equal(
    (await run('room', 'destroy', 'localhost', 'hall', '--reason=moved')).out,
    'destroyed hall@conference.localhost\n',
  );
  await juliet.next((element) => element.xml.includes('<reason>moved</reason>'));
  assert.equal((await run('room', 'list', 'localhost')).out, '');
  const [session] = (await run('session', 'list', jid, '--json')).out.split('\n').filter((line) => line !== '');
  const { id } = JSON.parse(session!) as { id: string };
  assert.equal((await run('session', 'end', jid, id)).out, `ended ${id}\n`);
  await juliet.closed;
  assert.match((await run('user', 'disable', jid)).out, /is disabled/);
  await assert.rejects(TcpClient.signIn(port, `${jid}/balcony`, 'secret'), /account-disabled/);
  assert.match((await run('user', 'enable', jid)).out, /can sign in again/);
  await (await TcpClient.signIn(port, `${jid}/balcony`, 'secret')).close();
});
