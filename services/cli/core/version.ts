/** The version of the program, from the manifest of the package or the bundle that contains this file. */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

const manifest = JSON.parse(readFileSync(findPackageJSON(import.meta.url)!, 'utf8')) as { version: string };

export const { version } = manifest;
