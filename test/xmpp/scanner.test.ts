import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameScanner } from '../../lib/xmpp/frame-scanner.ts';
import { openBounds, preauthBounds, type ScannerBounds, StreamScanner } from '../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { footer, header, scanAll, scanChunks } from './scanning.ts';

const good: readonly (readonly [what: string, body: string, names: string])[] = [
  ['a message', '<message><body>hi</body></message>', 'message'],
  ['empty-element tags', '<presence/><iq />', 'presence iq'],
  ['white space between stanzas', ' \t\r\n<presence/>\n\n<presence/> ', 'presence presence'],
  ['white space within tags', '<iq\n type = "get"\t>< /iq>'.replace('< /iq>', '</iq \n>'), 'iq'],
  ['quotes of the other kind in a value', `<iq id="it's" type='"'/>`, 'iq'],
  ['> in text and in a value', "<iq id='a>b'>a>b]>]]</iq>", 'iq'],
  ['the five entities and character references', "<iq id='&lt;&gt;&amp;&quot;&apos;&#9;&#xA;&#x10FFFF;'>&amp;&#65;</iq>", 'iq'],
  ['CDATA sections', '<message><body><![CDATA[<&]]]>x<![CDATA[]]></body></message>', 'message'],
  ['a default namespace of its own', "<enable xmlns='urn:xmpp:sm:3'/>", 'enable'],
  ['declared prefixes', "<iq xmlns:a='urn:a'><a:x a:b='1' b='1'/></iq>", 'iq'],
  ['a prefix declared by its own element', "<iq><a:x xmlns:a='urn:a'/></iq>", 'iq'],
  ['a namespace through a reference', "<iq><x xmlns='urn&#58;x'/></iq>", 'iq'],
  ['an undeclared default namespace below', "<iq><x xmlns=''/></iq>", 'iq'],
  ['the stream prefix on features and errors', '<stream:features/><stream:error/>', 'features error'],
  ['names beyond ASCII', '<iq><été çà="ü"/><日本/></iq>', 'iq'],
  ['four-byte characters', '<message><body>😀\u{10FFFD}</body></message>', 'message'],
  ['xml:lang and xml:space', "<message xml:lang='en' xml:space='preserve'/>", 'message'],
  ['U+007F to U+009F, which XML 1.0 allows', '<iq>\x7F\x80\x9F</iq>', 'iq'],
  [
    'a namespace of another kind with the same prefix, nested',
    "<iq xmlns:a='urn:a'><a:x xmlns:a='urn:b'><a:y/></a:x><a:z/></iq>",
    'iq',
  ],
];

for (const [what, body, names] of good) {
  test(`a stream may hold ${what}`, () => {
    const { events, condition } = scanAll(header + body + footer);
    assert.equal(condition, undefined);
    assert.equal(events.at(0)?.kind, 'open');
    assert.equal(events.at(-1)?.kind, 'close');
    const stanzas = events.filter((event): event is Stanza => event.kind === 'stanza');
    assert.equal(stanzas.map((stanza) => stanza.name).join(' '), names);
    assert.equal(stanzas.map((stanza) => stanza.bytes).join(''), body.replace(/(^|>)\s+(?=<|$)/g, '$1'));
  });
}

const hostile: readonly (readonly [what: string, body: string | Buffer, condition: string])[] = [
  ['a comment', '<!-- x -->', 'restricted-xml'],
  ['a comment in a stanza', '<iq><!-- x --></iq>', 'restricted-xml'],
  ['a processing instruction', '<?php x ?>', 'restricted-xml'],
  ['a processing instruction in a stanza', '<iq><?x?></iq>', 'restricted-xml'],
  ['a second XML declaration', "<?xml version='1.0'?>", 'restricted-xml'],
  ['a document type', '<!DOCTYPE iq>', 'restricted-xml'],
  ['a document type in a stanza', '<iq><!DOCTYPE x></iq>', 'restricted-xml'],
  ['an entity declaration', "<iq><!ENTITY x 'y'></iq>", 'restricted-xml'],
  ['an unknown entity', '<iq>&nbsp;</iq>', 'restricted-xml'],
  ['an unknown entity in a value', "<iq id='&x;'/>", 'restricted-xml'],
  ['an entity named like a method', '<iq>&toString;</iq>', 'restricted-xml'],
  ['a CDATA section between stanzas', '<![CDATA[x]]>', 'restricted-xml'],
  ['a misspelt CDATA section', '<iq><![cdata[x]]></iq>', 'restricted-xml'],
  ['a reference without name', '<iq>&;</iq>', 'not-well-formed'],
  ['a bare ampersand', '<iq>a & b</iq>', 'not-well-formed'],
  ['a reference without end', '<iq>&amp</iq>', 'not-well-formed'],
  ['a reference to NUL', '<iq>&#0;</iq>', 'not-well-formed'],
  ['a reference to a control character', '<iq>&#x1;</iq>', 'not-well-formed'],
  ['a reference to a surrogate', '<iq>&#xD800;</iq>', 'not-well-formed'],
  ['a reference to U+FFFF', '<iq>&#xFFFF;</iq>', 'not-well-formed'],
  ['a reference beyond Unicode', '<iq>&#x110000;</iq>', 'not-well-formed'],
  ['a reference with a capital X', '<iq>&#X41;</iq>', 'not-well-formed'],
  ['NUL in text', '<iq>a\0b</iq>', 'not-well-formed'],
  ['NUL in a value', "<iq id='\0'/>", 'not-well-formed'],
  ['NUL in a name', '<i\0q/>', 'not-well-formed'],
  ['NUL between stanzas', '\0', 'bad-format'],
  ['a control character in text', '<iq>\x1B</iq>', 'not-well-formed'],
  ['a control character in CDATA', '<iq><![CDATA[\x0B]]></iq>', 'not-well-formed'],
  ['text between stanzas', 'hello', 'bad-format'],
  ['a reference between stanzas', '&#32;', 'bad-format'],
  [']]> in text', '<iq>]]></iq>', 'not-well-formed'],
  ['< in a value', "<iq id='<'/>", 'not-well-formed'],
  ['an attribute without quotes', '<iq id=1/>', 'not-well-formed'],
  ['an attribute without value', '<iq id/>', 'not-well-formed'],
  ['attributes without space between', "<iq a='1'b='2'/>", 'not-well-formed'],
  ['an attribute twice', "<iq to='a' to='b'/>", 'not-well-formed'],
  ['an attribute twice through two prefixes', "<iq xmlns:a='urn:x' xmlns:b='urn:x' a:c='1' b:c='2'/>", 'not-well-formed'],
  [
    'an attribute twice through two prefixes, one declared outside',
    "<iq xmlns:a='u'><x xmlns:b='u' a:c='' b:c=''/></iq>",
    'not-well-formed',
  ],
  ['a prefix declared twice', "<iq xmlns:a='urn:x' xmlns:a='urn:y'/>", 'not-well-formed'],
  ['a default namespace declared twice', "<iq xmlns='jabber:client' xmlns='jabber:client'/>", 'not-well-formed'],
  ['another closing tag', '<iq></message>', 'not-well-formed'],
  ['a closing tag that is longer', '<iq></iqq>', 'not-well-formed'],
  ['a closing tag that is shorter', '<iq></i>', 'not-well-formed'],
  ['a closing tag with another prefix', "<iq xmlns:a='u' xmlns:b='u'><a:x></b:x></iq>", 'not-well-formed'],
  ['a closing tag with an attribute', "<iq></iq a='1'>", 'not-well-formed'],
  ['a closing tag outside of any element', '</iq>', 'not-well-formed'],
  ['the end of the stream within a stanza', '<iq></stream:stream>', 'not-well-formed'],
  ['a name that begins with a digit', '<1q/>', 'not-well-formed'],
  ['a name that begins with a hyphen', '<-q/>', 'not-well-formed'],
  ['an empty name', '<>', 'not-well-formed'],
  ['a space before the name', '< iq/>', 'not-well-formed'],
  ['a name with two colons', "<iq xmlns:a='u'><a:b:c/></iq>", 'not-well-formed'],
  ['a name that begins with a colon', '<:iq/>', 'not-well-formed'],
  ['a name that ends with a colon', "<iq xmlns:a='u'><a:/></iq>", 'not-well-formed'],
  ['a local part that begins with a digit', "<iq xmlns:a='u'><a:1/></iq>", 'not-well-formed'],
  ['a character beyond ASCII that names may not have', '<iq><a×b/></iq>', 'not-well-formed'],
  ['a slash within a tag', '<iq / >', 'not-well-formed'],
  ['an undeclared prefix', '<iq><a:x/></iq>', 'bad-namespace-prefix'],
  ['an undeclared prefix on an attribute', "<iq a:b='c'/>", 'bad-namespace-prefix'],
  ['an undeclared prefix on a stanza', '<a:iq/>', 'bad-namespace-prefix'],
  ['a prefix after its scope', "<iq><a:x xmlns:a='u'/><a:y/></iq>", 'bad-namespace-prefix'],
  ['a prefix of the stream header within a stanza', '<iq><stream:x/></iq>', 'bad-namespace-prefix'],
  ['a prefix of the stream header on an attribute', "<iq><x stream:a='b'/></iq>", 'bad-namespace-prefix'],
  ['xmlns as the prefix of an element', '<iq><xmlns:x/></iq>', 'bad-namespace-prefix'],
  ['a stanza with a prefix', "<a:iq xmlns:a='jabber:client'/>", 'bad-namespace-prefix'],
  ['an empty prefix declaration', "<iq xmlns:a=''/>", 'not-well-formed'],
  ['xmlns declared', "<iq xmlns:xmlns='urn:x'/>", 'not-well-formed'],
  ['a prefix for the xmlns namespace', "<iq xmlns:a='http://www.w3.org/2000/xmlns/'/>", 'not-well-formed'],
  ['xml declared as another namespace', "<iq xmlns:xml='urn:x'/>", 'not-well-formed'],
  ['another prefix for the xml namespace', "<iq xmlns:a='http://www.w3.org/XML/1998/namespace'/>", 'not-well-formed'],
  ['the xml namespace as the default one', "<iq xmlns='http://www.w3.org/XML/1998/namespace'/>", 'not-well-formed'],
  ['a stanza in no namespace', "<iq xmlns=''/>", 'invalid-namespace'],
  ['a lone continuation byte', Buffer.from('<iq>\x80</iq>', 'latin1'), 'unsupported-encoding'],
  ['an overlong NUL', Buffer.from('<iq>\xC0\x80</iq>', 'latin1'), 'unsupported-encoding'],
  ['an overlong <', Buffer.from('<iq>\xC0\xBCx></iq>', 'latin1'), 'unsupported-encoding'],
  ['a surrogate in UTF-8', Buffer.from('<iq>\xED\xA0\x80</iq>', 'latin1'), 'unsupported-encoding'],
  ['U+110000 in UTF-8', Buffer.from('<iq>\xF4\x90\x80\x80</iq>', 'latin1'), 'unsupported-encoding'],
  ['a character cut short by markup', Buffer.from('<iq>\xE2\x82</iq>', 'latin1'), 'unsupported-encoding'],
  ['bad UTF-8 in a value', Buffer.from("<iq id='\xFF'/>", 'latin1'), 'unsupported-encoding'],
  ['bad UTF-8 in a name', Buffer.from('<i\xFFq/>', 'latin1'), 'unsupported-encoding'],
];

for (const [what, body, expected] of hostile) {
  test(`a stream may not hold ${what}: ${expected}`, () => {
    const input = Buffer.concat([Buffer.from(`${header}<presence/>`), Buffer.from(body), Buffer.from(footer)]);
    const { events, condition } = scanAll(input);
    assert.equal(condition, expected);
    assert.equal(events.length, 2, 'what stands before it is reported');
  });
}

const ns = "xmlns:stream='http://etherx.jabber.org/streams'";

for (const [what, input, expected] of [
  ['an HTTP request', 'GET / HTTP/1.1\r\n', 'not-well-formed'],
  ['text', ' x', 'not-well-formed'],
  ['a byte order mark', `\uFEFF${header}`, 'not-well-formed'],
  ['UTF-16', Buffer.from(`\uFEFF${header}`, 'utf16le'), 'unsupported-encoding'],
  ['a TLS client hello', Buffer.from('\x16\x03\x01\x02\0', 'latin1'), 'not-well-formed'],
  ['another encoding', `<?xml version='1.0' encoding='ISO-8859-1'?>${header}`, 'unsupported-encoding'],
  ['white space before the declaration', ` <?xml version='1.0'?>${header}`, 'restricted-xml'],
  ['two declarations', `<?xml version='1.0'?><?xml version='1.0'?>${header}`, 'restricted-xml'],
  ['a declaration without version', `<?xml encoding='UTF-8'?>${header}`, 'not-well-formed'],
  ['XML 1.1', `<?xml version='1.1'?>${header}`, 'not-well-formed'],
  ['a declaration without end', `<?xml version='1.0'${' '.repeat(300)}`, 'not-well-formed'],
  ['a processing instruction', `<?xml-stylesheet?>${header}`, 'restricted-xml'],
  ['a document type', `<!DOCTYPE x>${header}`, 'restricted-xml'],
  ['another root', "<html xmlns='http://www.w3.org/1999/xhtml'>", 'invalid-namespace'],
  ['a root in no namespace', '<stream>', 'invalid-namespace'],
  ['an undeclared prefix', "<stream:stream xmlns='jabber:client'>", 'bad-namespace-prefix'],
  ['another stream namespace', "<stream:stream xmlns='jabber:client' xmlns:stream='urn:x'>", 'invalid-namespace'],
  ['another prefix', "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>", 'bad-namespace-prefix'],
  ['no prefix', `<stream xmlns='http://etherx.jabber.org/streams' ${ns}>`, 'bad-namespace-prefix'],
  ['another name', `<stream:flow xmlns='jabber:client' ${ns}>`, 'bad-format'],
  ['another content namespace', `<stream:stream xmlns='jabber:server' ${ns}>`, 'invalid-namespace'],
  ['more after its end', `${header}${footer}<presence/>`, 'not-well-formed'],
  ['a closing tag of another name', `${header}</stream:steam>`, 'not-well-formed'],
  ['a closing tag first', footer, 'not-well-formed'],
] as const) {
  test(`a stream may not have ${what}: ${expected}`, () => {
    assert.equal(scanAll(input).condition, expected);
  });
}

test('a stream header gives its attributes and namespaces', () => {
  const { events } = scanAll(
    `<?xml version="1.0" encoding='utf-8' standalone="yes" ?>\n<stream:stream from='a&amp;b' to="im.example" version='1.0' ` +
      `xml:lang='de' xmlns='jabber:client' ${ns}>`,
  );
  const open = events[0];
  assert(open?.kind === 'open');
  assert.deepEqual(
    [open.from, open.to, open.version, open.lang, open.id, [...open.namespaces.keys()]],
    ['a&b', 'im.example', '1.0', 'de', undefined, ['', 'stream']],
  );
});

test('a stream header that is an empty-element tag opens and closes', () => {
  const { events } = scanAll(`<stream:stream xmlns='jabber:client' ${ns}/>`);
  assert.deepEqual(
    events.map((event) => event.kind),
    ['open', 'close'],
  );
});

test('without a content namespace on the header each stanza declares its own', () => {
  const open = `<stream:stream ${ns}>`;
  const stanza = scanAll(`${open}<iq xmlns='jabber:client'/>`).events[1];
  assert(stanza?.kind === 'stanza');
  assert.equal(stanza.ns, 'jabber:client');
  assert.equal(scanAll(`${open}<iq/>`).condition, 'invalid-namespace');
});

test('a server stream reports its content namespace as jabber:client, and resolves db:', () => {
  const { events, condition } = scanAll(
    `<stream:stream xmlns='jabber:server' ${ns} xmlns:db='jabber:server:dialback'>` +
      "<db:result from='a' to='b'>key</db:result><message xmlns='jabber:server'><body/></message><message><body/></message>",
    openBounds,
    'jabber:server',
  );
  assert.equal(condition, undefined);
  const [result, ...messages] = events.slice(1) as Stanza[];
  assert.deepEqual([result?.name, result?.ns], ['result', 'jabber:server:dialback']);
  assert.equal(result?.element().getNS(), 'jabber:server:dialback');
  for (const message of messages) {
    assert.deepEqual([message.ns, message.hasChild('body', 'jabber:client')], ['jabber:client', true]);
    assert.equal(`${message.render({})}`, '<message><body/></message>');
  }
  assert.equal(messages.length, 2);
});

const small: ScannerBounds = {
  ...openBounds,
  stanzaBytesMax: 100,
  depthMax: 3,
  attributesMax: 3,
  elementsMax: 4,
  nameBytesMax: 8,
};

for (const [what, body, isFine] of [
  ['100 bytes', `<iq>${'x'.repeat(91)}</iq>`, true],
  ['101 bytes', `<iq>${'x'.repeat(92)}</iq>`, false],
  ['more bytes without an end', `<iq>${'x'.repeat(500)}`, false],
  ['an endless attribute', `<iq a='${'x'.repeat(500)}`, false],
  ['a depth of 3', '<iq><a><a><a/></a></a></iq>', true],
  ['a depth of 4', '<iq><a><a><a><a/></a></a></a></iq>', false],
  ['3 attributes', "<iq a='' b='' c=''/>", true],
  ['4 attributes', "<iq a='' b='' c='' d=''/>", false],
  ['4 elements', '<iq><a/><a/><a/></iq>', true],
  ['5 elements', '<iq><a/><a/><a/><a/></iq>', false],
  ['a name of 8 bytes', '<iq><aaaaaaaa/></iq>', true],
  ['a name of 9 bytes', '<iq><aaaaaaaaa/></iq>', false],
  ['prefix and name of 8 bytes each', "<iq><pppppppp:aaaaaaaa xmlns:pppppppp='u'/></iq>", true],
  ['a prefix of 9 bytes', "<iq><ppppppppp:a xmlns:ppppppppp='u'/></iq>", false],
  ['a long reference', `<iq>&#${'0'.repeat(9)}65;</iq>`, false],
] as const) {
  test(`a bound of the stanza ${isFine ? 'allows' : 'refuses'} ${what}`, () => {
    const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: openBounds });
    scanner.push(Buffer.from(header));
    assert.equal(scanner.next()?.kind, 'open');
    scanner.bounds = small;
    scanner.push(Buffer.from(body));
    if (isFine) assert.equal(scanner.next()?.kind, 'stanza');
    else assert.throws(() => scanner.next(), { name: 'StreamError', condition: 'policy-violation' });
  });
}

test('namespaces in scope are bounded, because each prefix is searched for among them', () => {
  const nested = (levels: number): string => {
    const declarations = Array.from({ length: 60 }, (_, index) => ` xmlns:p${index}='u'`).join('');
    return `<iq>${`<x${declarations}>`.repeat(levels)}${'</x>'.repeat(levels)}</iq>`;
  };
  assert.equal(scanAll(header + nested(2) + nested(2) + footer).condition, undefined);
  assert.equal(scanAll(header + nested(3) + footer).condition, 'policy-violation');
});

test('before authentication a stream has 8 KiB and 32 elements, and a restart counts anew', () => {
  const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: preauthBounds });
  scanner.push(Buffer.from(header + '<iq/>'.repeat(32)));
  for (let event = 0; event < 33; event += 1) assert.notEqual(scanner.next(), undefined);
  scanner.restart();
  scanner.push(Buffer.from(header + '<iq/>'.repeat(33)));
  for (let event = 0; event < 33; event += 1) assert.notEqual(scanner.next(), undefined);
  assert.throws(() => scanner.next(), { condition: 'policy-violation' });

  const exact = Buffer.from(header.padEnd(preauthBounds.streamBytesMax, ' '));
  assert.equal(scanChunks([exact], preauthBounds).condition, undefined);
  assert.equal(scanChunks([exact, Buffer.from(' ')], preauthBounds).condition, 'policy-violation');
});

test('a restart keeps what was sent after the last stanza', () => {
  const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: openBounds });
  scanner.push(Buffer.from(`${header}<presence/><?xml version='1.0'?>${header}<iq/>`));
  assert.equal(scanner.next()?.kind, 'open');
  assert.equal(scanner.next()?.kind, 'stanza');
  scanner.restart();
  assert.equal(scanner.next()?.kind, 'open');
  assert.equal(scanner.next()?.kind, 'stanza');
  assert.equal(scanner.next(), undefined);
});

test('what follows <starttls/> can be dropped', () => {
  const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: openBounds });
  scanner.push(Buffer.from(`${header}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq id='injec`));
  scanner.next();
  scanner.next();
  assert.notEqual(scanner.bufferedBytes, 0);
  scanner.discard();
  assert.equal(scanner.bufferedBytes, 0);
  assert.equal(scanner.next(), undefined);
});

test('bounds can be raised in the middle of a stanza', () => {
  const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: preauthBounds });
  scanner.push(Buffer.from(`${header}<message>`));
  scanner.next();
  assert.equal(scanner.next(), undefined);
  scanner.bounds = openBounds;
  scanner.push(Buffer.from(`<body>${'x'.repeat(100_000)}</body></message>`));
  assert.equal(scanner.next()?.kind, 'stanza');
});

function frames(...inputs: string[]): (Stanza | undefined)[] {
  const scanner = new FrameScanner({ bounds: openBounds });
  for (const input of inputs) scanner.push(Buffer.from(input));
  return inputs.map(() => scanner.next());
}

test('a WebSocket message is one element, optionally after a declaration', () => {
  const names = frames(
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a'/>",
    "<?xml version='1.0'?>\n<iq xmlns='jabber:client'><x/></iq> ",
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>",
  ).map((stanza) => stanza && `${stanza.name} ${stanza.ns}`);
  assert.deepEqual(names, [
    'open urn:ietf:params:xml:ns:xmpp-framing',
    'iq jabber:client',
    'features http://etherx.jabber.org/streams',
  ]);
});

for (const [what, input, expected] of [
  ['two elements', "<a xmlns='u'/><a xmlns='u'/>", 'not-well-formed'],
  ['half an element', "<a xmlns='u'>", 'not-well-formed'],
  ['half a tag', '<', 'not-well-formed'],
  ['text', 'x', 'not-well-formed'],
  ['nothing', '', 'not-well-formed'],
  ['a space to keep the stream alive', ' ', 'not-well-formed'],
  ['white space', '\r\n\t', 'not-well-formed'],
  ['an element after white space', "\n<iq xmlns='jabber:client'/>", 'not-well-formed'],
  ['a byte order mark and an element', "\uFEFF<iq xmlns='jabber:client'/>", 'not-well-formed'],
  ['text after the element', "<a xmlns='u'/>x", 'not-well-formed'],
  ['a stanza without namespace', '<iq/>', 'invalid-namespace'],
  ['an undeclared prefix', '<stream:features/>', 'bad-namespace-prefix'],
  ['a comment', '<!-- -->', 'restricted-xml'],
] as const) {
  test(`a WebSocket message may not be ${what}: ${expected}`, () => {
    assert.throws(() => frames(input), { name: 'StreamError', condition: expected });
  });
}
