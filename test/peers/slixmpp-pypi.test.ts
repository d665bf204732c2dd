/** slixmpp of PyPI against Skylark, with what Debian's does not know: each script under `slixmpp-pypi/` on two domains of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import { Skylark } from '../support/skylark.ts';
import { runScript } from './python-script.ts';

/** A folder that `.ci/slixmpp` has filled. */
const folder = process.env.SKYLARK_SLIXMPP;
const skip: string | false = !folder && 'SKYLARK_SLIXMPP does not name a folder that .ci/slixmpp has filled';

describe('slixmpp of PyPI', { skip }, () => {
  let skylark: Skylark;

  let componentPort: number;

  before(async () => {
    [componentPort] = (await freePorts(1)) as [number];
    skylark = await Skylark.start(undefined, ['--component-port', `${componentPort}`]);
  });

  after(() => skylark.stop());

  /** @returns the domain that it has, beside `other.` of it */
  function addTenants(script: string): string {
    const domain = `${script}.pypi.test`;
    for (const tenant of [domain, `other.${domain}`]) skylark.command('tenant', 'add', tenant);
    skylark.addUser(`juliet@${domain}`, 'capulet');
    skylark.addUser(`romeo@other.${domain}`, 'montague');
    return domain;
  }

  const run = (script: string, args: readonly (string | number)[], count: number) =>
    runScript(`./slixmpp-pypi/${script}.py`, [skylark.ports.c2s, ...args], count, { program: `${folder}/bin/python` });

  test('what clients put into messages passes whole between two domains, and is archived whole', async () => {
    await run('contents', [addTenants('contents')], 36);
  });

  test('client state, reports, who has access, contacts of the host', async () => {
    const domain = addTenants('account');
    const page = 'https://status.verona.example/xmpp.json';
    await skylark.policy(domain, '--abuse-contacts', 'mailto:abuse@verona.example', '--status-urls', page);
    await run('account', [domain], 12);
    assert.match(skylark.command('report', 'list', domain), new RegExp(`mercutio@other\\.${domain}`));
    assert.match(skylark.command('report', 'list', `other.${domain}`), /^\s*$/);
  });

  test('XEP-0472, XEP-0503, XEP-0462, XEP-0413: feeds, spaces, and the order in which items and archives are read', async () => {
    await run('feeds', [addTenants('feeds')], 21);
  });

  test('rooms: XEP-0249, XEP-0317, XEP-0410, XEP-0421, XEP-0424, XEP-0425, XEP-0433, XEP-0463, XEP-0486, XEP-0500', async () => {
    await run('rooms', [addTenants('rooms')], 19);
  });

  test('XEP-0222, XEP-0223, XEP-0292, XEP-0334: what is kept for whom, and what is not', async () => {
    await run('storage', [addTenants('storage')], 7);
  });

  test('XEP-0478, XEP-0504, XEP-0485: what a host says of its limits, of data and of other hosts', async () => {
    const domain = addTenants('host');
    const data = ['--terms-url', 'https://verona.example/terms', '--data-access', 'admins,government', '--data-encrypted', 'yes'];
    await skylark.policy(domain, ...data, '--retention-days', '30', '--server-info', 'on');
    await run('host', [domain], 8);
  });

  test('XEP-0357, XEP-0492, XEP-0215: a push to an app server of another tenant, and servers for calls', async () => {
    const domain = addTenants('push');
    const component = `push.other.${domain}`;
    const secret = /shown again: (\S+)/.exec(skylark.command('component', 'add', component))?.[1];
    assert.ok(secret);
    await skylark.policy(domain, '--call-servers', 'turn:turn.verona.example', '--turn-secret', 'thorn');
    await run('push', [domain, componentPort, component, secret], 12);
  });
});
