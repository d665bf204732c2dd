/**
 * The Tracing port: traces of stanzas through the processes of a deployment, which say what process had a stanza when, and for how long. The
 * trace of a stanza is a function of the stanza's id, so all processes join it, and what they send each other has nothing for it. What stanzas
 * say, and whom they are for, is in none.
 */
export interface Span {
  end(error?: unknown): void;
}

export interface TracedWork {
  readonly name: string;
  /** The process asks another one, answers it, or reads and writes rows. */
  readonly side: 'asks' | 'answers' | 'stores';
  /** The stanzas that it is for. Absent: as of the work within which this begins. */
  readonly ids?: readonly string[];
  /** It is the first that is done for these stanzas: other spans are under it. */
  readonly isFirst?: boolean;
  readonly attributes?: Readonly<Record<string, string | number>>;
}

export interface Tracing {
  /** @returns undefined when none of the stanzas is traced */
  begin(work: TracedWork): Span | undefined;
  /** What begins while this runs, and whatever it waits for, is under the span. */
  within<Result>(span: Span, run: () => Result): Result;
  /** Sends what waits, for a bounded time. */
  stop(): Promise<void>;
}
