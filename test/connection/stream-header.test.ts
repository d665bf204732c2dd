/** RFC 6120 §4.7, §4.9.3 and §8.1.5: what the answering header says for each header of a client, and the language of its stanzas. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bind, type Fixture, header, plainAuth, startFixture } from './fixture.ts';
import { RawClient } from './raw-client.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const dial = (): RawClient => RawClient.tls(fixture.node.addresses.c2sTls!.port);
const withMore = (more: string): string => header.replace("version='1.0'", `version='1.0' ${more}`);

/** Values by name, of our own header. */
async function answer(client: RawClient): Promise<Readonly<Record<string, string>>> {
  const [, text] = await client.read(/<stream:stream ([^>]*)>/);
  return Object.fromEntries([...text!.matchAll(/([\w:]+)='([^']*)'/g)].map(([, name, value]) => [name!, value!]));
}

describe('a client that says who it is', () => {
  for (const [from, to] of [
    ['juliet@example.org', 'juliet@example.org'],
    ['juliet@example.org/balcony', undefined],
    ['juliet@example.org/balcony/with/slashes@and', undefined],
    ['Juliet@EXAMPLE.org', 'juliet@example.org'],
    ['d\\27artagnan@example.org', 'd\\27artagnan@example.org'],
    ['ромео@example.org', 'ромео@example.org'],
    ['example.org', 'example.org'],
    [undefined, undefined],
  ] as const) {
    test(`from ${from ?? 'nothing'} is answered to ${to ?? 'nobody'}`, async () => {
      const client = dial();
      client.send(from === undefined ? header : withMore(`from="${from}"`));
      const said = await answer(client);
      assert.deepEqual([said.to, said.from, said.version, said['xml:lang']], [to, 'example.org', '1.0', 'en']);
      assert.match(said.id!, /^[\w-]{16}$/);
      await client.read(/<\/stream:features>/);
      client.destroy();
    });
  }

  test('the header behind SASL answers what that one said, and nothing of the one before', async () => {
    const client = dial();
    client.send(withMore("from='juliet@example.org'"));
    const ids = [(await answer(client)).id];
    await client.read(/<\/stream:features>/);
    client.send(plainAuth('juliet'));
    await client.read(/<success[^>]*>/);
    client.send(header);
    const said = await answer(client);
    assert.deepEqual([said.to, said.from], [undefined, 'example.org']);
    ids.push(said.id);
    assert.equal(new Set(ids).size, 2);
    client.destroy();
  });

  test('a full JID of the account is taken behind SASL, too, and not answered: mellium would end the stream', async () => {
    const client = dial();
    client.send(withMore("from='juliet@example.org/mellium'"));
    await client.read(/<\/stream:features>/);
    client.send(plainAuth('juliet'));
    await client.read(/<success[^>]*>/);
    client.send(withMore("from='juliet@example.org/mellium'"));
    assert.equal((await answer(client)).to, undefined);
    await client.read(/<\/stream:features>/);
    client.destroy();
  });
});

describe('a header that is refused', () => {
  const to = (value: string): string => header.replace("to='example.org'", value);
  for (const [what, sent, condition, from] of [
    ['no to', to(''), 'improper-addressing', ''],
    ['an empty to', to("to=''"), 'improper-addressing', ''],
    ['an account as to', to("to='juliet@example.org'"), 'improper-addressing', ''],
    ['a host that is not served', to("to='example.net'"), 'host-unknown', ''],
    ['a host with markup in it', to("to='a&apos;&gt;&lt;b'"), 'improper-addressing', ''],
    ['another host below a tenant', to("to='x.example.org'"), 'host-unknown', ''],
    ['no version', header.replace("version='1.0'", ''), 'unsupported-version', 'example.org'],
    ['version 0.9', header.replace("version='1.0'", "version='0.9'"), 'unsupported-version', 'example.org'],
    ['version 1', header.replace("version='1.0'", "version='1'"), 'unsupported-version', 'example.org'],
    ['an empty from', withMore("from=''"), 'improper-addressing', 'example.org'],
    ['a from with two ats', withMore("from='@@example.org'"), 'improper-addressing', 'example.org'],
    ['a from with a space', withMore("from='ju liet@example.org'"), 'improper-addressing', 'example.org'],
    ['a from without a domain', withMore("from='juliet@'"), 'improper-addressing', 'example.org'],
    ['a from of another domain', withMore("from='juliet@example.net'"), 'invalid-from', 'example.org'],
    ['a from of a domain below', withMore("from='juliet@conference.example.org'"), 'invalid-from', 'example.org'],
    ['another content namespace', header.replace('jabber:client', 'jabber:server'), 'invalid-namespace', ''],
    [
      'another prefix',
      header.replaceAll('stream:stream', 's:stream').replace('xmlns:stream', 'xmlns:s'),
      'bad-namespace-prefix',
      '',
    ],
  ] as const) {
    test(`${what}: ${condition}, from '${from}'`, async () => {
      const client = dial();
      client.send(sent);
      const said = await answer(client);
      assert.deepEqual([said.from, said.to, said.version], [from, undefined, '1.0']);
      assert.match(await client.closed(), new RegExp(`^<stream:error><${condition} .*</stream:error></stream:stream>$`));
    });
  }

  for (const from of ['romeo@example.org', 'example.org', 'juliet@example.net', 'juliett@example.org/balcony']) {
    test(`behind SASL ${from} is not the account: invalid-from`, async () => {
      const client = dial();
      client.send(header);
      await client.read(/<\/stream:features>/);
      client.send(plainAuth('juliet'));
      await client.read(/<success[^>]*>/);
      client.send(withMore(`from='${from}'`));
      assert.match(await client.closed(), /<stream:error><invalid-from /);
    });
  }
});

describe('the language of a stream', () => {
  async function signIn(first: string, second: string): Promise<RawClient> {
    const client = dial();
    client.send(withMore(first));
    await client.read(/<\/stream:features>/);
    client.send(plainAuth('juliet'));
    await client.read(/<success[^>]*>/);
    client.send(withMore(second));
    await client.read(/<\/stream:features>/);
    await bind(client);
    return client;
  }

  async function sent(client: RawClient, stanza: string, id: string): Promise<string> {
    client.send(`${stanza}<iq type='get' id='${id}-after'><x xmlns='y'/></iq>`);
    await client.read(new RegExp(`id='${id}-after'`));
    return fixture.router.stanzas.findLast((each) => each.includes(`id='${id}'`))!;
  }

  test('is put on stanzas that name none, and on no others', async () => {
    const client = await signIn('', "xml:lang='de-AT'");
    for (const [id, before, after] of [
      ['l1', "<message id='l1'><body>Servus</body></message>", "<message xml:lang='de-AT' id='l1'><body>Servus</body></message>"],
      ['l2', "<presence id='l2'/>", "<presence xml:lang='de-AT' id='l2'/>"],
      ['l3', "<iq id='l3' type='result'></iq>", "<iq xml:lang='de-AT' id='l3' type='result'></iq>"],
      ['l4', "<message xml:lang='en' id='l4'/>", "<message xml:lang='en' id='l4'/>"],
      ['l5', "<message id='l5' xml:lang=''/>", "<message id='l5' xml:lang=''/>"],
      [
        'l6',
        "<message id='l6'><body xml:lang='cs'>Ahoj</body></message>",
        "<message xml:lang='de-AT' id='l6'><body xml:lang='cs'>Ahoj</body></message>",
      ],
    ] as const) {
      assert.equal(await sent(client, before, id), after);
    }
    client.destroy();
  });

  for (const [what, first, second] of [
    ['none', '', ''],
    ['an empty one', '', "xml:lang=''"],
    ['one of the stream before SASL', "xml:lang='de'", ''],
    ['one that is none', '', 'xml:lang="no &apos;language&apos;"'],
    ['one without an end', '', `xml:lang='${'a-'.repeat(500)}a'`],
  ] as const) {
    test(`${what} changes nothing`, async () => {
      const client = await signIn(first, second);
      const message = "<message id='plain'><body>hi</body></message>";
      assert.equal(await sent(client, message, 'plain'), message);
      client.destroy();
    });
  }
});
