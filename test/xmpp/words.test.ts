/** How texts are cut into words, and which messages have a text. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { textOf } from '../../lib/xmpp/message-text.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { wordsOf, wordsToFind } from '../../lib/xmpp/words.ts';

describe('words', () => {
  for (const [text, words] of [
    ['', []],
    ['!?… — 👍', []],
    ['Wherefore art thou, ROMEO? romeo!', ['wherefore', 'art', 'thou', 'romeo']],
    ["don't e-mail x_y", ['don', 't', 'e', 'mail', 'x', 'y']],
    ['Crème BRÛLÉE İstanbul ΣΊΣΥΦΟΣ ёлка', ['creme', 'brulee', 'istanbul', 'σισυφοσ', 'елка']],
    ['ﬁne ½ ²', ['fine', '1', '2']],
    ['हिन्दी', ['हिन्दी']],
    ['한국어', ['한국어']],
    ['北京烤鸭', ['北', '京', '北京', '烤', '京烤', '鸭', '烤鸭']],
    ['abc北d', ['abc', '北', 'd']],
    ['x'.repeat(100), ['x'.repeat(64)]],
  ] as const) {
    test(`'${text.slice(0, 40)}'`, () => assert.deepEqual([...wordsOf(text)], words));
  }

  test('where characters stand together, they are looked for together', () => {
    assert.deepEqual([...wordsToFind('北京烤鸭', 10)], ['北京', '京烤', '烤鸭']);
    assert.deepEqual([...wordsToFind('北 a', 10)], ['北', 'a']);
  });

  test('a text is found by all that it consists of, and words are letters, digits and marks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const found = wordsOf(text);
        for (const word of wordsToFind(text, 1_000)) assert.ok(found.has(word));
        for (const word of found) assert.match(word, /^[\p{L}\p{N}\p{M}]+$/u);
        for (const word of found) assert.deepEqual(wordsOf(word).has(word), true, word);
      }),
    );
  });

  test('both the text and the number of words have a bound', () => {
    const text = Array.from({ length: 3_000 }, (_, index) => `w${index}`).join(' ');
    assert.equal(wordsOf(text).size, 1_000);
    assert.equal(wordsToFind(text, 11).size, 11);
    assert.equal(wordsOf(`${' '.repeat(65_536)}late`).size, 0);
  });
});

describe('the text of a message', () => {
  const message = (content: string, type = 'chat') => Stanza.parse(`<message type='${type}'>${content}</message>`);
  const body = '<body>I sent you an encrypted message</body>';
  for (const [content, text] of [
    ['<body>a &lt;b&gt; &amp; c</body>', 'a <b> & c'],
    ["<body>one</body><body xml:lang='de'>eins</body><subject>not this</subject>", 'one\neins'],
    ["<body xmlns='urn:other'>not ours</body>", ''],
    ["<composing xmlns='http://jabber.org/protocol/chatstates'/>", ''],
    [`${body}<encrypted xmlns='urn:xmpp:omemo:2'/>`, ''],
    [`${body}<encrypted xmlns='eu.siacs.conversations.axolotl'/>`, ''],
    [`${body}<encryption xmlns='urn:xmpp:eme:0' namespace='urn:example'/>`, ''],
    [`${body}<openpgp xmlns='urn:xmpp:openpgp:0'/>`, ''],
    [`${body}<x xmlns='jabber:x:encrypted'/>`, ''],
    ['<body>?OTR:AAMC</body>', ''],
  ] as const) {
    test(content, () => assert.equal(textOf(message(content)), text));
  }

  test('an error has none, since it returns what somebody else wrote', () => {
    assert.equal(textOf(message('<body>word</body>', 'error')), '');
  });
});
