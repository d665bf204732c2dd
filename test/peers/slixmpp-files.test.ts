/** Files between two of Debian's slixmpp: through the proxy (XEP-0065), in band (XEP-0047), offered (XEP-0095, XEP-0096), by Jingle (XEP-0166). */
import { after, before, test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import { Skylark } from '../support/skylark.ts';
import { runScript } from './python-script.ts';

const scripts = [
  ['bytestreams', 'files through the proxy of the domain, and who may not use it', 10],
  ['transfers', 'in-band bytestreams, offers of files and Jingle pass whole', 16],
] as const;

let skylark: Skylark;

before(async () => {
  const [proxy] = await freePorts(1);
  skylark = await Skylark.start('localhost', ['--proxy-port', `${proxy}`, '--proxy-host', '127.0.0.1']);
});

after(() => skylark.stop());

for (const [script, title, count] of scripts) {
  test(`slixmpp: ${title}`, async () => {
    const domain = `${script}.test`;
    for (const tenant of [domain, `other.${domain}`]) {
      skylark.command('tenant', 'add', tenant);
      skylark.addUser(`juliet@${tenant}`, 'capulet');
    }
    skylark.addUser(`romeo@${domain}`, 'montague');
    await runScript(`./slixmpp/${script}.py`, [skylark.ports.c2s, skylark.ports.c2sTls, domain], count);
  });
}
