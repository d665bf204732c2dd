/** Synthesizes a cell with a test's settings, as `cdk synth` does, with the flags of cdk.json. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { buildCell, type Cell } from '../lib/cell.ts';
import { base, type Context, flags, type Json, scratch } from './context.ts';

export function newApp(context: Context): App {
  return new App({ outdir: mkdtempSync(join(scratch, 'out-')), context: { ...flags, ...base, ...context } });
}

export interface Resource {
  readonly Type: string;
  readonly Properties: Json;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

export type StackName = keyof Cell;

export interface Synthesis {
  readonly app: App;
  readonly cell: Cell;
  readonly templates: Readonly<Record<StackName, Template>>;
  /** All resources of a type with their ids; fails if there are none. */
  resources(stack: StackName, type: string): [string, Resource][];
  /** The only resource of a type; fails if there are several. */
  only(stack: StackName, type: string): Resource & { readonly id: string };
}

const stackNames: readonly StackName[] = ['data', 'net', 'web', 'app'];

/** @param build another than that of this tree */
export function synthesize(context: Context, build: typeof buildCell = buildCell): Synthesis {
  const app = newApp(context);
  const cell = build(app);
  const assembly = app.synth();
  const template = (name: StackName) => Template.fromJSON(assembly.getStackByName(cell[name].stackName).template);
  const templates = Object.fromEntries(stackNames.map((name) => [name, template(name)])) as Record<StackName, Template>;
  const resources = (stack: StackName, type: string) => {
    const found = Object.entries(templates[stack].findResources(type)) as [string, Resource][];
    if (found.length === 0) throw new Error(`the stack ${stack} has no ${type}`);
    return found;
  };
  const only = (stack: StackName, type: string) => {
    const [[id, resource], ...others] = resources(stack, type) as [[string, Resource]];
    if (others.length > 0) throw new Error(`the stack ${stack} has more than one ${type}`);
    return { id, ...resource };
  };
  return { app, cell, templates, resources, only };
}

const known = new Map<string, Synthesis>();

/** The two shapes with the fewest settings; made once per test file. */
export function shape(name: 'small' | 'cell'): Synthesis {
  const found = known.get(name) ?? synthesize({ shape: name });
  known.set(name, found);
  return found;
}

export const shapes = ['small', 'cell'] as const;
