/** Streams for property tests: mostly well-formed by a small grammar, then perhaps damaged at a few bytes. */
import fc from 'fast-check';

const prefix = fc.constantFrom('', '', '', '', 'a:', 'b:', 'xml:', 'stream:');
const local = fc.constantFrom('x', 'y', 'body', 'é', 'x-1', '日本', 'to', 'id', 'lang');
const name = fc.tuple(prefix, local).map(([before, after]) => before + after);
const space = fc.constantFrom('', '', '', ' ', '\n\t');
const character = fc.constantFrom(
  'a',
  'Z',
  ' ',
  '>',
  ']',
  ']]',
  '"',
  "'",
  'é',
  '€',
  '😀',
  '\t',
  '\n',
  '\r\n',
  '\r',
  '\x7F',
  '\u0085',
  '\u2028',
  '\uFFFD',
);
const reference = fc.constantFrom(
  '&lt;',
  '&gt;',
  '&amp;',
  '&quot;',
  '&apos;',
  '&#65;',
  '&#x20AC;',
  '&#x1F600;',
  '&#13;',
  '&#10;',
);
const text = fc
  .array(fc.oneof(character, character, reference), { maxLength: 6 })
  .map((dependencies) => dependencies.join('').replaceAll(']]>', ']'));
const cdata = fc
  .array(fc.oneof(character, fc.constantFrom('<', '&', '<x>')), { maxLength: 4 })
  .map((dependencies) => `<![CDATA[${dependencies.join('').replaceAll(']]>', '')}]]>`);
const value = fc
  .tuple(text, fc.constantFrom("'", '"'))
  .map(([inner, quote]) => quote + inner.replaceAll(quote, quote === '"' ? '&quot;' : '&apos;') + quote);
const declaration = fc
  .tuple(
    fc.constantFrom('xmlns', 'xmlns:a', 'xmlns:b'),
    fc.constantFrom('urn:a', 'urn:b', 'urn:a&#58;b', 'jabber:client', 'urn:a\nb'),
  )
  .map(([key, ns]) => `${key}='${ns}'`);
const attribute = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(name, space, space, value).map(([key, before, after, given]) => `${key}${before}=${after}${given}`),
  },
  { weight: 2, arbitrary: declaration },
);
const attributes = fc
  .uniqueArray(attribute, { maxLength: 4, selector: (given) => given.replace(/\s*=.*/s, '') })
  .map((all) => all.map((one) => ` ${one}`).join(''));

const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
  element: fc
    .record({
      name,
      attributes,
      space,
      content: fc.array(tie('content'), { maxLength: 4, depthIdentifier: 'xml' }),
      isEmpty: fc.boolean(),
    })
    .map((it) =>
      it.isEmpty && it.content.length === 0
        ? `<${it.name}${it.attributes}${it.space}/>`
        : `<${it.name}${it.attributes}${it.space}>${it.content.join('')}</${it.name}${it.space}>`,
    ),
  content: fc.oneof({ depthIdentifier: 'xml', depthSize: 'small' }, text, cdata, tie('element')),
}));

/** Prefixes are declared on the stanza, so that most uses of them are right. */
const stanza = fc
  .record({
    name: fc.constantFrom('message', 'presence', 'iq', 'x'),
    attributes,
    content: fc.array(fc.oneof(text, cdata, element, element), { maxLength: 4 }),
    declares: fc.boolean(),
  })
  .map((it) => {
    const declared = it.declares && !it.attributes.includes('xmlns:') ? " xmlns:a='urn:a' xmlns:b='urn:b'" : '';
    return `<${it.name}${declared}${it.attributes}>${it.content.join('')}</${it.name}>`;
  });

/** What stands between the stream's header and its end. */
export const streamBody = fc
  .array(fc.oneof({ weight: 5, arbitrary: stanza }, { weight: 1, arbitrary: fc.constantFrom(' ', '\n', '<stream:features/>') }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((dependencies) => Buffer.from(dependencies.join('')));

const tokens = [
  ...[
    '<',
    '>',
    '/',
    '</',
    '/>',
    '=',
    '"',
    "'",
    '&',
    ';',
    ':',
    ' ',
    'x',
    '1',
    '-',
    '.',
    ']]>',
    '<!--',
    '-->',
    '<?',
    '?>',
    '<!',
    '<![CDATA[',
  ],
  ...[
    '&#0;',
    '&#xD800;',
    '&nbsp;',
    '&',
    ' xmlns=""',
    " xmlns:a=''",
    " xmlns:a='urn:b'",
    " a:x='' b:x=''",
    ' x="" x=""',
    '</x>',
    '<x>',
    '<a:x/>',
  ],
  ...['</stream:stream>', '\0', '\x1B', '\uFFFE', '\uFEFF', '·', '×', '\u0300'],
].map((token) => Buffer.from(token));
const badBytes = ['\x80', '\xFF', '\xC0\x80', '\xED\xA0\x80', '\xE2\x82', '\xF4\x90\x80\x80'].map((token) =>
  Buffer.from(token, 'latin1'),
);

const damage = fc.record({
  where: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  removed: fc.constantFrom(0, 0, 1, 1, 2, 8),
  added: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...tokens) }, { weight: 1, arbitrary: fc.constantFrom(...badBytes) }),
  adds: fc.boolean(),
});

/** The same, damaged in up to three places: bytes are removed, added or replaced. */
export const damagedBody = fc.tuple(streamBody, fc.array(damage, { maxLength: 3 })).map(([body, damages]) =>
  damages.reduce((bytes, { where, removed, added, adds }) => {
    const at = Math.floor(where * bytes.length);
    return Buffer.concat([bytes.subarray(0, at), adds ? added : Buffer.alloc(0), bytes.subarray(at + removed)]);
  }, body),
);
