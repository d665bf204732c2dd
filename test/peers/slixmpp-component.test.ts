/** A component of Debian's slixmpp (XEP-0114): it echoes, and acts for an account as far as it may (XEP-0356). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { runScript } from './python-script.ts';

const [domain, component] = ['a.example', 'sms.a.example'];
const password = 'capulet';

test('a component of slixmpp echoes, changes a roster and speaks for an account', async () => {
  const [port] = (await freePorts(1)) as [number];
  const skylark = await Skylark.start(domain, ['--component-port', `${port}`]);
  try {
    for (const local of ['juliet', 'romeo']) skylark.addUser(`${local}@${domain}`, password);
    const secret = /shown again: (\S+)/.exec(skylark.command('component', 'add', component))?.[1];
    assert.ok(secret);
    skylark.command('component', 'grant', component, 'roster=both', 'message=outgoing');
    await skylark.felt();
    const juliet = await TcpClient.signIn(skylark.ports.c2sTls, `juliet@${domain}/balcony`, password);
    const romeo = await TcpClient.signIn(skylark.ports.c2sTls, `romeo@${domain}/orchard`, password);
    for (const client of [juliet, romeo]) client.send('<presence/>');
    const args = ['127.0.0.1', port, component, secret, `juliet@${domain}`, `romeo@${domain}`];
    const script = runScript('slixmpp/component.py', args, 5);
    const spoken = await Promise.race([romeo.next('message'), script.then(() => undefined)]);
    assert.match(spoken?.xml ?? '', /from="juliet@a\.example".*<body>from the telephone<\/body>/s);
    juliet.send(`<message to='echo@${component}' type='chat'><body>hello</body></message>`);
    assert.match((await juliet.next('message')).xml, /you said: hello/);
    const roster = await juliet.ask('r', `<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`);
    assert.match(roster.xml, /jid="12345@sms\.a\.example"[^>]*name="Nurse"|name="Nurse"[^>]*jid="12345@sms\.a\.example"/);
    juliet.send(`<message to='${component}' type='chat'><body>leave</body></message>`);
    await script;
  } finally {
    await skylark.stop();
  }
});
