/** IRC through Debian's biboumi, as a component (XEP-0114): a user of ours and one of Debian's prosody join a channel and talk both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removeFolder, temporaryFolder } from '../cli/skylark-command.ts';
import { freePorts } from '../support/free-ports.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { startGateway } from './biboumi-gateway.ts';
import { openNeighbours, ours } from './federation-neighbours.ts';

const gatewayDomain = `irc.${ours}`;
const channel = `#hall@${gatewayDomain}`;

/** Joins a channel, as one joins a room (XEP-0045). */
async function enter(client: TcpClient, nick: string): Promise<void> {
  client.send(`<presence to='${channel}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  const isSelf = ({ name, xml, attributes }: { name: string; xml: string; attributes: Readonly<Record<string, string>> }) =>
    name === 'presence' && attributes.from === `${channel}/${nick}` && attributes.type === undefined && xml.includes('110');
  await client.next(isSelf);
}

function hears(client: TcpClient, from: string, text: string) {
  return client.next(
    ({ name, xml, attributes }) => name === 'message' && attributes.from === from && xml.includes(`<body>${text}</body>`),
  );
}

test('users of ours and of another server talk on IRC, both ways', async () => {
  const folder = temporaryFolder();
  const [componentPort] = (await freePorts(1)) as [number];
  await using neighbours = await openNeighbours('prosody', 'certificates alone', { component: gatewayDomain, componentPort });
  const { skylark } = neighbours;
  const said = skylark.command('component', 'add', gatewayDomain);
  const secret = /shown again: (\S+)/.exec(said)?.[1];
  assert.ok(secret, said);
  const address = `127.60.${(process.pid % 250) + 1}.1`;
  const gateway = await startGateway({ folder, address, domain: gatewayDomain, secret, componentPort });
  try {
    const benvolio = await gateway.join('benvolio', '#hall');

    const juliet = await neighbours.here('juliet/balcony');
    await enter(juliet, 'Juliet');
    await benvolio.sees(/^:Juliet!\S+ JOIN :?#hall/);
    juliet.send(`<message to='${channel}' type='groupchat'><body>from ours</body></message>`);
    await benvolio.sees(/^:Juliet!\S+ PRIVMSG #hall :from ours$/);
    benvolio.say('to ours');
    await hears(juliet, `${channel}/benvolio`, 'to ours');

    const romeo = await neighbours.there('romeo/orchard');
    await enter(romeo, 'Romeo');
    await benvolio.sees(/^:Romeo!\S+ JOIN :?#hall/);
    romeo.send(`<message to='${channel}' type='groupchat'><body>from elsewhere</body></message>`);
    await benvolio.sees(/^:Romeo!\S+ PRIVMSG #hall :from elsewhere$/);
    await hears(juliet, `${channel}/Romeo`, 'from elsewhere');
    benvolio.say('to all');
    await hears(romeo, `${channel}/benvolio`, 'to all');
    await hears(juliet, `${channel}/benvolio`, 'to all');

    // To one person, and who leaves is gone.
    benvolio.whisper('Romeo', 'in secret');
    await romeo.next(({ name, xml }) => name === 'message' && xml.includes('<body>in secret</body>'));
    juliet.send(`<presence type='unavailable' to='${channel}/Juliet'/>`);
    await benvolio.sees(/^:Juliet!\S+ (?:PART|QUIT)/);
  } catch (error) {
    console.log(gateway.output.slice(-5_000), '-----\n', skylark.output.slice(-5_000));
    throw error;
  } finally {
    await gateway.stop();
    removeFolder(folder);
  }
});
