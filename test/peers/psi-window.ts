/**
 * Debian's Psi+ in a window of its own (Xvfb), with a profile that is written before it starts: an account, and an authority that it trusts beside
 * those of the system. A test presses what is in its windows. It has no port of its own for bytestreams, so it needs a proxy.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Desktop } from './desktop.ts';

export interface PsiAccount {
  readonly jid: string;
  readonly password: string;
  /** The service listens there on 127.0.0.1, for STARTTLS. */
  readonly port: number;
  /** PEM. */
  readonly authority: string;
  /** The address of the proxy for bytestreams. */
  readonly proxy: string;
}

export class PsiWindow {
  readonly #desktop: Desktop;
  readonly #home: string;
  readonly #variables: NodeJS.ProcessEnv;

  private constructor(desktop: Desktop, home: string) {
    this.#desktop = desktop;
    this.#home = home;
    this.#variables = { PSIDATADIR: join(home, 'psi'), QT_QPA_PLATFORM: 'xcb', QT_LINUX_ACCESSIBILITY_ALWAYS_ON: '1' };
  }

  /** Signs in, with the resource `psi`. */
  static async open(account: PsiAccount): Promise<PsiWindow> {
    const home = mkdtempSync(join(tmpdir(), 'skylark-psi-'));
    writeProfile(join(home, 'psi'), account);
    const window = new PsiWindow(await Desktop.open(home), home);
    window.#desktop.start(['psi-plus'], window.#variables);
    return window;
  }

  /** Opens the chat with a client of somebody's. */
  openChat(jid: string): Promise<void> {
    const variables = Object.entries(this.#variables).map(([name, value]) => `${name}=${value}`);
    return this.#desktop.call('env', ...variables, 'psi-plus', '--remote', `--uri=xmpp:${jid}?message;type=chat`);
  }

  /** Offers a file to whom the chat that is open is with. */
  async sendFile(path: string): Promise<void> {
    await this.#desktop.press('Send File', 'Press');
    await this.#desktop.write('File name:', path);
    await this.#desktop.press('Open', 'Press');
    await this.#desktop.press('Send', 'Press');
  }

  /** Runs the first command that the domain offers, and answers its form. @param answers by the labels of the fields @param outcome label of a field that the answer has */
  async runFirstCommand(answers: Readonly<Record<string, string>>, outcome: string): Promise<void> {
    await this.#desktop.press('Service Discovery', 'Press');
    await this.#desktop.choose('Skylark');
    await this.#desktop.press('Execute command', 'Press');
    await this.#desktop.press('Execute', 'Press');
    for (const [label, text] of Object.entries(answers)) await this.#desktop.write(label, text);
    await this.#desktop.press('Finish', 'Press');
    await this.#desktop.see(outcome);
  }

  screenshot(path: string): void {
    this.#desktop.screen.picture(path);
  }

  close(): void {
    this.#desktop.close();
    rmSync(this.#home, { recursive: true, force: true });
  }
}

function writeProfile(folder: string, { jid, password, port, authority, proxy }: PsiAccount): void {
  const profile = join(folder, 'profiles/default');
  const certificates = join(folder, 'certs');
  for (const one of [profile, certificates]) mkdirSync(one, { recursive: true });
  writeFileSync(join(certificates, 'ca.crt'), authority);
  const account = {
    enabled: true,
    auto: true,
    name: jid,
    jid,
    password: hidden(password, jid),
    'use-host': true,
    host: '127.0.0.1',
    port,
    ssl: 'yes',
    'automatic-resource': false,
    resource: 'psi',
    'allow-plain': 'over encryped',
    'bytestreams-proxy': proxy,
  };
  // No window opens unasked, and the password is the one above.
  const options = {
    keychain: { enabled: false },
    p2p: { bytestreams: { 'listen-port': 0 } },
    ui: { tip: { show: false } },
    vcard: { 'query-own-vcard-on-login': false },
  };
  writeFileSync(
    join(profile, 'accounts.xml'),
    `<accounts xmlns="${namespace}"><accounts><a0>${xmlOf(account)}</a0></accounts></accounts>`,
  );
  writeFileSync(join(profile, 'options.xml'), `<options xmlns="${namespace}"><options>${xmlOf(options)}</options></options>`);
}

const namespace = 'http://psi-im.org/options';
const types = { boolean: 'bool', number: 'int', string: 'QString' } as const;

type Option = boolean | number | string | { readonly [name: string]: Option };

function xmlOf(options: { readonly [name: string]: Option }): string {
  const texts = Object.entries(options).map(([name, value]) =>
    typeof value === 'object'
      ? `<${name}>${xmlOf(value)}</${name}>`
      : `<${name} type="${types[typeof value as keyof typeof types]}">${value}</${name}>`,
  );
  return texts.join('');
}

/** As Psi+ keeps it: each character with one of the address laid over it, in hexadecimal. */
function hidden(password: string, jid: string): string {
  const codes = [...password].map((character, at) => character.charCodeAt(0) ^ jid.charCodeAt(at % jid.length));
  return codes.map((code) => code.toString(16).padStart(4, '0')).join('');
}
