/** The load generator cuts a server's bytes at the ends of stanzas, however the bytes arrive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Splitter } from '../../bench/generator/splitter.ts';

const header =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='a>b'>";

function split(chunks: readonly Buffer[]): { elements: string[]; ends: number } {
  const elements: string[] = [];
  let ends = 0;
  const splitter = new Splitter(
    (bytes, start, end) => void elements.push(bytes.toString('utf8', start, end)),
    () => {
      ends++;
    },
  );
  for (const chunk of chunks) splitter.push(chunk);
  return { elements, ends };
}

const name = fc.constantFrom('message', 'body', 'a', 'x');
const text = fc.constantFrom('', ' ', 'Art thou not Romeo?', '&lt;/message&gt;', 'ünï', "it's / > fine");
const attribute = fc.constantFrom('', " id='1'", ' to="a/b"', " note='a > b />'", ` both="it's"`);
const { element } = fc.letrec<{ element: string }>((tie) => ({
  element: fc.oneof(
    { depthSize: 'small' },
    fc.tuple(name, attribute).map(([tag, given]) => `<${tag}${given}/>`),
    fc
      .tuple(name, attribute, text, fc.array(tie('element'), { maxLength: 3 }))
      .map(([tag, given, content, children]) => `<${tag}${given}>${content}${children.join(content)}</${tag}>`),
  ),
}));

test('elements come whole, whatever the chunks', () => {
  const property = fc.property(
    fc.array(element, { maxLength: 6 }),
    fc.array(fc.nat(), { maxLength: 12 }),
    fc.constantFrom('', ' ', '\n'),
    (elements, cuts, between) => {
      const bytes = Buffer.from(header + elements.join(between) + between);
      const places = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
      const open = header.slice(header.indexOf('<stream'));
      assert.deepEqual(split(chunks), { elements: [open, ...elements], ends: 0 });
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('the end of a stream is reported, and what follows is not read', () => {
  const { elements, ends } = split([Buffer.from(`${header}<iq/></stream:stream><iq/>`)]);
  assert.equal(elements.length, 2);
  assert.equal(ends, 1);
});

test('an element without an end is an error before it fills the memory', () => {
  const endless = Array.from({ length: 10 }, () => Buffer.alloc(1024 * 1024, 'a'));
  assert.throws(() => split([Buffer.from(`${header}<message><body>`), ...endless]), /more than \d+ bytes/);
});
