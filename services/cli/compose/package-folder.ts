/** Where the files of an npm package are. */
import { findPackageJSON } from 'node:module';
import { dirname } from 'node:path';
import { Refusal } from '../core/report.ts';

/** @throws {Refusal} when it is missing */
export function packageFolder(name: string): string {
  const manifest = findPackageJSON(name, import.meta.url);
  if (manifest === undefined) throw new Refusal(`the npm package ${name} is missing; get it with: npm ci`);
  return dirname(manifest);
}
