import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml } from '../../lib/xmpp/element.ts';
import { SaslFailure, StanzaError, StreamError } from '../../lib/xmpp/errors.ts';

const stanzas = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'";
const streams = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";

for (const [what, error, expected] of [
  ['the type of RFC 6120', new StanzaError('item-not-found'), `<error type='cancel'><item-not-found ${stanzas}/></error>`],
  [
    'text, which is escaped',
    new StanzaError('bad-request', 'a < b'),
    `<error type='modify'><bad-request ${stanzas}/><text ${stanzas} xml:lang='en'>a &lt; b</text></error>`,
  ],
  [
    'another type, who found it, and an application condition',
    new StanzaError('not-allowed', undefined, { type: 'wait', by: 'a@b', extra: xml('x', { xmlns: 'urn:x' }) }),
    `<error type='wait' by='a@b'><not-allowed ${stanzas}/><x xmlns='urn:x'/></error>`,
  ],
  [
    'a new address',
    new StanzaError('gone', undefined, { uri: 'xmpp:a@b' }),
    `<error type='cancel'><gone ${stanzas}>xmpp:a@b</gone></error>`,
  ],
] as const) {
  test(`a stanza error has ${what}`, () => assert.equal(`${error.toElement()}`, expected));
}

test('a stream error relies on the header for its prefix, or declares it', () => {
  const error = new StreamError('not-well-formed', 'NUL');
  const inner = `<not-well-formed ${streams}/><text ${streams} xml:lang='en'>NUL</text>`;
  assert.equal(`${error}`, `<stream:error>${inner}</stream:error>`);
  assert.equal(`${error.toElement()}`, `<stream:error xmlns:stream='http://etherx.jabber.org/streams'>${inner}</stream:error>`);
  assert.equal(error.toElement().getNS(), 'http://etherx.jabber.org/streams');
});

test('a SASL failure keeps its conditions in the namespace of RFC 6120', () => {
  const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl';
  assert.equal(`${new SaslFailure('not-authorized').toElement()}`, `<failure xmlns='${sasl}'><not-authorized/></failure>`);
  const second = new SaslFailure('aborted', 'bye').toElement('urn:xmpp:sasl:2');
  assert.equal(second.getChild('aborted', sasl)?.name, 'aborted');
  assert.equal(second.getChildText('text', 'urn:xmpp:sasl:2'), 'bye');
});
