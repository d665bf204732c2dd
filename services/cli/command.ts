/** The shape of a command. */
import type { Options, Values } from './core/arguments.ts';
import * as shared from './core/options.ts';

export interface Command {
  /** The name, of one or two words: `user add`. */
  readonly name: string;
  /** The positional arguments, as the usage line shows them: `JID`, `[DOMAIN]`. */
  readonly positionals: readonly string[];
  readonly summary: string;
  /** More lines for the help of the command. */
  readonly text: readonly string[];
  readonly options: Options;
  /** Runs the command. @returns the exit code */
  run(values: Values<Options>, positionals: readonly string[]): Promise<number>;
}

/**
 * Makes the compiler check that `run` takes values of the types that the options have. A command on a data folder reads the file of
 * settings, so that it finds the folder of the service.
 */
export function command<Of extends Options>(
  given: Omit<Command, 'options' | 'run' | 'text' | 'positionals'> & {
    readonly positionals?: readonly string[];
    readonly text?: readonly string[];
    readonly options: Of;
    run(values: Values<Of>, positionals: readonly string[]): Promise<number>;
  },
): Command {
  const options = given.options.data === shared.data ? { ...given.options, settings: shared.settings } : given.options;
  return { positionals: [], text: [], ...given, options } as Command;
}

export const anyTimeText = ['The service may be running or stopped.'];
