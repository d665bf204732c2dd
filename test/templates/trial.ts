/** What is tried in a deployment, step by step. The same steps show that a plant is found. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { xml } from '@xmpp/client';
import type { Landed } from '../../services/cli/canary/lambda.ts';
import { runScript } from '../peers/python-script.ts';
import { type Authority, createAuthority } from '../support/authority.ts';
import { addressRecord, srvRecord, startDnsServer } from '../support/dns-server.ts';
import { tryConsole } from './console.ts';
import type { Deployment } from './deployment.ts';
import { callFunction } from './function-call.ts';
import { callPages } from './pages-function.ts';
import { Person } from './people.ts';
import { tryScaleIn } from './scale-in.ts';
import { domains, type Shape } from './templates.ts';

const [first, second] = domains;
const host = `xmpp.${first}`;
const deployPage = fileURLToPath(new URL('../../docs/deploy.md', import.meta.url));
/** As test/peers/slixmpp/person.py has them. */
const people = [
  [`juliet@${first}`, 'capulet'],
  [`romeo@${first}`, 'montague'],
  [`nurse@${first}`, 'angelica'],
  [`romeo@${second}`, 'of another house'],
] as const;
/** Nodes look for certificates every 30 to 45 s. */
const certificateTimeoutMs = 60_000;
const stepTimeoutMs = 20_000;
const doors = { c2s: 5222, c2sTls: 5223, https: 443, s2s: 5269, s2sTls: 5270 };

export class Trial {
  readonly #deployment: Deployment;
  readonly #shape: Shape;
  readonly #people: Person[] = [];
  #authority!: Authority;

  constructor(deployment: Deployment, shape: Shape) {
    this.#deployment = deployment;
    this.#shape = shape;
  }

  /** The steps that another program is not needed for. */
  get steps(): readonly (readonly [string, () => Promise<void>])[] {
    const tls = 'every port shows the certificate of the tenant that is asked for, and one to whom no name is said';
    const xmppjs = 'two tenants sign in with xmpp.js, by STARTTLS, TLS and WebSocket, talk, meet in a room and share a file';
    return [
      ['tables expire rows, can be recovered and are protected as the templates say', async () => this.checkTables()],
      ['every variable of a task is one that its program knows', async () => this.checkVariables()],
      ['tenants, accounts and certificates are added with the commands that are printed', () => this.addTenants()],
      [
        this.#isSmall ? 'certificates are shown within a minute' : 'tasks that face the internet start',
        () => this.showCertificates(),
      ],
      [tls, () => this.checkTls()],
      ['the health check of each task passes', async () => this.checkHealth()],
      [xmppjs, () => this.talk()],
      ['another server gets a stream, and what is for one waits for it', () => this.reachServers()],
      ['the function serves pages with the variables and rights of its template', () => this.callPages()],
      [
        'the console opens by the printed link, and keys of two tenants reach the API, through the CDN',
        () => tryConsole(this.#deployment),
      ],
      ['the canary finds the domain by DNS, signs in, writes and hears itself', () => this.flyCanary()],
      ...(this.#isSmall
        ? []
        : [
            [
              'the function that takes tasks away has one drained, and then wants one less',
              () => tryScaleIn(this.#deployment),
            ] as const,
          ]),
      ['SIGTERM ends each task in order', () => this.stopTasks()],
      ['the canary tells that nobody answers any more', () => this.missTasks()],
      ['each role was allowed what its task asked for, and no process told of an error', async () => this.checkRights()],
    ];
  }

  get #isSmall(): boolean {
    return this.#shape === 'small';
  }

  checkTables(): void {
    const table = (name: string, isRecoverable: boolean) => ({ name, expiresBy: 'e', isRecoverable, isProtected: true });
    const wanted = [table('skylark-core', true), table('skylark-archive', true), table('skylark-live', false)];
    assert.deepEqual(this.#deployment.resources.tables, wanted);
  }

  checkVariables(): void {
    for (const task of this.#deployment.templates.tasks())
      assert.deepEqual(this.#deployment.strangeVariables(task), [], `serve ${task.tier}`);
  }

  /** The tasks run already, but for those of a cell that face the internet. */
  async addTenants(): Promise<void> {
    const deployment = this.#deployment;
    await deployment.run(this.#isSmall ? { all: 1 } : { router: 2, muc: 2, federation: 1, api: 2 });
    const { values } = deployment.templates;
    this.#authority = await createAuthority();
    for (const line of values.outputs('Tenant')) await deployment.command(line);
    const { out } = await deployment.command('npx skylark cell list --dynamodb aws --region eu-central-1');
    assert.match(out, new RegExp(`^skylark +${host} +s2s.${first} +3$`, 'm'));
    const names = [first, second, host];
    for (const domain of names) {
      const { cert, key } = await this.#authority.issue([domain]);
      for (const [name, pem] of Object.entries({ cert, key })) writeFileSync(this.#path(domain, name), pem);
    }
    const given = { R: 'eu-central-1', ARN: values.output('CertificateKeyArn') };
    for (const domain of names)
      await deployment.command(
        told('certificate add', {
          ...{ ...given, D: domain },
          ...{ 'fullchain.pem': this.#path(domain, 'cert'), 'privkey.pem': this.#path(domain, 'key') },
        }),
      );
    for (const [jid, password] of people) await deployment.command(told('user add', { ...given, 'NAME@D': jid }), password);
  }

  async showCertificates(): Promise<void> {
    if (!this.#isSmall) await this.#deployment.run({ connection: 3, peers: 1 });
    const until = performance.now() + certificateTimeoutMs;
    for (;;) {
      try {
        await this.checkTls();
        return;
      } catch (error) {
        if (performance.now() > until) throw error;
        await new Promise((resolve) => void setTimeout(resolve, 500));
      }
    }
  }

  async checkTls(): Promise<void> {
    for (const [port, ALPNProtocols] of [
      [doors.c2sTls, ['xmpp-client']],
      [doors.https, ['http/1.1']],
      [doors.s2sTls, ['xmpp-server']],
    ] as const) {
      for (const servername of [first, second, host, undefined]) {
        const given = {
          port: this.#deployment.port(port),
          host: '127.0.0.1',
          ca: this.#authority.cert,
          ALPNProtocols: [...ALPNProtocols],
        };
        const socket = connect({ ...given, servername: servername ?? '', checkServerIdentity: () => undefined });
        try {
          await once(socket, 'secureConnect', { signal: AbortSignal.timeout(stepTimeoutMs) });
          const { subjectaltname } = socket.getPeerCertificate();
          assert.equal(subjectaltname, `DNS:${servername ?? first}`, `port ${port}`);
        } finally {
          socket.destroy();
        }
      }
    }
  }

  checkHealth(): void {
    const { tasks } = this.#deployment;
    assert.deepEqual(
      tasks.map((task) => [task.definition.tier, this.#deployment.checkHealth(task)]),
      tasks.map(({ definition }) => [definition.tier, 0]),
    );
  }

  async talk(): Promise<void> {
    const port = (door: keyof typeof doors) => this.#deployment.port(doors[door]);
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the name is 127.0.0.1; certificates have been checked
    const urls = [
      `xmpp://127.0.0.1:${port('c2s')}`,
      `xmpps://127.0.0.1:${port('c2sTls')}`,
      `wss://127.0.0.1:${port('https')}/xmpp-websocket`,
    ];
    for (const [index, url] of urls.entries()) {
      const juliet = await this.#signIn(url, 'juliet', first, 'capulet');
      const romeo = await this.#signIn(urls[(index + 1) % urls.length]!, 'romeo', second, 'of another house');
      await juliet.says(`romeo@${second}`, `O Romeo ${index}`);
      assert.match(`${(await romeo.hears(`O Romeo ${index}`)).attrs.from}`, new RegExp(`^juliet@${first}/`));
      await romeo.says(`juliet@${first}`, `I take thee at thy word ${index}`);
      await juliet.hears(`I take thee at thy word ${index}`);
      const hall = `hall${index}@conference.${first}`;
      assert.equal(await juliet.enters(hall, 'Juliet'), 'owner/moderator');
      await juliet.xmpp.iqCaller.request(
        xml(
          'iq',
          { type: 'set', to: hall },
          xml('query', { xmlns: 'http://jabber.org/protocol/muc#owner' }, xml('x', { xmlns: 'jabber:x:data', type: 'submit' })),
        ),
      );
      assert.equal(await romeo.enters(hall, 'Romeo'), 'none/participant');
      await romeo.says(hall, `If I profane ${index}`, 'groupchat');
      await juliet.hears(`If I profane ${index}`);
      const body = Buffer.from(`a letter ${index}`);
      const { url: letter, status, again } = await juliet.uploads('letter.txt', 'text/plain', body);
      assert.deepEqual([status, again], [200, 412], 'a slot is used once');
      assert.equal(await (await fetch(letter)).text(), `${body}`);
      await this.leave();
    }
  }

  /** Debian's slixmpp, with the scripts that other tests have, too. */
  async slixmpp(script: string, count: number): Promise<void> {
    const ports = [this.#deployment.port(doors.c2s), this.#deployment.port(doors.c2sTls)];
    await runScript(`./slixmpp/${script}.py`, [...ports, first], count);
  }

  /** No other server is there, so a message waits in a row, which the tier for other servers deletes when it has given up. */
  async reachServers(): Promise<void> {
    const socket = connectPlain(this.#deployment.port(doors.s2s), '127.0.0.1');
    const opening = `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'`;
    socket.write(`${opening} from='montague.example' to='${first}' version='1.0'>`);
    let said = '';
    for await (const chunk of socket) {
      said += chunk;
      if (said.includes('</stream:features>')) break;
    }
    socket.destroy();
    assert.match(said, /<starttls xmlns=['"]urn:ietf:params:xml:ns:xmpp-tls['"]/);
    const juliet = await this.#signIn(`xmpps://127.0.0.1:${this.#deployment.port(doors.c2sTls)}`, 'juliet', first, 'capulet');
    await juliet.says('nobody@montague.invalid', 'Is anybody there?');
    const [tier, waits] = [this.#isSmall ? 'all' : 'federation', new RegExp(`^${first}/s/`)];
    await this.#until('nobody has dealt with what waits for another server', () =>
      [...this.#deployment.gate.allowed.values()].some(
        ({ role, deleted = [] }) => role === tier && deleted.some((partition) => waits.test(partition)),
      ),
    );
    await this.leave();
  }

  /** Whoever is there goes: they would sign in again for ever. */
  async leave(): Promise<void> {
    await Promise.all(this.#people.splice(0).map(({ xmpp }) => xmpp.stop()));
  }

  async callPages(): Promise<void> {
    const { gate, templates } = this.#deployment;
    const { variables } = templates.function('Pages');
    const given = { ...variables, AWS_REGION: 'eu-central-1', ...gate.keyVariables('pages') };
    const asked = [first, second, host].map((name) => [name, '/.well-known/host-meta'] as const);
    const { pages, read } = await callPages(this.#deployment.functionBundle('web-lambda'), given, [
      ...asked,
      [first, '/'],
      [second, '/.well-known/host-meta.json'],
    ]);
    assert.deepEqual(
      pages.map(({ statusCode }) => statusCode),
      [200, 200, 200, 200, 200],
    );
    for (const { body } of pages.slice(0, 3)) assert.match(body, new RegExp(`wss://${host}/xmpp-websocket`));
    const policy = pages[3]!.headers['content-security-policy'] ?? '';
    for (const origin of variables.SKYLARK_FILES_ORIGINS!.split(' ')) assert.ok(policy.includes(origin), policy);
    assert.deepEqual(
      Object.keys(variables).filter((name) => !read.includes(name)),
      [],
      'the function looks at no such variable',
    );
  }

  async flyCanary(): Promise<void> {
    const { templates } = this.#deployment;
    await this.#deployment.command(templates.values.output('CanaryAccount'), 'of nobody');
    const { answer, metrics, read } = await this.#callCanary();
    assert.deepEqual(answer.failed, []);
    assert.ok(answer.checks > 10, `${answer.checks} checks`);
    assert.equal(metrics.get('CanaryPasses'), 1);
    const { variables } = templates.function('Canary');
    assert.deepEqual(
      Object.keys(variables).filter((name) => !read.includes(name)),
      [],
      'the function looks at no such variable',
    );
  }

  async missTasks(): Promise<void> {
    const { answer, metrics } = await this.#callCanary();
    assert.ok(answer.failed.length > 0, 'nothing has failed');
    assert.equal(metrics.get('CanaryPasses'), 0);
  }

  async #callCanary() {
    const { gate, templates } = this.#deployment;
    const port = (door: keyof typeof doors) => this.#deployment.port(doors[door]);
    const names = await startDnsServer([
      srvRecord(`_xmpp-client._tcp.${first}`, host, port('c2s')),
      srvRecord(`_xmpps-client._tcp.${first}`, host, port('c2sTls')),
      addressRecord(host),
    ]);
    const ca = join(this.#deployment.folder, 'authority.pem');
    writeFileSync(ca, this.#authority.cert);
    const given = {
      ...templates.function('Canary').variables,
      ...{
        SKYLARK_WEB_URL: this.#deployment.front.url,
        SKYLARK_DNS_SERVER: names.address,
        NODE_EXTRA_CA_CERTS: ca,
        AWS_REGION: 'eu-central-1',
      },
      ...gate.keyVariables('canary'),
    };
    const called = await callFunction<Landed>(this.#deployment.functionBundle('canary-lambda'), given, [{}]).finally(names.close);
    return { answer: called.answers[0]!, ...called };
  }

  async stopTasks(): Promise<void> {
    const { tasks } = this.#deployment;
    const outer = tasks.filter(({ definition }) => definition.doors.length > 0);
    const inner = tasks.filter((task) => !outer.includes(task));
    for (const group of [outer, inner]) {
      const ends = group.map(async (task) => {
        const began = performance.now();
        const code = await this.#deployment.stopTask(task);
        return [task.definition.tier, code, performance.now() - began < task.definition.stopTimeoutSeconds * 1_000];
      });
      assert.deepEqual(
        await Promise.all(ends),
        group.map(({ definition }) => [definition.tier, 0, true]),
      );
    }
  }

  checkRights(): void {
    const { gate, templates } = this.#deployment;
    assert.deepEqual([...gate.denied.values()], [], 'rights that are missing in the templates');
    assert.deepEqual(gate.strange, []);
    const askers = new Set([...gate.allowed.values()].map(({ role }) => role));
    const wanted = [
      ...templates.tasks().map(({ tier }) => tier),
      'pages',
      'canary',
      'operator',
      ...(this.#isSmall ? [] : ['scale-in']),
    ];
    assert.deepEqual(
      wanted.filter((role) => !askers.has(role)),
      [],
      'nothing was asked with these roles',
    );
    assert.deepEqual(this.#deployment.errors(), []);
  }

  async #signIn(...given: Parameters<typeof Person.signIn>): Promise<Person> {
    const person = await Person.signIn(...given);
    this.#people.push(person);
    return person;
  }

  #path(domain: string, kind: string): string {
    return join(this.#deployment.folder, `${domain}.${kind}`);
  }

  async #until(otherwise: string, isSo: () => boolean): Promise<void> {
    for (const until = performance.now() + stepTimeoutMs; !isSo(); ) {
      if (performance.now() > until) throw new Error(otherwise);
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
  }
}

/** The command as docs/deploy.md tells it, with its words in capitals, and its files, exchanged. */
function told(words: string, exchanged: Readonly<Record<string, string>>): string {
  const page = readFileSync(deployPage, 'utf8').replaceAll(/\s+/g, ' ');
  const found = [...page.matchAll(/`(npx skylark [^`]+)`/g)].find(([, line]) => line!.startsWith(`npx skylark ${words} `))?.[1];
  if (found === undefined) throw new Error(`docs/deploy.md does not tell how to run ${words}`);
  return found
    .split(' ')
    .map((word) => exchanged[word] ?? word)
    .join(' ');
}
