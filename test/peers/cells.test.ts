/**
 * Two deployments of Skylark as cells that talk to each other, each in processes apart: a domain that is made while they run federates under
 * its own certificate, and so do its rooms.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { type Addresses, removeFolder, Service, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { bodyOf } from '../federation/deployments.ts';
import { type Authority, createAuthority } from '../support/authority.ts';
import { addressRecord, type DnsServer, srvRecord, startDnsServer } from '../support/dns-server.ts';
import { freePorts } from '../support/free-ports.ts';
import { type Received, TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();
const password = 'capulet';
let authority: Authority;
let dns: DnsServer;

class Cell {
  readonly data: string;
  readonly address: string;
  readonly #ports: readonly number[];
  service!: Service;

  private constructor(name: string, address: string, ports: readonly number[]) {
    this.data = join(folder, name);
    this.address = address;
    this.#ports = ports;
  }

  /** @param domain its first */
  static async start(domain: string, address: string): Promise<Cell> {
    const cell = new Cell(domain, address, await freePorts(6));
    const [c2s, c2sTls, http, https, s2s, s2sTls] = cell.#ports.map(String);
    cell.service = await Service.start(
      [
        ...['cluster', '--data', cell.data, '--domain', domain, '--bind', address, '--certificates', 'store'],
        ...['--connections', '1', '--routers', '1', '--muc', '1', '--federation', '2', '--component-port', '0'],
        ...['--c2s-port', c2s!, '--c2s-tls-port', c2sTls!, '--http-port', http!, '--https-port', https!],
        ...['--s2s-port', s2s!, '--s2s-tls-port', s2sTls!, '--s2s-ca', join(folder, 'ca.pem')],
        ...['--s2s-resolver', dns.address, '--s2s-networks', '127.0.0.0/8'],
      ],
      'ready',
    );
    await cell.certify(domain);
    return cell;
  }

  async command(...args: string[]): Promise<void> {
    const { code, out, err } = await skylark([...args, '--data', this.data]);
    assert.equal(code, 0, `${args.join(' ')}: ${out}${err}`);
  }

  /** The domain gets a certificate of its own, and its servers are found. */
  async certify(domain: string): Promise<void> {
    const names = [domain, `conference.${domain}`];
    const { cert, key } = await authority.issue(names);
    const [certFile, keyFile] = [join(folder, `${domain}.cert.pem`), join(folder, `${domain}.key.pem`)];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    for (const name of names) dns.records.push(srvRecord(`_xmpp-server._tcp.${name}`, `xmpp.${domain}`, this.#ports[4]!));
    dns.records.push(addressRecord(`xmpp.${domain}`, this.address));
    await this.command('certificate', 'add', domain, '--cert', certFile, '--key', keyFile);
  }

  async join(jid: string): Promise<TcpClient> {
    await this.command('user', 'add', jid.split('/')[0]!, '--password', password);
    const listening = this.service.events.find(({ event, service }) => event === 'listening' && service === 'connection')!;
    const { port } = (listening.addresses as Addresses).c2sTls!;
    const client = await TcpClient.signIn(port, jid, password, this.address);
    client.send('<presence/>');
    await client.next('presence');
    return client;
  }
}

describe('two cells', { skip: skipWithoutNats }, () => {
  let a: Cell;
  let b: Cell;
  let romeo: TcpClient;

  before(async () => {
    authority = await createAuthority();
    dns = await startDnsServer([]);
    writeFileSync(join(folder, 'ca.pem'), authority.cert);
    const network = `127.60.${(process.pid % 250) + 1}`;
    a = await Cell.start('a.example', `${network}.2`);
    b = await Cell.start('b.example', `${network}.3`);
    // Whoever is let in now is so by a certificate of its own.
    await b.command('tenant', 'set', 'b.example', '--proof', 'certificate');
    romeo = await b.join('romeo@b.example/orchard');
  });

  after(async () => {
    await Promise.all([a?.service.stop(), b?.service.stop()]);
    dns?.close();
    removeFolder(folder);
  });

  const isSaid = ({ name, xml, attributes }: Received) =>
    name === 'message' && attributes.type !== 'error' && bodyOf(xml) !== undefined;
  const isPresence =
    (from: string) =>
    ({ name, attributes }: Received) =>
      name === 'presence' && attributes.from === from && attributes.type === undefined;

  test('a domain that was made a moment ago talks to the other cell, proved by its own certificate, and its rooms do', async () => {
    await a.command('tenant', 'add', 'c.example');
    await a.certify('c.example');
    const nurse = await a.join('nurse@c.example/street');
    romeo.send(`<message to='nurse@c.example' type='chat'><body>to a new domain</body></message>`);
    assert.equal(bodyOf((await nurse.next(isSaid)).xml), 'to a new domain');
    nurse.send(`<message to='romeo@b.example' type='chat'><body>from a new domain</body></message>`);
    assert.equal(bodyOf((await romeo.next(isSaid)).xml), 'from a new domain');
    const room = 'hall@conference.c.example';
    const enter = (client: TcpClient, nick: string) =>
      client.send(`<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    enter(nurse, 'Nurse');
    await nurse.next(isPresence(`${room}/Nurse`));
    const form = `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`;
    await nurse.ask('open', `<iq type='set' id='open' to='${room}'>${form}</iq>`);
    enter(romeo, 'Romeo');
    await romeo.next(isPresence(`${room}/Nurse`));
    await nurse.next(isPresence(`${room}/Romeo`));
    romeo.send(`<message to='${room}' type='groupchat'><body>in a new room</body></message>`);
    for (const client of [nurse, romeo]) assert.equal(bodyOf((await client.next(isSaid)).xml), 'in a new room');
    const proved = /"host":"c\.example","peer":"b\.example","way":"certificate","isProven":true/;
    await until(
      () => proved.test(a.service.said.err),
      () => a.service.said.err,
    );
  });
});
