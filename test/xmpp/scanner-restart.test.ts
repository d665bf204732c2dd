/** What may stand before a stream that restarts (RFC 6120 §4.3.3, §4.6.1). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamError } from '../../lib/xmpp/errors.ts';
import { openBounds, type ScannerBounds, StreamScanner } from '../../lib/xmpp/scanner.ts';
import { header } from './scanning.ts';

/** What follows the element that restarts a stream: in the same write, or later and byte by byte. */
function restarted(behind: string, bounds: ScannerBounds = openBounds): (string | undefined)[] {
  return [false, true].map((isSlow) => {
    const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds });
    const push = (text: string) => void scanner.push(Buffer.from(text));
    push(`${header}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>${isSlow ? '' : behind}`);
    assert.equal(scanner.next()?.kind, 'open');
    assert.equal(scanner.next()?.kind, 'stanza');
    scanner.restart();
    try {
      const kinds: string[] = [];
      for (const chunk of isSlow ? [...Buffer.from(behind)].map((byte) => Buffer.of(byte)) : [Buffer.alloc(0)]) {
        scanner.push(chunk);
        for (let event = scanner.next(); event !== undefined; event = scanner.next()) kinds.push(event.kind);
      }
      return kinds.join(' ');
    } catch (error) {
      return (error as StreamError).condition;
    }
  });
}

const declared = `<?xml version='1.0'?>${header}<presence/>`;

for (const [what, behind, expected] of [
  ['a line feed, as go-sendxmpp sends it', `\n${declared}`, 'open stanza'],
  ['a carriage return and a line feed', `\r\n${declared}`, 'open stanza'],
  ['all four kinds', ` \t\r\n ${declared}`, 'open stanza'],
  ['a line feed and no declaration', `\n${header}<presence/>`, 'open stanza'],
  ['white space on both sides of the declaration', `\n<?xml version='1.0'?>\n${header}\n<presence/>`, 'open stanza'],
  ['nothing', declared, 'open stanza'],
  ['a vertical tab', `\v${declared}`, 'not-well-formed'],
  ['a form feed', `\f${declared}`, 'not-well-formed'],
  ['a no-break space', `\u00A0${declared}`, 'not-well-formed'],
  ['a byte order mark', `\uFEFF${declared}`, 'not-well-formed'],
  ['a zero', `\n\0${declared}`, 'unsupported-encoding'],
  ['text', `\nx${declared}`, 'not-well-formed'],
  ['a comment', `\n<!-- -->${declared}`, 'restricted-xml'],
  ['two declarations', `\n<?xml version='1.0'?>\n${declared}`, 'restricted-xml'],
] as const) {
  test(`only white space may stand before a restarted stream: ${what}: ${expected}`, () => {
    assert.deepEqual(restarted(behind), [expected, expected]);
  });
}

test('white space before a restarted stream costs its bytes', () => {
  const bounds = { ...openBounds, streamBytesMax: 1_000 };
  assert.deepEqual(restarted(`${' '.repeat(500)}${declared}`, bounds), ['open stanza', 'open stanza']);
  assert.deepEqual(restarted(`${' '.repeat(1_000)}${declared}`, bounds), ['policy-violation', 'policy-violation']);
});
