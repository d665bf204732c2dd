/** Of the program: of the package, or of the bundle, that this file is in. */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

const manifest = JSON.parse(readFileSync(findPackageJSON(import.meta.url)!, 'utf8')) as { version: string };

export const { version } = manifest;
