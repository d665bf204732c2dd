/**
 * `npm run bundle -- [--out FOLDER] [NAME…]` writes `dist/<name>/index.mjs` for each program that runs in a cloud. Each file is
 * complete: it needs nothing but Node. The same tree always gives the same bytes.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, type Metafile } from 'esbuild';

interface Bundle {
  /** Files of the folder, by name without `.mjs`. */
  readonly entries: Readonly<Record<string, string>>;
  /** The destination of the web client's files. */
  readonly client?: string;
  /** The destination of the files of the API's reference page. */
  readonly reference?: string;
  /** The destination of the files that pages of the console load. */
  readonly console?: string;
}

const bundles: Readonly<Record<string, Bundle>> = {
  skylark: {
    entries: { index: 'services/main.ts', 'sqlite-writer': 'lib/adapters/sqlite-writer.ts' },
    client: 'client',
    reference: 'api-reference',
    console: 'console-assets',
  },
  'web-lambda': { entries: { index: 'services/web/lambda.ts' }, client: 'assets/client' },
  'certificates-lambda': { entries: { index: 'services/certificates/lambda.ts' } },
  'canary-lambda': { entries: { index: 'services/cli/canary/lambda.ts' } },
  'bus-keys-lambda': { entries: { index: 'services/bus-keys/lambda.ts' } },
  'scale-in-lambda': { entries: { index: 'services/scale-in/lambda.ts' } },
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Files of the client that our pages never load: source maps, and unminified files that also come minified. */
const unused = /\.map$|^(?:converse|website)\.(?:js|css)$|^website\./;

/** Files of packages that pages of the console load. */
const consoleFiles = [
  'htmx.org/dist/htmx.min.js',
  'htmx.org/dist/ext/hx-sse.min.js',
  'uplot/dist/uPlot.iife.min.js',
  'uplot/dist/uPlot.min.css',
];

/** ws and debug use these packages if they are installed, and work without them. */
const optional: readonly string[] = ['bufferutil', 'utf-8-validate', 'supports-color'];

/** CommonJS packages call `require` for built-in modules when they run. */
const banner = `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`;

async function bundle(name: string, { entries, client, reference, console: assets }: Bundle, folder: string): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { ...entries },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: banner },
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'linked',
    metafile: true,
    logLevel: 'warning',
  });
  refuseMissing(name, metafile);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ name, version, type: 'module', private: true }, null, 2)}\n`);
  if (client !== undefined) copyClient(join(folder, client));
  if (reference !== undefined) copyReference(join(folder, reference));
  if (assets !== undefined) copyAssets(join(folder, assets));
  const bytes = Object.entries(metafile.outputs).reduce(
    (sum, [path, output]) => sum + (path.endsWith('.mjs') ? output.bytes : 0),
    0,
  );
  return `${name}: ${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** An import that is left to be resolved at run time would fail there. */
function refuseMissing(name: string, { outputs }: Metafile): void {
  const known = new Set([...builtinModules, ...optional]);
  const missing = Object.values(outputs).flatMap(({ imports }) =>
    imports.filter(({ path, external }) => external && !path.startsWith('node:') && !known.has(path)).map(({ path }) => path),
  );
  if (missing.length > 0) throw new Error(`${name} needs modules that it does not contain: ${[...new Set(missing)].join(', ')}`);
}

function copyClient(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const from = join(root, 'node_modules', 'converse.js', 'dist');
  cpSync(from, folder, { recursive: true, filter: (path) => !unused.test(basename(path)) });
}

function copyReference(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const from = join(root, 'node_modules', 'swagger-ui-dist');
  for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png', 'LICENSE', 'NOTICE'])
    cpSync(join(from, name), join(folder, name));
}

function copyAssets(folder: string): void {
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'services', 'console', 'assets'), folder, { recursive: true });
  for (const path of consoleFiles) cpSync(join(root, 'node_modules', path), join(folder, basename(path)));
}

const { values, positionals: wanted } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true });
const out = resolve(values.out ?? join(root, 'dist'));
const unknown = wanted.filter((name) => !Object.hasOwn(bundles, name));
if (unknown.length > 0)
  throw new Error(`unknown bundle ${unknown.join(', ')}; it must be one of ${Object.keys(bundles).join(', ')}`);
for (const [name, each] of Object.entries(bundles)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(await bundle(name, each, join(out, name)));
}
