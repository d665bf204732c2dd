/** A span that lasts as long as what it is for. */
import type { Span } from '../ports/tracing.ts';

/** Ends the span as the work ends. */
export async function spanning<Result>(span: Span, work: () => Promise<Result>): Promise<Result> {
  try {
    const result = await work();
    span.end();
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  }
}
