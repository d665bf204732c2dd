/** Sends traces to a collector by OpenTelemetry's protocol (OTLP, protobuf over HTTP). Only a process that is told an endpoint loads it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Span as OpenSpan, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type IdGenerator, RandomIdGenerator, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Span, TracedWork, Tracing } from '../ports/tracing.ts';
import { adapterLimits } from './limits.ts';
import { traceOf } from './trace-ids.ts';

export interface OtlpOptions {
  /** The address of the collector, to which `v1/traces` is added. */
  readonly endpoint: string;
  /** The share of stanzas that are traced, from 0 to 1. All processes of a deployment have the same, or traces have holes. */
  readonly share: number;
  /** What the process does, such as `router`, its name, and the version of the program. */
  readonly service: string;
  readonly name: string;
  readonly version: string;
}

const kinds = { asks: SpanKind.CLIENT, answers: SpanKind.SERVER, stores: SpanKind.INTERNAL } as const;

export function startOtlpTracing(options: OtlpOptions): Tracing {
  return new OtlpTracing(options);
}

/** The root of a trace has the ids that its stanza has; all others are drawn. */
class Ids implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  next: { readonly traceId: string; readonly rootId: string } | undefined;

  generateTraceId(): string {
    return this.next?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.next?.rootId ?? this.#random.generateSpanId();
  }
}

/** One span for each traced stanza of a batch. */
class Spans implements Span {
  readonly all: readonly OpenSpan[];

  constructor(all: readonly OpenSpan[]) {
    this.all = all;
  }

  end(error?: unknown): void {
    for (const span of this.all) {
      // The message of an error may name addresses.
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).name });
      span.end();
    }
  }
}

class OtlpTracing implements Tracing {
  readonly #share: number;
  readonly #ids = new Ids();
  readonly #provider: TracerProvider;
  readonly #current = new AsyncLocalStorage<Spans>();
  /** Stanzas whose root was sent. A batch that is tried again has the same, and a trace has one root. */
  readonly #rooted = new Set<string>();

  constructor({ endpoint, share, service, name, version }: OtlpOptions) {
    this.#share = share;
    const base = endpoint.endsWith('/') ? endpoint : `${endpoint}/`;
    const exporter = new OTLPTraceExporter({ url: new URL('v1/traces', base).href, timeoutMillis: adapterLimits.otlpTimeoutMs });
    const maxQueueSize = adapterLimits.otlpSpansMax;
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        ...{ 'service.name': `skylark-${service}`, 'service.namespace': 'skylark' },
        ...{ 'service.instance.id': name, 'service.version': version },
      }),
      idGenerator: this.#ids,
      spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize })],
    });
  }

  begin(work: TracedWork): Span | undefined {
    const spans = work.ids === undefined ? this.#within(work) : this.#ofStanzas(work, work.ids);
    return spans.length === 0 ? undefined : new Spans(spans);
  }

  within<Result>(span: Span, run: () => Result): Result {
    return this.#current.run(span as Spans, run);
  }

  async stop(): Promise<void> {
    await this.#provider.shutdown().catch(() => {}); // the collector may be away
  }

  #within(work: TracedWork): readonly OpenSpan[] {
    return (this.#current.getStore()?.all ?? []).map((outer) => this.#under(work, outer.spanContext()));
  }

  #ofStanzas(work: TracedWork, ids: readonly string[]): readonly OpenSpan[] {
    const spans: OpenSpan[] = [];
    for (const id of ids) {
      if (spans.length === adapterLimits.tracedPerBatchMax) break;
      const { traceId, rootId, lot } = traceOf(id);
      if (lot >= this.#share) continue;
      const outer = this.#current
        .getStore()
        ?.all.find((span) => span.spanContext().traceId === traceId)
        ?.spanContext();
      if (work.isFirst && !this.#rooted.has(id)) spans.push(this.#root(work, id, { traceId, rootId }));
      else spans.push(this.#under(work, outer ?? { traceId, spanId: rootId }));
    }
    return spans;
  }

  #root(work: TracedWork, id: string, ids: { readonly traceId: string; readonly rootId: string }): OpenSpan {
    this.#rooted.add(id);
    if (this.#rooted.size > adapterLimits.tracedRootsMax) this.#rooted.delete(this.#rooted.values().next().value!);
    this.#ids.next = ids;
    try {
      return this.#tracer.startSpan(work.name, { ...optionsOf(work), root: true });
    } finally {
      this.#ids.next = undefined;
    }
  }

  #under(work: TracedWork, { traceId, spanId }: { readonly traceId: string; readonly spanId: string }): OpenSpan {
    const outer = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
    return this.#tracer.startSpan(work.name, optionsOf(work), trace.setSpanContext(ROOT_CONTEXT, outer));
  }

  get #tracer() {
    return this.#provider.getTracer('skylark');
  }
}

function optionsOf({ side, attributes }: TracedWork) {
  return { kind: kinds[side], ...(attributes && { attributes }) };
}
