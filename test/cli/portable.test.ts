/** `skylark import` and `skylark export`: files of XEP-0227, whole and broken, with the service running and without it. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Found, readServerData } from '../../services/cli/portable/server-data.ts';
import { XmlWalk } from '../../services/cli/portable/xml-walk.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
const data = join(folder, 'data');
let service: Service;

before(async () => {
  service = await Service.start(['start', '--data', data, '--domain', 'a.example', ...anyPorts]);
  await run('tenant', 'add', 'b.example');
});
after(async () => {
  await service?.stop();
  removeFolder(folder);
});

const run = (...args: readonly string[]) => skylark([...args, '--data', data]);
const head = "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='urn:xmpp:pie:0'>";

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const contact = (jid: string) => `<query xmlns='jabber:iq:roster'><item jid='${jid}' subscription='both'/></query>`;
const two = `${head}
  <host jid='a.example'><user name='juliet' password='secret'>${contact('romeo@b.example')}</user>
    <user name='nurse'/></host>
  <host jid='b.example'><user name='romeo' password='secret'>${contact('juliet@a.example')}</user></host>
</server-data>`;

async function foundIn(path: string): Promise<Found[]> {
  const all: Found[] = [];
  for await (const found of readServerData(path)) all.push(found);
  return all;
}

async function refusal(path: string): Promise<string> {
  return foundIn(path).then(
    () => assert.fail('it was read'),
    (error: unknown) => (error as Error).message.replace(`${folder}/`, ''),
  );
}

test('only the named domain is taken in, unless all are wanted, and a second run says that they are there', async () => {
  const path = file('two.xml', two);
  const first = await run('import', path, 'a.example');
  assert.equal(
    first.out,
    'imported juliet@a.example: contacts 1\nimported nurse@a.example: 1 left out\n2 accounts; 1 other domain was passed over\n',
  );
  assert.match(
    first.err,
    /^.*two\.xml, line 4 \(byte \d+\): nurse@a\.example has no password; to give it one: skylark user password/,
  );
  assert.equal(first.code, 0);
  assert.equal((await run('user', 'list', 'b.example')).out, '');
  const all = await run('import', path, '--all', '--json');
  assert.deepEqual(
    all.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { jid: 'juliet@a.example', outcome: 'exists', taken: {}, leftOut: 0 },
      { jid: 'nurse@a.example', outcome: 'exists', taken: {}, leftOut: 0 },
      { jid: 'romeo@b.example', outcome: 'imported', taken: { contacts: 1 }, leftOut: 0 },
    ],
  );
  assert.equal((await run('user', 'list', 'b.example')).out, 'romeo@b.example\n');
});

test('a tenant is written into a file that only its owner may read, is taken in again, and nothing is written over', async () => {
  await run('import', file('two.xml', two), '--all');
  const path = join(folder, 'out.xml');
  const done = await run('export', 'a.example', path);
  assert.equal(done.out, `wrote 2 accounts of a.example into ${path}\n`);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const text = readFileSync(path, 'utf8');
  assert.match(text, /<host jid='a\.example'>\n<user name='juliet'><scram-credentials /);
  assert.match(text, /<user name='nurse'><\/user><\/host><\/server-data>$/);
  assert.doesNotMatch(text, /secret/);
  assert.deepEqual(await run('export', 'a.example', path), {
    ...{ out: '', code: 1 },
    err: `skylark: '${path}' cannot be written: there is something else by that name\n`,
  });
  assert.equal(readFileSync(path, 'utf8'), text);
  const own = join(folder, 'juliet.xml');
  await run('export', 'juliet@a.example', own);
  const kinds = (await foundIn(own)).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['host', 'user', 'part', 'part', 'part', 'part', 'user-end'], 'three keys and a contact');
  const away = await run('export', 'nobody@a.example', join(folder, 'nobody.xml'));
  assert.match(away.err, /there is no account 'nobody@a\.example'/);
  assert.throws(() => statSync(join(folder, 'nobody.xml')), /ENOENT/, 'what is not whole is taken away');
});

test('an account that the service refuses ends that account alone', async () => {
  const path = file(
    'refused.xml',
    `${head}<host jid='a.example'><user name='@@'/><user name='paris' password='x'/></host><host jid='c.example'><user name='x'/></host></server-data>`,
  );
  const { out, code } = await run('import', path, '--all');
  assert.match(
    out,
    /^refused @@@a\.example: .*is not the address of an account.*\nimported paris@a\.example\nrefused x@c\.example: there is no tenant/,
  );
  assert.equal(code, 1);
  const none = await run('import', path, 'd.example');
  assert.match(none.err, /there are no accounts of 'd\.example' in .*; it has "a\.example", "c\.example"/);
});

test('a file that breaks names the place, and what came before it is whole', async () => {
  const path = file(
    'broken.xml',
    `${two.slice(0, two.indexOf('<user name=')).replaceAll('juliet', 'x')}<user name='tybalt' password='x'></user>\n<user name='`,
  );
  const { out, err, code } = await run('import', path, 'a.example');
  assert.equal(out, 'imported tybalt@a.example\n');
  assert.match(err, /skylark: .*broken\.xml, line 4 \(byte 141\): the file ends within an element that begins here\n$/);
  assert.equal(code, 1);
});

for (const [what, text, said] of [
  ['nothing', '', /there is nothing in it/],
  ['another root', `<a xmlns='b'/>`, /should have <server-data\/> of 'urn:xmpp:pie:0', and it has <a\/> of 'b'/],
  ['a document type', `<!DOCTYPE a [<!ENTITY b 'c'>]><server-data xmlns='urn:xmpp:pie:0'/>`, /line 1 \(byte 0\): restricted-xml/],
  [
    'an entity',
    `${head}<host jid='a.example'><user name='a'><vCard xmlns='vcard-temp'>&b;</vCard></user></host></server-data>`,
    /line 2 \(byte \d+\): restricted-xml/,
  ],
  ['a comment', `${head}\n<!-- a --></server-data>`, /line 3 \(byte 76\): restricted-xml/],
  ['text', `${head}\na</server-data>`, /line 3 \(byte 76\): there is text between elements/],
  ['another closing tag', `${head}<host jid='a.example'></server-data>`, /a closing tag matches no opening one: <host> is open/],
  ['no end', `${head}<host jid='a.example'>`, /the file ends within <host>/],
  ['something behind', `${head}</server-data><a/>`, /there is something behind the end/],
  ['a host without jid', `${head}<host/></server-data>`, /<host\/> needs a 'jid'/],
  ['a user without name', `${head}<host jid='a'><user/></host></server-data>`, /<user\/> needs a 'name'/],
  [
    'bytes that are not UTF-8',
    Buffer.concat([Buffer.from(`${head}<host jid='`), Buffer.from([0xff]), Buffer.from(`'/></server-data>`)]),
    /line 2/,
  ],
  ['another encoding', `<?xml version='1.0' encoding='latin1'?><server-data xmlns='urn:xmpp:pie:0'/>`, /unsupported-encoding/],
  ['deep nesting', `${head}<host jid='a'><user name='a'>${'<a>'.repeat(300)}</user></host></server-data>`, /policy-violation/],
  [
    'an endless element',
    `${head}<host jid='a'><user name='a'><vCard xmlns='vcard-temp'>${'x'.repeat(5_000_000)}`,
    /policy-violation/,
  ],
] as const)
  test(`a file with ${what} is refused, with the place`, async () => {
    const path = join(folder, 'bad.xml');
    writeFileSync(path, text);
    assert.match(await refusal(path), said);
  });

test('files that are included are read, beside the file and below, and nowhere else', async () => {
  const xi = "xmlns:xi='http://www.w3.org/2001/XInclude'";
  const main = (href: string, more = '') =>
    `<server-data xmlns='urn:xmpp:pie:0' ${xi}><xi:include href='${href}'${more}/></server-data>`;
  file('in/host.xml', `<host xmlns='urn:xmpp:pie:0' jid='a.example' ${xi}><xi:include href='users/a%20b.xml'/></host>`);
  file(
    'in/users/a b.xml',
    `<user xmlns='urn:xmpp:pie:0' name='benvolio' password='x' ${xi}><xi:include href='card.xml'/></user>`,
  );
  file('in/users/card.xml', `<vCard xmlns='vcard-temp'><FN>Benvolio</FN></vCard>`);
  file('secret.xml', `<host xmlns='urn:xmpp:pie:0' jid='a.example'/>`);
  const kinds = (await foundIn(file('in/main.xml', main('host.xml')))).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['host', 'user', 'part', 'user-end']);
  const away = /is not a file beside this one, or in a folder below/;
  for (const href of [
    '../secret.xml',
    join(folder, 'secret.xml'),
    'file:///etc/passwd',
    'http://a.example/',
    '..%2fsecret.xml',
    'users/../../secret.xml',
    '%',
  ])
    assert.match(await refusal(file('in/bad.xml', main(href))), away, href);
  for (const more of [" parse='text'", " xpointer='a'"])
    assert.match(await refusal(file('in/bad.xml', main('host.xml', more))), /only <include\/> with an 'href'/);
  assert.match(await refusal(file('in/bad.xml', main('none.xml'))), /cannot be read: no such file/);
  assert.match(await refusal(file('in/bad.xml', main('bad.xml'))), /should have <host\/>/, 'a file that includes itself');
});

test('the walk does not depend on where the pieces of a document end, and costs no more for many of them', async () => {
  const text = Buffer.from(`\ufeff${two.replaceAll('romeo', 'rómeo')}`);
  const seen = async (size: number) => {
    async function* pieces() {
      for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size);
    }
    const walk = new XmlWalk('it', pieces());
    const found: string[] = [(await walk.root()).place];
    walk.enter();
    for (let depth = 1; depth > 0; ) {
      const tag = await walk.next();
      if (tag === undefined) depth -= 1;
      else {
        found.push(`${tag.place} ${tag.name} ${JSON.stringify(tag.attributes)}`);
        if (tag.name === 'query') found.push((await walk.whole()).toString());
        else {
          walk.enter();
          depth += 1;
        }
      }
    }
    await walk.finish();
    return found;
  };
  const whole = await seen(text.length);
  assert.ok(
    whole.some((line) => line.includes('line 5 ') && line.includes('romeo') === false && line.includes('rómeo')),
    whole.join('\n'),
  );
  for (const size of [1, 2, 3, 7, 50]) assert.deepEqual(await seen(size), whole, `${size}`);
});
