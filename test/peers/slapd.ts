/** OpenLDAP's slapd (Debian's slapd) in a folder of its own, on ports of loopback, with people in it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../support/free-ports.ts';

export const suffix = 'dc=example,dc=org';

export interface SlapdIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Person {
  readonly uid: string;
  readonly password: string;
  /** Below which unit: `people` or `staff`. */
  readonly unit?: string;
}

const schema = ['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`);

/** The value of an attribute in LDIF, whatever characters it has. */
const ldif = (name: string, value: string) => `${name}:: ${Buffer.from(value).toString('base64')}`;

export class Slapd {
  readonly ports: { readonly plain: number; readonly tls: number };
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #said = '';

  private constructor(folder: string, [plain, tls]: readonly [number, number]) {
    this.#folder = folder;
    this.ports = { plain, tls };
  }

  static async start(identity: SlapdIdentity, people: readonly Person[]): Promise<Slapd> {
    const slapd = new Slapd(mkdtempSync(join(tmpdir(), 'skylark-slapd-')), (await freePorts(2)) as [number, number]);
    slapd.#configure(identity, people);
    await slapd.#start();
    return slapd;
  }

  /** Everything that it has logged of requests. */
  get said(): string {
    return this.#said;
  }

  #configure({ ca, cert, key }: SlapdIdentity, people: readonly Person[]): void {
    const at = (name: string) => join(this.#folder, name);
    mkdirSync(at('db'));
    for (const [name, text] of Object.entries({ ca, cert, key })) writeFileSync(at(`${name}.pem`), text);
    writeFileSync(
      at('slapd.conf'),
      [
        ...schema,
        'modulepath /usr/lib/ldap',
        'moduleload back_mdb',
        `pidfile ${at('slapd.pid')}`,
        `TLSCACertificateFile ${at('ca.pem')}`,
        `TLSCertificateFile ${at('cert.pem')}`,
        `TLSCertificateKeyFile ${at('key.pem')}`,
        'security simple_bind=128', // no password without TLS
        'database mdb',
        `suffix "${suffix}"`,
        `directory ${at('db')}`,
        `rootdn "cn=admin,${suffix}"`,
        'access to attrs=userPassword by anonymous auth by * none',
        `access to * by dn.exact="cn=search,${suffix}" read by self read by * none`,
        '',
      ].join('\n'),
    );
    const entries = [
      [`dn: ${suffix}`, 'objectClass: dcObject', 'objectClass: organization', 'o: Example', 'dc: example'],
      ...['people', 'staff'].map((unit) => [`dn: ou=${unit},${suffix}`, 'objectClass: organizationalUnit', `ou: ${unit}`]),
      [
        `dn: cn=search,${suffix}`,
        ...['objectClass: organizationalRole', 'objectClass: simpleSecurityObject', 'cn: search', 'userPassword: looking'],
      ],
      ...people.map(({ uid, password, unit = 'people' }) => [
        ldif(
          'dn',
          `uid=${[...Buffer.from(uid)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')},ou=${unit},${suffix}`,
        ),
        ...['objectClass: inetOrgPerson', ldif('uid', uid), ldif('cn', uid), ldif('sn', uid), ldif('userPassword', password)],
      ]),
    ];
    writeFileSync(at('people.ldif'), `${entries.map((lines) => lines.join('\n')).join('\n\n')}\n`);
    const added = spawnSync('/usr/sbin/slapadd', ['-f', at('slapd.conf'), '-l', at('people.ldif')], { encoding: 'utf8' });
    if (added.status !== 0) throw new Error(`slapadd: ${added.stderr}${added.error ?? ''}`);
  }

  async #start(): Promise<void> {
    const { plain, tls } = this.ports;
    const urls = `ldap://127.0.0.1:${plain}/ ldaps://127.0.0.1:${tls}/`;
    const child = spawn('/usr/sbin/slapd', ['-d', 'stats', '-f', join(this.#folder, 'slapd.conf'), '-h', urls], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
    for (let tries = 0; !(await isOpen(tls)); tries++) {
      if (tries > 100 || child.exitCode !== null) throw new Error(`slapd did not start: ${this.#said}`);
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
