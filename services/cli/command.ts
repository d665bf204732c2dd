/** The shape of a command. */
import type { Options, Values } from './core/arguments.ts';

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

/** Makes the compiler check that `run` takes values of the types that the options have. */
export function command<Of extends Options>(
  given: Omit<Command, 'options' | 'run' | 'text' | 'positionals'> & {
    readonly positionals?: readonly string[];
    readonly text?: readonly string[];
    readonly options: Of;
    run(values: Values<Of>, positionals: readonly string[]): Promise<number>;
  },
): Command {
  return { positionals: [], text: [], ...given } as Command;
}

export const anyTimeText = ['The service may be running or stopped.'];
