/** slixmpp of PyPI against Skylark, with what Debian's does not know: each script under `slixmpp-pypi/` on two domains of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { runScript } from './python-script.ts';

/** A folder that `.ci/slixmpp` has filled. */
const folder = process.env.SKYLARK_SLIXMPP;
const skip: string | false = !folder && 'SKYLARK_SLIXMPP does not name a folder that .ci/slixmpp has filled';

/** Script, what it is about, and how many things it must have seen. */
const scripts = [
  ['contents', 'what clients put into messages passes whole between two domains, and is archived whole', 36],
  ['account', 'client state, reports, who has access, contacts of the host', 12],
] as const;

describe('slixmpp of PyPI', { skip }, () => {
  let skylark: Skylark;

  before(async () => {
    skylark = await Skylark.start();
  });

  after(() => skylark.stop());

  for (const [script, title, count] of scripts) {
    test(title, async () => {
      const domain = `${script}.pypi.test`;
      for (const tenant of [domain, `other.${domain}`]) skylark.command('tenant', 'add', tenant);
      skylark.addUser(`juliet@${domain}`, 'capulet');
      skylark.addUser(`romeo@other.${domain}`, 'montague');
      if (script === 'account') {
        const page = 'https://status.verona.example/xmpp.json';
        await skylark.policy(domain, '--abuse-contacts', 'mailto:abuse@verona.example', '--status-urls', page);
      }
      const options = { program: `${folder}/bin/python` };
      await runScript(`./slixmpp-pypi/${script}.py`, [skylark.ports.c2s, domain], count, options);
      const reported = script === 'account' ? new RegExp(`mercutio@other\\.${domain}`) : /^\s*$/;
      assert.match(skylark.command('report', 'list', domain), reported);
    });
  }
});
