/** The other servers of the simulator: what they do themselves must not look like a fault of ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimProcess } from './simulator/process.ts';
import { Random } from './simulator/random.ts';
import { type FarEnd, Pipe } from './simulator/remote/pipe.ts';
import { RemoteHistory } from './simulator/remote/remote-history.ts';
import { type PeerDoor, RemoteServer } from './simulator/remote/remote-server.ts';
import { XmlSplitter } from './simulator/remote/xml-splitter.ts';
import { attribute, isStanza, tagOf } from './simulator/stanza-text.ts';
import { World } from './simulator/world.ts';

const contacts = ['romeo@a.example', 'mercutio@b.example'];
const answers: Readonly<Record<string, string>> = {
  'stream:stream': `<stream:stream id='1'><stream:features/>`,
  'db:result': `<db:result type='valid'/>`,
  enable: '<enabled/>',
};

test('a server that has died sends nothing of what it had before, to neither of our domains', async () => {
  const world = new World(new Random(1));
  const node = new Node(world);
  const remote = new RemoteServer({
    ...{ world, random: new Random(2), history: new RemoteHistory(), domain: 'x.example' },
    ...{
      contacts,
      accounts: ['anna@x.example'],
      confirms: 'acks',
      isEager: true,
      verifies: false,
      isDirectTls: false,
      isBothWays: false,
    },
    doors: () => [node],
    ownerOf: () => undefined,
  });
  remote.start();
  for (const contact of contacts) remote.sendMessage('anna@x.example', contact);
  await world.run(1_000);
  remote.die(true);
  node.isAnswering = true;
  await world.run(10_000);
  assert.equal(node.heard.join('\n'), '');
  remote.start();
  await world.run(20_000);
  const shown = node.heard.filter((text) => text.includes('<status>'));
  assert.deepEqual(
    shown.map((text) => `${attribute(text, 'to')} ${/<status>([^<]*)</.exec(text)?.[1]}`).sort(),
    contacts.map((contact) => `${contact} r2`).sort(),
  );
  assert.ok(!node.heard.some((text) => tagOf(text) === 'message'));
});

/** One of our nodes: once it answers, it believes everybody. It confirms nothing. */
class Node implements PeerDoor {
  isAnswering = false;
  readonly heard: string[] = [];
  readonly #world: World;
  readonly #process: SimProcess;

  constructor(world: World) {
    this.#world = world;
    this.#process = new SimProcess(world, 'c1', 1, 0);
  }

  connect(far: FarEnd): Pipe {
    const pipe = new Pipe(this.#world, new Random(3), this.#process);
    pipe.open(far);
    const splitter = new XmlSplitter();
    pipe.socket.on('error', () => {});
    pipe.socket.on('data', (data) => {
      for (const part of splitter.push(data.toString())) {
        const answer = answers[tagOf(part)];
        if (isStanza(part)) this.heard.push(part);
        else if (answer !== undefined && this.isAnswering) pipe.socket.write(Buffer.from(answer));
      }
    });
    return pipe;
  }
}
