/**
 * Are two stanzas the same? Neither the order of attributes nor prefixes nor white space between elements counts. `{any}` as an
 * attribute's value or as an element's whole text stands for whatever is there.
 */
import assert from 'node:assert/strict';
import { type Element, parseElement } from '../../../lib/xmpp/element.ts';

/** @throws {AssertionError} with both trees, one element a line */
export function assertXml(actual: string, expected: string, message?: string): void {
  assert.equal(outline(actual, expected), outline(expected, expected), message);
}

export function isSameXml(actual: string, expected: string): boolean {
  return outline(actual, expected) === outline(expected, expected);
}

function outline(text: string, pattern: string): string {
  return lines(parseElement(text.trim()), parseElement(pattern.trim()), 'jabber:client').join('\n');
}

/** `pattern` says where anything goes; absent where the trees differ already. */
function lines(element: Element, pattern: Element | undefined, ownerNs: string, depth = 0): string[] {
  const ns = element.getNS() ?? 'jabber:client';
  const attributes = Object.entries(element.attrs)
    .filter(([name]) => name !== 'xmlns' && !name.startsWith('xmlns:'))
    .map(([name, value]) => ` ${name}='${pattern?.attrs[name] === '{any}' ? '{any}' : value}'`)
    .sort();
  const children = element.getChildElements();
  const patterns = pattern?.getChildElements() ?? [];
  const text = children.length > 0 && element.getText().trim() === '' ? '' : element.getText();
  const shown = pattern?.getText() === '{any}' ? '{any}' : text;
  const name = `${element.getName()}${ns === ownerNs ? '' : ` {${ns}}`}`;
  return [
    `${'  '.repeat(depth)}${name}${attributes.join('')}${shown === '' ? '' : ` ${JSON.stringify(shown)}`}`,
    ...children.flatMap((child, index) => lines(child as Element, patterns[index] as Element | undefined, ns, depth + 1)),
  ];
}
