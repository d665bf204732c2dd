/**
 * What the internet sends to the program as it runs: each attack ends its own stream with the error that RFC 6120 §4.9
 * names, while two people go on chatting.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { Bystanders, faultsOf } from '../support/bystanders.ts';
import { around, garbage, many, messageOf, nested } from '../support/hostile-input.ts';
import { HostilePeer, header, plainAuth, type Way } from '../support/hostile-peer.ts';
import { Skylark } from '../support/skylark.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_SM = 'urn:xmpp:sm:3';
const tcpWays = ['TCP', 'STARTTLS', 'TLS'] as const;
const webWays = ['WebSocket', 'secure WebSocket'] as const;
const secureWays = ['STARTTLS', 'TLS', 'secure WebSocket'] as const;

let skylark: Skylark;
let bystanders: Bystanders;

before(async () => {
  skylark = await Skylark.start();
  for (const name of ['juliet', 'romeo', 'mallory']) skylark.addUser(`${name}@localhost`, 'secret');
  bystanders = await Bystanders.signIn(skylark);
  await bystanders.chat();
});
afterEach(async () => {
  await bystanders.chat();
  assert.deepEqual(faultsOf(skylark), []);
});
after(async () => {
  await bystanders?.leave();
  await skylark?.stop();
});

type Attack = readonly [what: string, bytes: string | Buffer, condition: string, ways?: readonly Way[]];

/** The attacks of a table on each way in, each way in one test. */
function attacks(
  where: string,
  on: readonly Way[],
  table: readonly Attack[],
  prepare: (peer: HostilePeer) => Promise<void>,
): void {
  for (const [what, bytes, condition, only = on] of table) {
    test(`${where}: ${what}: ${condition}`, async () => {
      for (const way of only) {
        const peer = await HostilePeer.connect(way, skylark);
        await prepare(peer);
        if (typeof bytes === 'string') peer.sendStanza(bytes);
        else peer.send(bytes);
        await peer.endsWith(condition);
      }
    });
  }
}

const nothing = async (): Promise<void> => {};

attacks(
  'before the stream header',
  tcpWays,
  [
    ['binary garbage', Buffer.concat([Buffer.from([0x80]), garbage(4_096)]), 'not-well-formed'],
    ['NULs', Buffer.alloc(100), 'unsupported-encoding'],
    ['a byte order mark of UTF-16', Buffer.from(`\uFEFF${header()}`, 'utf16le'), 'unsupported-encoding'],
    ['another encoding', `<?xml version='1.0' encoding='ISO-8859-1'?>${header()}`, 'unsupported-encoding'],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'not-well-formed'],
    ['a DTD with entities', `<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b "c">]>${header()}`, 'restricted-xml'],
    ['a comment', `<!-- hello -->${header()}`, 'restricted-xml'],
    ['a processing instruction', `<?php ?>${header()}`, 'restricted-xml'],
    ['a header without end', `<stream:stream ${'a'.repeat(20_000)}`, 'policy-violation'],
    ['a header of many attributes', `<stream:stream ${many(500, (n) => `a${n}='' `)}`, 'policy-violation'],
    ['white space without end', ' '.repeat(20_000), 'policy-violation'],
    ['another namespace of streams', "<stream:stream xmlns:stream='urn:x' to='localhost' version='1.0'>", 'invalid-namespace'],
    ['another content namespace', header().replace('jabber:client', 'jabber:server'), 'invalid-namespace'],
    [
      'another prefix',
      "<s:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>",
      'bad-namespace-prefix',
    ],
    ['no version', header().replace(" version='1.0'", ''), 'unsupported-version'],
    ['no domain', header().replace(" to='localhost'", ''), 'improper-addressing'],
    ['a domain that is none', header('a@b/c'), 'improper-addressing'],
    ['a domain of somebody else', header('example.com'), 'host-unknown'],
  ],
  nothing,
);

attacks(
  'before the open frame',
  webWays,
  [
    ['a stanza', '<message/>', 'bad-format'],
    ['text', 'hello', 'not-well-formed'],
    ['a DTD', "<!DOCTYPE a [<!ENTITY b 'c'>]><open/>", 'restricted-xml'],
    ['half an element', '<open', 'not-well-formed'],
    [
      'two elements',
      "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/><a xmlns='b'/>",
      'not-well-formed',
    ],
    ['no version', "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost'/>", 'unsupported-version'],
    [
      'a domain of somebody else',
      "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='b.example' version='1.0'/>",
      'host-unknown',
    ],
    ['a stream header of TCP', header(), 'not-well-formed'],
  ],
  nothing,
);

attacks(
  'before TLS',
  ['TCP'],
  [
    ['a password', plainAuth('mallory', 'secret').repeat(serviceLimits.saslFailuresMax), 'policy-violation'],
    ['a stanza', "<message to='juliet@localhost'/>", 'not-authorized'],
    ['registration', "<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>", 'not-authorized'],
  ],
  (peer) => peer.open(),
);

attacks(
  'before SASL',
  secureWays,
  [
    ['a message', "<message to='juliet@localhost'><body>spam</body></message>", 'not-authorized'],
    ['presence', "<presence to='juliet@localhost' type='subscribe'/>", 'not-authorized'],
    ['bind', "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", 'not-authorized'],
    ['stream management', `<enable xmlns='${NS_SM}'/>`, 'not-authorized'],
    ['resumption', `<resume xmlns='${NS_SM}' previd='x' h='0'/>`, 'not-authorized'],
    ['an unknown element', "<what xmlns='ever'/>", 'not-authorized'],
    ['an element in no namespace', "<what xmlns=''/>", 'invalid-namespace'],
    ['a message SASL does not have', `<success xmlns='${NS_SASL}'/>`, 'unsupported-stanza-type'],
    ['SASL with a prefix', `<s:auth xmlns:s='${NS_SASL}' mechanism='PLAIN'/>`, 'bad-namespace-prefix'],
    ['deep nesting', `<auth xmlns='${NS_SASL}'>${nested(100)}</auth>`, 'policy-violation'],
    ['a second header', `${header()}</stream:stream>`, 'not-authorized', ['STARTTLS', 'TLS']],
    [
      'wrong passwords in one go',
      plainAuth('juliet', 'wrong').repeat(serviceLimits.saslFailuresMax + 3),
      'policy-violation',
      ['STARTTLS', 'TLS'],
    ],
    [
      'bad UTF-8',
      around(`<auth xmlns='${NS_SASL}'>`, [0xc0, 0xaf], '</auth>'),
      'not-well-formed|unsupported-encoding',
      ['STARTTLS', 'TLS'],
    ],
  ],
  (peer) => peer.open(),
);

const signedIn = (peer: HostilePeer): Promise<void> => peer.signIn('mallory', 'secret');

attacks(
  'before bind',
  secureWays,
  [
    ['a message', "<message to='juliet@localhost'><body>early</body></message>", 'not-authorized'],
    ['presence', '<presence/>', 'not-authorized'],
    ["somebody else's address", "<message from='romeo@localhost' to='juliet@localhost'/>", 'invalid-from'],
    ['a resume without id', `<resume xmlns='${NS_SM}' h='1'/>`, 'bad-format'],
    ['a resume without count', `<resume xmlns='${NS_SM}' previd='x'/>`, 'bad-format'],
    ['a resume with a count below zero', `<resume xmlns='${NS_SM}' previd='x' h='-1'/>`, 'bad-format'],
    ['SASL once more', plainAuth('juliet', 'secret'), 'unsupported-stanza-type'],
  ],
  signedIn,
);

let bound = 0;
const prepareBound = async (peer: HostilePeer): Promise<void> => {
  await signedIn(peer);
  await peer.bind(`evil-${bound++}`);
};

attacks(
  'a bound session',
  secureWays,
  [
    ["somebody else's address", "<message from='romeo@localhost' to='juliet@localhost'/>", 'invalid-from'],
    ["another resource's address", "<message from='mallory@localhost/other' to='juliet@localhost'/>", 'invalid-from'],
    ['an address that is none', "<presence from='@@@'/>", 'invalid-from'],
    ['the server as sender', "<iq from='localhost' type='get' id='1'><x xmlns='y'/></iq>", 'invalid-from'],
    ['an acknowledgement without stream management', `<a xmlns='${NS_SM}' h='1'/>`, 'not-authorized'],
    ['an element of another kind', "<stanza xmlns='jabber:client'/>", 'unsupported-stanza-type'],
    ['a stanza of servers', "<message xmlns='jabber:server'/>", 'unsupported-stanza-type|invalid-namespace', ['STARTTLS', 'TLS']],
    ['SASL once more', plainAuth('juliet', 'secret'), 'unsupported-stanza-type'],
    ['a stanza that is too deep', `<message>${nested(xmppLimits.depthMax + 1)}</message>`, 'policy-violation'],
    ['too many elements', `<message>${'<a/>'.repeat(xmppLimits.elementsMax)}</message>`, 'policy-violation'],
    ['too many attributes', `<message ${many(xmppLimits.attributesMax + 1, (n) => `a${n}='' `)}/>`, 'policy-violation'],
    ['a name that is too long', `<message><${'a'.repeat(xmppLimits.nameBytesMax + 1)}/></message>`, 'policy-violation'],
    ['a stanza just beyond the bound', messageOf(xmppLimits.stanzaBytesMax + 1), 'policy-violation', ['STARTTLS', 'TLS']],
    ['an attribute twice', "<message to='a@b' to='c@d'/>", 'not-well-formed'],
    ['a prefix nobody declared', '<message><x:y/></message>', 'not-well-formed|bad-namespace-prefix'],
    ['a prefix for the content namespace', "<c:message xmlns:c='jabber:client'/>", 'bad-namespace-prefix'],
    ['the prefix xmlns', "<message xmlns:xmlns='a'/>", 'not-well-formed|bad-namespace-prefix'],
    ['a NUL', '<message><body>\0</body></message>', 'not-well-formed'],
    ['a character that XML does not have', '<message><body>&#x1;</body></message>', 'not-well-formed'],
    ['a comment', '<message><!-- --></message>', 'restricted-xml'],
    ['a processing instruction', '<message><?php ?></message>', 'restricted-xml'],
    ['a DTD', '<!DOCTYPE lolz [<!ENTITY lol "lol">]><message/>', 'restricted-xml'],
    ['an entity that only a DTD could define', '<message><body>&lol;</body></message>', 'restricted-xml'],
    ['tags that cross', '<message><a><b></a></b></message>', 'not-well-formed'],
    ['text between stanzas', 'hello', 'bad-format', ['STARTTLS', 'TLS']],
    ['a closing tag without an opening one', '</message>', 'not-well-formed', ['STARTTLS', 'TLS']],
    [
      'bad UTF-8',
      around('<message><body>', [0xed, 0xa0, 0x80], '</body></message>'),
      'unsupported-encoding|not-well-formed',
      ['STARTTLS', 'TLS'],
    ],
    ['binary garbage', garbage(1_024), 'bad-format|not-well-formed', ['STARTTLS', 'TLS']],
  ],
  prepareBound,
);

attacks(
  'stream management',
  ['TLS', 'secure WebSocket'],
  [
    ['more acknowledged than was sent', `<a xmlns='${NS_SM}' h='1000'/>`, 'undefined-condition'],
    ['a count below zero', `<a xmlns='${NS_SM}' h='-1'/>`, 'bad-format'],
    ['a count beyond 32 bits', `<a xmlns='${NS_SM}' h='4294967296'/>`, 'bad-format'],
    ['no count', `<a xmlns='${NS_SM}'/>`, 'bad-format'],
    ['an element it does not have', `<b xmlns='${NS_SM}'/>`, 'unsupported-stanza-type'],
  ],
  async (peer) => {
    await prepareBound(peer);
    peer.send(`<enable xmlns='${NS_SM}'/>`);
    await peer.wire.read(/<enabled [^>]*\/>/);
  },
);
