/**
 * `npm run package -- [--out FOLDER] [--quick]` writes `skylark_VERSION_ARCH.deb`: the bundle, the Node that runs this file, a
 * unit of systemd, a manual page and completion scripts. It needs dpkg-deb and nothing from the network. The scripts that dpkg runs are in
 * `infra/debian`.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { completionOf } from '../services/cli/completion.ts';
import { settingOptions, startOptions } from '../services/cli/compose/start-options.ts';
import { readArguments } from '../services/cli/core/arguments.ts';
import { manPage } from '../services/cli/man-page.ts';
import { settingsText } from '../services/cli/setup/settings-text.ts';
import { unitText } from '../services/cli/setup/unit.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const data = '/var/lib/skylark';
const settings = '/etc/skylark/skylark.toml';
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    /** A larger file, in less time. */
    quick: { type: 'boolean', default: false },
    maintainer: { type: 'string', default: 'Skylark maintainers <maintainers@skylark.invalid>' },
  },
});
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const epoch = Number(process.env.SOURCE_DATE_EPOCH) || treeSeconds();
const architecture = architectures[process.arch];
if (process.platform !== 'linux' || architecture === undefined)
  throw new Error(`there is no package of Debian for ${process.platform} on ${process.arch}: it takes the Node that runs this`);

const stage = mkdtempSync(join(tmpdir(), 'skylark-deb-'));
try {
  chmodSync(stage, 0o755);
  fill();
  const file = join(resolve(flags.out), `skylark_${version}_${architecture}.deb`);
  mkdirSync(dirname(file), { recursive: true });
  run('dpkg-deb', ['--root-owner-group', ...(flags.quick ? ['-Zgzip', '-z1'] : ['-Zxz']), '--build', stage, file]);
  console.log(`${file}: ${(statSync(file).size / 1024 / 1024).toFixed(1)} MiB`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}

function fill(): void {
  const program = join(stage, 'usr/lib/skylark');
  run(process.execPath, [join(root, 'bin/bundle.ts'), '--out', join(stage, 'usr/lib'), 'skylark']);
  mkdirSync(join(program, 'bin'));
  copyFileSync(process.execPath, join(program, 'bin/node'));
  const share = join(stage, 'usr/share');
  write('usr/bin/skylark', readFileSync(join(root, 'infra/debian/skylark'), 'utf8'), 0o755);
  write('etc/skylark/skylark.toml', settingsText({ domain: 'localhost', data }, settingOptions));
  write('lib/systemd/system/skylark.service', unit());
  write('usr/share/man/man1/skylark.1.gz', packed(manPage()));
  write('usr/share/bash-completion/completions/skylark', completionOf('bash'));
  write('usr/share/zsh/vendor-completions/_skylark', completionOf('zsh'));
  write('usr/share/fish/vendor_completions.d/skylark.fish', completionOf('fish'));
  write('usr/share/doc/skylark/changelog.gz', packed(changelog()));
  write('usr/share/doc/skylark/changes.gz', packed(readFileSync(join(root, 'CHANGELOG.md'))));
  write('usr/share/doc/skylark/third-party-licenses.gz', packed(packageLicenses()));
  write('usr/share/doc/skylark/node-license.gz', packed(readFileSync(nodeLicense())));
  cpSync(join(root, 'infra/debian/copyright'), join(share, 'doc/skylark/copyright'));
  write('usr/share/lintian/overrides/skylark', readFileSync(join(root, 'infra/debian/lintian-overrides'), 'utf8'));
  for (const script of ['postinst', 'prerm', 'postrm'])
    write(`DEBIAN/${script}`, readFileSync(join(root, 'infra/debian', script), 'utf8'), 0o755);
  write('DEBIAN/conffiles', `${settings}\n`);
  plainModes(stage);
  write('DEBIAN/control', control());
}

/** The unit for the settings that the package brings. `skylark service install` writes another one, which wins over it, for others. */
function unit(): string {
  const { values } = readArguments('start', startOptions, ['--data', data], {});
  const program = ['/usr/lib/skylark/bin/node', '--enable-source-maps', '/usr/lib/skylark/index.mjs'];
  return unitText({ program, settings, user: 'skylark', values });
}

function control(): string {
  const kib = readdirSync(stage, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('DEBIAN'))
    .reduce((sum, entry) => sum + Math.ceil(statSync(join(entry.parentPath, entry.name)).size / 1024), 0);
  // What Node's own builds ask of the system, and what the scripts of the package call.
  return `Package: skylark
Version: ${version}
Architecture: ${architecture}
Maintainer: ${flags.maintainer}
Installed-Size: ${kib}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 8), passwd
Recommends: ca-certificates
Section: net
Priority: optional
Description: multi-tenant, federated XMPP service
 Skylark serves accounts, rooms and files of many domains over XMPP, with a web
 client, a console and a REST API. What was acknowledged is durable, and nobody
 who comes back later misses a message.
 .
 The package brings its own Node.js. After the installation, the service runs
 for this machine alone; "skylark setup" and "skylark service install" give it
 a domain.
`;
}

function write(path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(join(stage, path)), { recursive: true });
  writeFileSync(join(stage, path), content);
  chmodSync(join(stage, path), mode);
}

/** The time of the package is not kept, so that the same tree gives the same bytes. */
function packed(content: string | Buffer): Buffer {
  return gzipSync(content, { level: 9 });
}

/** Folders and files as Debian wants them, whatever the umask was. Scripts and programs stay what they are. */
function plainModes(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    chmodSync(path, entry.isDirectory() || statSync(path).mode & 0o100 ? 0o755 : 0o644);
    if (entry.isDirectory()) plainModes(path);
  }
}

function nodeLicense(): string {
  const found = join(dirname(dirname(process.execPath)), 'LICENSE');
  if (existsSync(found)) return found;
  throw new Error(`the licence of Node is not at ${found}: use a Node as its makers pack it`);
}

function changelog(): string {
  const date = new Date(epoch * 1_000).toUTCString().replace('GMT', '+0000');
  return `skylark (${version}) stable; urgency=medium\n\n  * See changes.gz beside this file.\n\n -- ${flags.maintainer}  ${date}\n`;
}

/** When the tree was committed, s since 1970: the same tree gives the same bytes. */
function treeSeconds(): number {
  const { stdout } = spawnSync('git', ['-C', root, 'log', '-1', '--format=%ct'], { encoding: 'utf8' });
  return Number(stdout?.trim()) || Math.floor(statSync(join(root, 'package.json')).mtimeMs / 1_000);
}

/** The licences of all packages that the bundle may have parts of, each text once. */
function packageLicenses(): string {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version?: string; license?: string; dev?: boolean; optional?: boolean; link?: boolean }>;
  };
  const users = new Map<string, string[]>();
  for (const [path, { version: found, license, dev, optional, link }] of Object.entries(packages)) {
    if (path === '' || dev || optional || link) continue;
    const folder = join(root, path);
    const file = existsSync(folder) && readdirSync(folder).find((name) => /^(?:licen[cs]e|copying|copyright)/i.test(name));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `(the package names its licence and brings no text)`;
    const name = `${path.replace(/^.*node_modules\//, '')} ${found} (${license ?? 'see below'})`;
    users.set(text, [...(users.get(text) ?? []), name]);
  }
  return [...users].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`).join(`\n${'-'.repeat(80)}\n\n`);
}

function run(command: string, args: readonly string[]): void {
  const env = { ...process.env, SOURCE_DATE_EPOCH: `${epoch}` };
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}`);
}
