/** Debian's slixmpp against Skylark: each script under `slixmpp/` on a domain of its own, all on one instance. */
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { runScript } from './python-script.ts';

/** DynamoDB has no index of words: then the script sees that nobody can search. */
const canSearch = !process.env.SKYLARK_TEST_CLUSTER;

/** Script, what it is about, and how many things it must have seen. */
const scripts = [
  ['sign_in', 'STARTTLS and direct TLS with each mechanism, and what is refused', 18],
  ['accounts', 'an account made in the stream, its password changed, its removal', 10],
  ['hosts', 'binding, disco, caps, ping, version, vCard, private XML, blocking', 27],
  ['commands', 'accounts managed by ad-hoc commands, by an admin only', 13],
  ['groups', 'shared roster groups, announcements, the message of the day, by ad-hoc commands', 20],
  ['roster', 'roster with versions and pushes, the four subscription presences', 19],
  ['presence', 'updates, probes, directed presence, a lost connection', 11],
  ['delivery', 'which resources a message reaches, carbons, offline', 20],
  ['archive', 'the archive both ways, its filters and preferences', 16],
  ['streams', 'acknowledgements and resumption', 14],
  ['uploads', 'files uploaded and got, what is refused', 10],
  ['pep', 'avatars that contacts hear of and fetch, what strangers do not', 12],
  ['pubsub', 'a pubsub service: nodes, items, subscribers of two domains, affiliations, approval', 43],
  ['profiles', 'avatars and names in vCards, in PEP, in presence and in a room', 11],
  ['bookmarks', 'bookmarks in three forms, what was displayed in chats and rooms', 16],
  ['rooms', 'rooms from creation to destruction, with their archive', 39],
  ['guests', 'people without an account, who leave nothing behind', 8],
  ['memory', 'XEP-0012, XEP-0431, XEP-0424 and XEP-0283: what is remembered of people of two domains', canSearch ? 29 : 21],
  ['tenants', 'two domains talk and see nothing of each other', 14],
] as const;

let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
});

after(() => skylark.stop());

for (const [script, title, count] of scripts) {
  test(`slixmpp: ${title}`, async () => {
    const domain = `${script.replace('_', '-')}.test`;
    const tenants = ['tenants', 'guests', 'pubsub', 'memory'].includes(script) ? [domain, `other.${domain}`] : [domain];
    for (const tenant of tenants) skylark.command('tenant', 'add', tenant, '--registration', 'open');
    for (const [local, password] of [
      ['juliet', 'capulet'],
      ['romeo', 'montague'],
      ['nurse', 'angelica'],
    ]) {
      skylark.addUser(`${local}@${domain}`, password!);
    }
    if (script === 'guests') await skylark.policy(domain, '--sign-in', 'password,anonymous');
    if (['commands', 'groups'].includes(script)) skylark.command('user', 'role', `nurse@${domain}`, 'admin');
    if (script === 'memory') await skylark.policy(domain, '--search', 'on');
    await runScript(`./slixmpp/${script}.py`, [skylark.ports.c2s, skylark.ports.c2sTls, domain], count);
  });
}
