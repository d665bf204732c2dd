/** Where the bundles are that the stacks deploy: the output of `npm run bundle`, in the project's `dist` unless a setting says otherwise. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

export type BundleName =
  | 'skylark'
  | 'web-lambda'
  | 'certificates-lambda'
  | 'canary-lambda'
  | 'bus-keys-lambda'
  | 'scale-in-lambda';

interface Needs {
  readonly bundles: string;
  readonly image?: string;
  readonly certificates: 'acme' | 'pem';
  readonly canary: string;
  readonly shape: 'small' | 'cell';
}

/** A path in the settings is seen from the project's folder, in which `cdk` runs. */
export function bundleFolder({ bundles }: Pick<Needs, 'bundles'>, name: BundleName): string {
  return resolve(import.meta.dirname, '../..', bundles, name);
}

/** An empty asset would be deployed without complaint, so the bundles are looked at beforehand. @returns a sentence for each */
export function missingBundles(needs: Needs): readonly string[] {
  const wanted: readonly BundleName[] = [
    'web-lambda',
    ...(needs.image === undefined ? (['skylark'] as const) : []),
    ...(needs.certificates === 'acme' ? (['certificates-lambda'] as const) : []),
    ...(needs.canary === 'none' ? [] : (['canary-lambda'] as const)),
    ...(needs.shape === 'cell' ? (['bus-keys-lambda', 'scale-in-lambda'] as const) : []),
  ];
  return wanted
    .filter((name) => !existsSync(join(bundleFolder(needs, name), 'index.mjs')))
    .map((name) => `${join(needs.bundles, name, 'index.mjs')} is missing; make the bundles with \`npm run bundle\``);
}
