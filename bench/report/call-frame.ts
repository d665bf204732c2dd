/** How profiles of V8 name a function. */

export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

const root = new URL('../..', import.meta.url).href;

/** Is it a function of this checkout, and not of the engine, of Node or of a package? */
export function isOurs({ url }: CallFrame): boolean {
  return url.startsWith(root) && !url.includes('/node_modules/');
}

/** The file below the checkout, or below `node_modules`; '(native)' for the engine's own functions. */
export function fileOf({ url }: CallFrame): string {
  if (url === '') return '(native)';
  const modules = url.lastIndexOf('/node_modules/');
  if (modules >= 0) return url.slice(modules + '/node_modules/'.length);
  return url.startsWith(root) ? url.slice(root.length) : url;
}

/** The name of a function, its file and its line. */
export function functionOf(frame: CallFrame): string {
  const line = frame.url === '' ? '' : `:${frame.lineNumber + 1}`;
  return `${frame.functionName || '(anonymous)'}  ${fileOf(frame)}${line}`;
}

export function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value);
}

/** The largest sums, largest first. */
export function largest(sums: ReadonlyMap<string, number>, max: number): [name: string, sum: number][] {
  return [...sums].sort(([, a], [, b]) => b - a).slice(0, max);
}
