/**
 * Sign-in by LDAP against OpenLDAP's slapd: by a DN that is made of the name, by a search, by both; with ldaps and StartTLS; and names and
 * passwords that are made to get in.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { PolicyChange } from '../../lib/runtime/policy/tenant-policy.ts';
import { type LdapGround, ldapIdentity, openLdapGround, type ServerIdentity } from '../router/ldap-ground.ts';
import { authenticate, byToken, plain, tokenIn } from '../router/sign-in-ground.ts';
import { Slapd, suffix } from './slapd.ts';

let identity: ServerIdentity;
let slapd: Slapd;
let ground: LdapGround | undefined;

before(async () => {
  identity = await ldapIdentity();
  slapd = await Slapd.start(identity, [
    { uid: 'juliet', password: 'capulet' },
    { uid: 'romeo', password: 'montague', unit: 'staff' },
    { uid: 'twin', password: 'one' },
    { uid: 'twin', password: 'two', unit: 'staff' },
    { uid: 'a*b(c)', password: 'star' },
    { uid: 'jülíet', password: 'pässwörd' },
  ]);
});
after(() => slapd.stop());
afterEach(async () => {
  await ground?.close();
  ground = undefined;
});

const urls = (): readonly string[] => [`ldaps://localhost:${slapd.ports.tls}`, `ldap://localhost:${slapd.ports.plain}`];
const byDn: PolicyChange = { ldapDn: `uid=%u,ou=people,${suffix}` };
const bySearch: PolicyChange = { ldapBase: suffix, ldapBindDn: `cn=search,${suffix}`, ldapBindSecret: 'looking' };
const open = async (policy: PolicyChange, ldapUrl = urls()[0]!) => {
  ground = await openLdapGround({ ldapUrl, ldapCa: identity.ca, ...policy });
  return ground;
};

for (const [how, index] of [
  ['ldaps', 0],
  ['StartTLS', 1],
] as const) {
  test(`${how}: by a DN, and by a search for it; wrong passwords and strangers are told apart from nothing`, async () => {
    for (const policy of [byDn, bySearch]) {
      const opened = await open(policy, urls()[index]);
      assert.equal(await plain(opened, 'juliet', 'capulet'), 'success');
      assert.equal(await plain(opened, 'Juliet', 'capulet'), 'success');
      assert.equal(await plain(opened, 'jülíet', 'pässwörd'), 'success');
      assert.equal(await plain(opened, 'juliet', 'montague'), 'not-authorized');
      assert.equal(await plain(opened, 'nobody', 'capulet'), 'not-authorized');
      assert.equal(await plain(opened, 'juliet', 'capulet', 'b.example'), 'not-authorized');
      await opened.close();
    }
    ground = undefined;
  });
}

test('a search finds people wherever they are, and nobody whose name two have; with a DN it is one more condition', async () => {
  const opened = await open(bySearch);
  assert.equal(await plain(opened, 'romeo', 'montague'), 'success');
  for (const password of ['one', 'two']) assert.equal(await plain(opened, 'twin', password), 'not-authorized');
  await opened.ask({ ldapFilter: '(&(uid=%u)(sn=juliet))' });
  assert.equal(await plain(opened, 'juliet', 'capulet'), 'success');
  assert.equal(await plain(opened, 'romeo', 'montague'), 'not-authorized');
  await opened.ask({ ...byDn, ldapFilter: '(&(uid=%u)(objectClass=inetOrgPerson))' });
  assert.equal(await plain(opened, 'juliet', 'capulet'), 'success');
  await opened.ask({ ldapFilter: '(&(uid=%u)(title=admin))' });
  assert.equal(await plain(opened, 'juliet', 'capulet'), 'not-authorized');
});

describe('nobody gets in by what they type', () => {
  for (const name of ['*', 'jul*', 'juliet)(uid=*', '*)(uid=*', 'juliet,ou=people', 'a*b', '%u', '\\2a', 'juliet#', 'juliet;x'])
    test(`the name ${name}`, async () => {
      for (const policy of [byDn, bySearch]) {
        const opened = await open(policy);
        for (const password of ['capulet', 'star', 'looking'])
          assert.equal(await plain(opened, name, password), 'not-authorized', JSON.stringify(policy));
        await opened.close();
      }
      ground = undefined;
    });

  test('a name that has such characters is itself', async () => {
    for (const policy of [byDn, bySearch]) {
      const opened = await open(policy);
      assert.equal(await plain(opened, 'a*b(c)', 'star'), 'success');
      await opened.close();
    }
    ground = undefined;
  });

  test('an empty password, or one with NUL', async () => {
    const opened = await open(byDn);
    for (const password of ['', '\0', 'capulet\0', '\0capulet'])
      assert.equal(await plain(opened, 'juliet', password), 'malformed-request');
  });
});

test('no password goes without TLS, nor to a server that does not prove who it is, nor by a service account that is wrong', async () => {
  const opened = await open({ ...byDn, ldapCa: (await ldapIdentity()).ca }, urls()[1]);
  assert.equal(await plain(opened, 'juliet', 'capulet'), 'temporary-auth-failure');
  await opened.ask({ ldapCa: identity.ca, ldapDn: '', ...bySearch, ldapBindSecret: 'wrong' });
  assert.equal(await plain(opened, 'juliet', 'capulet'), 'temporary-auth-failure');
  await opened.ask({ ldapBindDn: '' });
  assert.equal(await plain(opened, 'juliet', 'capulet'), 'temporary-auth-failure', 'nobody may search without a name here');
});

test('a disabled account is not let in, and loses its token', async () => {
  const opened = await open(byDn);
  const token = tokenIn(await (await opened.come()).asks(authenticate('PLAIN', '\0juliet\0capulet')));
  assert.match(await byToken(opened, 'juliet', token), /^<success /);
  await opened.operate('user-disable', { jid: 'juliet@a.example' });
  assert.equal(await plain(opened, 'juliet', 'capulet'), 'account-disabled');
  await opened.operate('user-enable', { jid: 'juliet@a.example' });
  assert.match(await byToken(opened, 'juliet', token), /<not-authorized/);
  assert.equal(await plain(opened, 'juliet', 'capulet'), 'success');
});
