/**
 * XEP-0227 with Debian's ejabberd and Prosody: accounts go to them in a file that we write, and come back in a file that they write, with their
 * passwords.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { TcpClient } from '../support/tcp-client.ts';

const folder = temporaryFolder();
const hasEjabberd = globSync('/usr/lib/*/ejabberd-*/ebin/ejabberd_piefxis.beam').length > 0;
const migrator = globSync('/usr/bin/prosody-migrator')[0];
const domain = 'a.example';
/** Two folders: where accounts leave, and where they come back to. */
const data = { there: join(folder, 'there'), back: join(folder, 'back') };

const everything = `<server-data xmlns='urn:xmpp:pie:0'><host jid='${domain}'><user name='juliet' password='s3crEt'>
  <query xmlns='jabber:iq:roster'><item jid='romeo@b.example' name='Romeo' subscription='both'><group>Friends</group></item></query>
  <presence xmlns='jabber:client' type='subscribe' from='mercutio@b.example'/>
  <vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>
  <query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><defaultnick>Jule</defaultnick></exodus></query>
  <query xmlns='jabber:iq:privacy'><default name='b'/><list name='b'><item type='jid' value='tybalt@b.example' action='deny' order='1'/></list></query>
  <pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='http://jabber.org/protocol/nick'><x xmlns='jabber:x:data' type='submit'>
    <field var='pubsub#access_model'><value>open</value></field></x></configure></pubsub>
  <pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='http://jabber.org/protocol/nick'><item id='current'>
    <nick xmlns='http://jabber.org/protocol/nick'>Jule</nick></item></items></pubsub>
  <offline-messages><message xmlns='jabber:client' from='romeo@b.example/x' to='juliet@${domain}' type='chat'><body>it waits</body>
    <delay xmlns='urn:xmpp:delay' from='${domain}' stamp='2024-01-01T10:00:02Z'/></message></offline-messages>
  <archive xmlns='urn:xmpp:pie:0#mam'><result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'>
    <delay xmlns='urn:xmpp:delay' stamp='2024-01-01T10:00:00Z'/><message xmlns='jabber:client' from='romeo@b.example/x' to='juliet@${domain}'
    type='chat'><body>it is old</body></message></forwarded></result></archive></user></host></server-data>`;

before(async () => {
  for (const path of Object.values(data)) {
    const service = await Service.start(['start', '--data', path, '--domain', domain, ...anyPorts]);
    assert.equal(await service.stop(), 0);
  }
  writeFileSync(join(folder, 'first.xml'), everything);
  await done('there', 'import', join(folder, 'first.xml'), domain);
});
after(() => removeFolder(folder));

async function done(where: keyof typeof data, ...args: readonly string[]): Promise<string> {
  const { out, err, code } = await skylark([...args, '--data', data[where]]);
  assert.equal(code, 0, err);
  return out;
}

/** Takes the account out of what came back, after a look at it. */
async function comesBack(file: string, expected: string, shown: readonly string[]): Promise<void> {
  assert.match(await done('back', 'import', file, domain), new RegExp(`^imported juliet@${domain}: ${expected}\\n`));
  const again = `${file}.again`;
  await done('back', 'export', domain, again);
  const text = readFileSync(again, 'utf8');
  for (const part of shown) assert.ok(text.includes(part), `${part} is not in ${text}`);
  const service = await Service.start(['start', '--data', data.back, '--domain', domain, ...anyPorts]);
  try {
    const { port } = service.addresses.c2sTls!;
    const client = await TcpClient.signIn(port, `juliet@${domain}/balcony`, 's3crEt');
    client.cut();
    await assert.rejects(TcpClient.signIn(port, `juliet@${domain}/balcony`, 'another'), /not-authorized/);
  } finally {
    await service.stop();
  }
  await done('back', 'user', 'remove', `juliet@${domain}`);
}

const roster = [
  `<item jid='romeo@b.example' name='Romeo' subscription='both'><group>Friends</group></item>`,
  `from='mercutio@b.example'`,
  '<FN>Juliet Capulet</FN>',
  '<defaultnick>Jule</defaultnick>',
];

test('ejabberd takes them in, lets them in by their passwords, and gives them back', {
  skip: !hasEjabberd && 'there is no ejabberd',
}, async () => {
  const at = (name: string) => join(folder, 'ejabberd', name);
  for (const name of ['database', 'out']) mkdirSync(at(name), { recursive: true });
  writeFileSync(
    at('ejabberd.yml'),
    `hosts: ["${domain}"]\nlisten: []\nauth_password_format: scram\nmodules:\n${['blocking', 'disco', 'offline', 'privacy', 'private', 'roster', 'vcard'].map((name) => `  mod_${name}: {}\n`).join('')}`,
  );
  await done('there', 'export', domain, at('in.xml'), '--for', 'ejabberd');
  const check = (password: string) => `ejabberd_auth:check_password(<<"juliet">>, <<"">>, <<"${domain}">>, <<"${password}">>)`;
  const program = `
    ok = ejabberd_piefxis:import_file(<<"${at('in.xml')}">>),
    io:format("they are let in: ~p ~p~n", [${check('s3crEt')}, ${check('another')}]),
    ok = ejabberd_piefxis:export_host("${at('out')}", <<"${domain}">>), halt().`;
  const args = ['-noinput', '-mnesia', 'dir', `"${at('database')}"`, '-s', 'ejabberd', '-eval', program];
  const { stdout, stderr } = spawnSync('erl', args, {
    ...{ encoding: 'utf8', timeout: 120_000, cwd: folder },
    env: {
      ...{ ...process.env, HOME: folder, ERL_LIBS: '/usr/lib/x86_64-linux-gnu', ERL_CRASH_DUMP: at('crash.dump') },
      ...{ EJABBERD_CONFIG_PATH: at('ejabberd.yml'), EJABBERD_LOG_PATH: at('ejabberd.log') },
    },
  });
  assert.match(stdout, /they are let in: true false/, stdout + stderr);
  // The file that names the other one has no domain in its name.
  const main = globSync(at('out/*.xml')).find((path) => !path.includes('_'));
  await comesBack(main!, 'keys 1, .*', [
    ...roster,
    ...[`value='tybalt@b.example' action='deny'`, 'it waits', "mechanism='SCRAM-SHA-1'"],
  ]);
});

test('Prosody keeps them in its own files, and gives them back', {
  skip: migrator === undefined && 'there is no Prosody',
}, async () => {
  const at = (name: string) => join(folder, 'prosody', name);
  for (const name of ['', 'in', 'own', 'out']) mkdirSync(at(name), { recursive: true });
  await done('there', 'export', `juliet@${domain}`, at(`in/juliet@${domain}.xml`));
  // Whoever is root becomes the user that Debian has for Prosody.
  chmodSync(folder, 0o755);
  for (const name of ['', 'in', 'own', 'out']) chmodSync(at(name), 0o777);
  chmodSync(at(`in/juliet@${domain}.xml`), 0o644);
  const migrate = (name: string, from: string, to: string) => {
    const store = (kind: string, type: string, path: string) =>
      `${kind} { hosts = { ["${domain}"] = { "accounts", "roster", "vcard", "private", "pep-pubsub", "archive-archive" } }, type = "${type}", path = "${path}" }\n`;
    const [input, output] = name === 'in' ? ['xep0227', 'internal'] : ['internal', 'xep0227'];
    writeFileSync(at(`${name}.lua`), store('input', input!, from) + store('output', output!, to));
    // Stores of this type are always in the data folder, which the script has as a constant.
    const script = readFileSync(migrator!, 'utf8').replace(/^CFG_DATADIR='.*'/m, `CFG_DATADIR='${name === 'in' ? from : to}'`);
    writeFileSync(at(`migrate-${name}`), script, { mode: 0o755 });
    const { status, stdout, stderr } = spawnSync(at(`migrate-${name}`), ['--config', at(`${name}.lua`), '--keep-going'], {
      ...{ encoding: 'utf8', timeout: 60_000 },
    });
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(stdout, /Error migrating data for user/);
  };
  migrate('in', at('in'), at('own'));
  assert.match(readFileSync(globSync(at('own/*/accounts/juliet.dat'))[0]!, 'utf8'), /stored_key/);
  migrate('out', at('own'), at('out'));
  await comesBack(
    at(`out/juliet@${domain}.xml`),
    'keys 1, contacts 1, requests 1, vCards 1, private 1, nodes 1, items 1, messages 2',
    [...roster, ...['it is old', 'it waits', '>Jule</nick>', "<configure node='http://jabber.org/protocol/nick'>"]],
  );
});
