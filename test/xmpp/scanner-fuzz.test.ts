/**
 * The scanner against saxes, an independent and strict XML parser: what the scanner accepts, saxes must read as the same tree;
 * what the scanner refuses, saxes must refuse as well, unless RFC 6120 alone forbids it.
 */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { SaxesParser, type SaxesTagNS } from 'saxes';
import type { Element } from '../../lib/xmpp/element.ts';
import { openBounds } from '../../lib/xmpp/scanner.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { footer, header, scanAll } from './scanning.ts';
import { damagedBody, streamBody } from './xml-arbitrary.ts';

interface Tree {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (Tree | string)[];
}

const NS_XMLNS = 'http://www.w3.org/2000/xmlns/';

function addText(tree: Tree | undefined, text: string): void {
  if (tree === undefined || text === '') return;
  const last = tree.children.length - 1;
  if (typeof tree.children[last] === 'string') tree.children[last] += text;
  else tree.children.push(text);
}

function treeOfTag(tag: SaxesTagNS): Tree {
  const attributes = Object.values(tag.attributes)
    .filter((attribute) => attribute.uri !== NS_XMLNS)
    .map((attribute) => [`{${attribute.uri}}${attribute.local}`, attribute.value] as const)
    .sort();
  return { name: `{${tag.uri}}${tag.local}`, attributes: Object.fromEntries(attributes), children: [] };
}

/** @returns the root's tree, or the first error */
function readWithSaxes(text: string): Tree | Error {
  const parser = new SaxesParser({ xmlns: true });
  const open: Tree[] = [];
  let root: Tree | undefined;
  let failure: Error | undefined;
  parser.on('error', (error) => {
    failure ??= error;
  });
  parser.on('opentag', (tag) => {
    const tree = treeOfTag(tag as SaxesTagNS);
    open.at(-1)?.children.push(tree);
    root ??= tree;
    open.push(tree);
  });
  parser.on('closetag', () => open.pop());
  parser.on('text', (chunk) => addText(open.at(-1), chunk));
  parser.on('cdata', (chunk) => addText(open.at(-1), chunk));
  parser.write(text).close();
  return failure ?? root ?? new Error('no root');
}

function treeOfElement(element: Element): Tree {
  const attributes = Object.entries(element.attrs)
    .filter(([key]) => key !== 'xmlns' && !key.startsWith('xmlns:'))
    .map(([key, value]) => {
      const [prefix, local] = key.includes(':') ? (key.split(':') as [string, string]) : ['', key];
      return [`{${prefix === '' ? '' : element.findNS(prefix)}}${local}`, value] as const;
    })
    .sort();
  const tree: Tree = {
    name: `{${element.getNS() ?? ''}}${element.getName()}`,
    attributes: Object.fromEntries(attributes),
    children: [],
  };
  for (const child of element.children) {
    if (typeof child === 'string') addText(tree, child);
    else tree.children.push(treeOfElement(child as Element));
  }
  return tree;
}

/** RFC 6120 refuses these although XML allows them: §11.1, §4.8, §11.6 (which covers U+FFFE), text between stanzas. */
const stricterThanXml = new Set(['restricted-xml', 'bad-namespace-prefix', 'invalid-namespace', 'bad-format']);

/** saxes does not check the first character of a local part: it accepts `a:1`, against Namespaces in XML §4. */
const isLaxName = (text: string): boolean => /[^\s<>=/:]:(?:[-.0-9·]|\u0300)/.test(text);

let accepted = 0;
let refused = 0;

function compare(body: Buffer): void {
  const input = Buffer.concat([Buffer.from(header), body, Buffer.from(footer)]);
  const { events, condition } = scanAll(input, openBounds);
  const text = input.toString();
  if (!isUtf8(input)) {
    assert.notEqual(condition, undefined, 'bad UTF-8 was let through');
    return;
  }
  const tree = readWithSaxes(text);
  if (condition === undefined && events.at(-1)?.kind === 'close') {
    assert(!(tree instanceof Error), `saxes refuses what the scanner let through: ${tree}`);
    const stanzas = events.filter((event): event is Stanza => event.kind === 'stanza');
    assert.deepEqual(
      stanzas.map((stanza) => treeOfElement(stanza.element())),
      tree.children.filter((child) => typeof child !== 'string'),
    );
    for (const stanza of stanzas) checkViews(stanza);
    accepted += 1;
  } else {
    if (condition === 'not-well-formed' && !isLaxName(text))
      assert(tree instanceof Error, 'the scanner refuses what saxes reads');
    else if (condition !== undefined && !isLaxName(text))
      assert(tree instanceof Error || stricterThanXml.has(condition), condition);
    else if (condition === undefined) assert(tree instanceof Error, 'the scanner waits where saxes is content');
    refused += 1;
  }
}

/** The children, each seen alone, rendered and parsed again, equal those of the whole. */
function checkViews(stanza: Stanza): void {
  const whole = treeOfElement(stanza.element());
  const elements = whole.children.filter((child) => typeof child !== 'string');
  assert.deepEqual(
    stanza.children.map((child) => treeOfElement(stanza.elementOf(child))),
    elements,
  );
  const again = Stanza.parse(stanza.render(stanza.attributes));
  assert.deepEqual(treeOfElement(again.element()), whole);
  assert.deepEqual(treeOfElement(Stanza.parse(`${stanza.element()}`).element()), whole);
  const emptied = Stanza.parse(stanza.render({}, { drop: () => true }));
  assert.deepEqual([emptied.name, emptied.ns, emptied.children.length], [stanza.name, stanza.ns, 0]);
}

test('saxes reads generated streams as the scanner does', () => {
  accepted = 0;
  fc.assert(fc.property(streamBody, compare), { numRuns: 1500 });
  assert(accepted > 300, `only ${accepted} streams were fit to compare`);
});

test('saxes and the scanner agree on damaged streams', () => {
  accepted = 0;
  refused = 0;
  fc.assert(fc.property(damagedBody, compare), { numRuns: 3000, endOnFailure: true });
  assert(accepted > 200 && refused > 500, `${accepted} accepted, ${refused} refused`);
});
