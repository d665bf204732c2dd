import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Element, escapeAttribute, escapeText, parseElement, xml } from '../../lib/xmpp/element.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';

test('a built element leaves out what is undefined', () => {
  const element = xml('a', { x: undefined, y: 1 }, 'b', undefined, ['', [xml('c')]]);
  assert.equal(`${element}`, "<a y='1'>b<c/></a>");
});

test('text and attributes are escaped so that a reader gets them back', () => {
  assert.equal(escapeText('<&>\r\n"'), '&lt;&amp;&gt;&#13;\n"');
  assert.equal(escapeAttribute(`<&>\r\n\t"'`), '&lt;&amp;&gt;&#13;&#10;&#9;&quot;&apos;');
});

test('characters that XML cannot carry become U+FFFD', () => {
  const impossible = 'a\0\x1B\uFFFE\uFFFF\uD800b\u{1F600}';
  assert.equal(escapeText(impossible), 'a\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDb\u{1F600}');
  assert.equal(escapeAttribute(impossible), escapeText(impossible));
});

test('any text survives writing, the scanner and reading', () => {
  const text = fc
    .string({ unit: 'binary' })
    .filter((it) => !/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u.test(it));
  fc.assert(
    fc.property(text, text, (value, content) => {
      const read = Stanza.parse(`${xml('a', { value }, content)}`);
      assert.equal(read.attributes.value, value);
      assert.equal(read.element().attrs.value, value);
      assert.equal(read.element().getText(), content);
    }),
    { numRuns: 1000 },
  );
});

test('namespaces are looked up as XML asks', () => {
  const element = parseElement("<a xmlns='urn:a' xmlns:p='urn:p'><b/><c xmlns=''><d/></c><p:e/><p:f xmlns:p='urn:q'/></a>");
  const [b, c, e, f] = element.children as Element[];
  assert.deepEqual(
    [element, b, c, c?.children[0] as Element, e, f].map((it) => it?.getNS()),
    ['urn:a', 'urn:a', undefined, undefined, 'urn:p', 'urn:q'],
  );
  assert.equal(element.getChild('e', 'urn:p'), e);
  assert.equal(element.getChild('f', 'urn:p'), undefined);
  assert.equal(element.findNS('xml'), 'http://www.w3.org/XML/1998/namespace');
});

test('CDATA, references and line ends are read as text', () => {
  assert.deepEqual(parseElement('<a>1<![CDATA[<&amp;]]>&lt;&#x41;\r\n2\r3</a>').children, ['1<&amp;<A\n2\n3']);
  assert.equal(parseElement("<a b='1\r\n2\t3&#10;'/>").attrs.b, '1 2 3\n');
});

test('children added with the methods of ltx are of the same class', () => {
  const child = xml('a').c('b', { x: "\n'" });
  assert(child instanceof Element);
  assert.equal(`${child.root()}`, "<a><b x='&#10;&apos;'/></a>");
});

for (const text of ['', 'x', '<a', '<a><b></a', '<a>', '<a b></a>', '<a b=c/>']) {
  test(`text that a scanner would refuse is refused: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseElement(text), SyntaxError);
  });
}

test('names may hold characters that JavaScript counts as white space', () => {
  const text = "<x><a\uFEFFb c\u1680='1'/><\u1680 d='2'>\u00A0</\u1680></x>";
  assert.equal(parseElement(text).toString(), text);
});
