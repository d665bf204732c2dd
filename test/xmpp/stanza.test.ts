import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Stanza, spliceAttributes, spliceTo } from '../../lib/xmpp/stanza.ts';

const message = Stanza.parse(
  "<message xmlns:p='urn:p' to='romeo@montague.example/orchard' id='1&#10;2' type='chat' xml:lang='en'> " +
    "<body>a &amp; b</body><p:x p:y='1'><p:z/></p:x><active xmlns='urn:s'/><body xml:lang='de'>c</body></message>",
);

test('a stanza knows its opening tag and its children', () => {
  assert.deepEqual([message.name, message.ns, message.type, message.id], ['message', 'jabber:client', 'chat', '1\n2']);
  assert.deepEqual(Object.keys(message.attributes), ['to', 'id', 'type', 'xml:lang']);
  assert.deepEqual([...message.namespaces], [['p', 'urn:p']]);
  assert.deepEqual(
    message.children.map(({ name, ns, start, end }) => [name, ns, `${message.bytes.subarray(start, end)}`]),
    [
      ['body', 'jabber:client', '<body>a &amp; b</body>'],
      ['x', 'urn:p', "<p:x p:y='1'><p:z/></p:x>"],
      ['active', 'urn:s', "<active xmlns='urn:s'/>"],
      ['body', 'jabber:client', "<body xml:lang='de'>c</body>"],
    ],
  );
  assert.deepEqual([message.to?.resource, message.from], ['orchard', undefined]);
});

test('a child is a tree of its own, with its namespaces', () => {
  assert.equal(message.body, 'a & b');
  assert.equal(message.child('x', 'urn:p'), message.child('x', 'urn:p'), 'made once');
  const x = message.child('x', 'urn:p');
  assert.equal(Stanza.parse(`${x}`).ns, 'urn:p');
  assert.equal(x?.getChild('z', 'urn:p')?.name, 'p:z');
  assert.equal(message.child('body', 'jabber:client')?.getNS(), 'jabber:client');
  assert.equal(message.elementOf(message.children[3]!).getText(), 'c');
  assert.equal(message.child('x', 'jabber:client'), undefined);
  assert.deepEqual([message.hasChild('active', 'urn:s'), message.hasChild('active', 'urn:p')], [true, false]);
  assert.equal(message.childrenOf('jabber:client').length, 2);
});

for (const [what, input, attributes, options, expected] of [
  [
    'new attributes, escaped, in their order',
    "<iq a='1' to='b'/>",
    { id: "<'\n", b: undefined, a: '2' },
    {},
    "<iq id='&lt;&apos;&#10;' a='2'/>",
  ],
  ['the payload as it was', '<iq> <a b="c"/>&#65;<![CDATA[x]]></iq >', {}, {}, '<iq> <a b="c"/>&#65;<![CDATA[x]]></iq>'],
  [
    'prefixes that the payload may need',
    "<iq xmlns:p='urn:&lt;'><p:a/></iq>",
    { id: '1' },
    {},
    "<iq id='1' xmlns:p='urn:&lt;'><p:a/></iq>",
  ],
  ['no jabber:client', "<iq xmlns='jabber:client'><a/></iq>", {}, {}, '<iq><a/></iq>'],
  ['jabber:client where it is asked for', '<iq/>', { id: '1' }, { xmlns: 'jabber:client' }, "<iq xmlns='jabber:client' id='1'/>"],
  ['another default namespace', "<enable xmlns='urn:sm'><a/></enable>", {}, {}, "<enable xmlns='urn:sm'><a/></enable>"],
  ['… which a framing does not change', "<enable xmlns='urn:sm'/>", {}, { xmlns: 'jabber:client' }, "<enable xmlns='urn:sm'/>"],
  [
    'all but what is dropped',
    "<m>1<a/>2<b:b xmlns:b='u'>x</b:b>3<a/>4</m>",
    {},
    { drop: (child) => child.name === 'b' },
    '<m>1<a/>23<a/>4</m>',
  ],
  ['nothing when all is dropped', '<m><a/><a/></m>', {}, { drop: () => true }, '<m/>'],
  ['what is appended', '<m><a/></m>', {}, { append: ['<b/>', Buffer.from('<ü/>')] }, '<m><a/><b/><ü/></m>'],
  ['what is appended to nothing', '<m/>', {}, { append: '<b/>' }, '<m><b/></m>'],
] satisfies [string, string, Record<string, string | undefined>, Parameters<Stanza['render']>[1], string][]) {
  test(`a stanza is rendered with ${what}`, () => {
    assert.equal(`${Stanza.parse(input).render(attributes, options)}`, expected);
  });
}

test('the payload is what stands between the tags', () => {
  assert.equal(`${Stanza.parse('<a> x<b/></a>').payload()}`, ' x<b/>');
  assert.equal(Stanza.parse('<a></a>').payload().length, 0);
  assert.equal(Stanza.parse('<a/>').payload().length, 0);
});

test('attributes are inserted after the name', () => {
  for (const [input, expected] of [
    ['<a/>', "<a to='x&apos;y'/>"],
    ['<a>b</a>', "<a to='x&apos;y'>b</a>"],
    ["<p:a\tb='1'/>", "<p:a to='x&apos;y'\tb='1'/>"],
  ] as const) {
    assert.equal(`${spliceTo(Buffer.from(input), "x'y")}`, expected);
  }
  assert.equal(`${spliceAttributes(Buffer.from('<ü/>'), " xmlns='jabber:client'")}`, "<ü xmlns='jabber:client'/>");
});

test('attributes named like methods are attributes', () => {
  const stanza = Stanza.parse("<a constructor='1' __proto__='2'/>");
  assert.deepEqual(
    [stanza.attributes.constructor, stanza.attributes.toString, Object.keys(stanza.attributes)],
    ['1', undefined, ['constructor', '__proto__']],
  );
});

test('a bad address is refused when it is read', () => {
  const stanza = Stanza.parse("<iq to='a@@b' from=''/>");
  assert.throws(() => stanza.to, { name: 'StanzaError', condition: 'jid-malformed' });
  assert.throws(() => stanza.from, { name: 'StanzaError', condition: 'jid-malformed' });
});

test('one complete element is parsed, with white space around it', () => {
  assert.equal(`${Stanza.parse(' \n<a/> ').bytes}`, '<a/>');
  for (const input of ['', ' ', 'x', '<a>', '<a/><b/>', '<a/>x', "<?xml version='1.0'?><a/>"]) {
    assert.throws(() => Stanza.parse(input), { name: 'StreamError' }, input);
  }
});

test('the whole tree declares its namespaces', () => {
  assert.equal(`${Stanza.parse("<iq xmlns:p='u'><p:a/></iq>").element()}`, "<iq xmlns:p='u' xmlns='jabber:client'><p:a/></iq>");
});

test('a stanza at the bounds of a peer may gain attributes on its way', () => {
  const attributes = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`a${index}`, 'x']));
  const stanza = Stanza.parse(Stanza.parse('<iq/>').render(attributes));
  assert.equal(Object.keys(Stanza.parse(stanza.render({ ...stanza.attributes, from: 'a' })).attributes).length, 65);
});

test('an amended stanza is what its bytes parse to', () => {
  const inputs = [
    '<message/>',
    "<message to='a@b'><body>hé</body></message>",
    "<message xml:lang='de' id='&lt;1'> <body/> <x xmlns='urn:x'><y/></x><delay xmlns='urn:d'/>text</message>",
    "<message xmlns:p='urn:p' type='chat'><p:a/><body>1</body></message>",
    "<iq xmlns='jabber:iq:x'><query/></iq>",
    "<p:iq xmlns:p='urn:p'><query/></p:iq>",
  ];
  const drops = fc.constantFrom<((name: string) => boolean)[]>(
    () => false,
    () => true,
    (name) => name === 'body',
    (name) => name === 'x' || name === 'delay',
  );
  const appended = fc.constantFrom(
    [],
    [{ name: 'z', ns: 'urn:zé', text: "<z xmlns='urn:zé'>ü</z>" }],
    [
      { name: 'z', ns: 'urn:z', text: "<z xmlns='urn:z'/>" },
      { name: 'w', ns: 'jabber:client', text: '<w/>' },
    ],
  );
  const attributes = fc.dictionary(
    fc.constantFrom('to', 'from', 'id', 'xml:lang'),
    fc.option(fc.constantFrom('a@b/ü', "'<&\n", 'plain'), { nil: undefined }),
  );
  const picture = (stanza: Stanza) => ({
    bytes: `${stanza.bytes}`,
    named: [stanza.name, stanza.ns, { ...stanza.attributes }, [...stanza.namespaces]],
    children: stanza.children.map((child) => ({ ...child, tree: `${stanza.elementOf(child)}` })),
    payload: `${stanza.payload()}`,
    again: `${stanza.render(stanza.attributes)}`,
  });
  fc.assert(
    fc.property(fc.constantFrom(...inputs), attributes, drops, appended, (input, wanted, drop, append) => {
      const dropChild = ({ name }: { name: string }) => drop(name);
      const amend = (stanza: Stanza) => stanza.amended(wanted, new Set(stanza.children.filter(dropChild)), append);
      const amended = amend(Stanza.parse(input));
      const texts = append.map(({ text }) => text);
      const rendered = Stanza.parse(Stanza.parse(input).render(wanted, { drop: dropChild, append: texts }));
      assert.deepEqual(picture(amended), picture(rendered));
      assert.deepEqual(picture(amend(amended)), picture(amend(rendered)));
    }),
  );
});
